"""Several nodes' chunk stores in one process, joined by calls that may be slow, fail or lie."""

import asyncio
import sys
from array import array
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from govault.domain.layout import Placement, SlotTable
from govault.domain.manifest import ChunkRef, unpack
from govault.domain.placement_scores import Rendezvous
from govault.domain.replication import AS_LAYOUT, Asked
from govault.domain.rows import NodeRow
from govault.errors import Cluster, GoVaultError, StorageFull
from govault.limits import PEER_CALL_S_MAX, SLOTS
from govault.ports import Ingested, LinkQuality, NodeStore, SealedChunk
from govault.services.replicas.serving import ReplicaService
from govault.services.replicas.store import ReplicatedStore
from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from schemas.ids import ChunkId

T = TypeVar("T")


def node_row(node_id: str) -> NodeRow:
    """A member."""
    return NodeRow(node_id, "", node_id, "", 1, 0, 0, "", ())


def rotating_table(nodes: Sequence[str], replicas: int, quorum: int, version: int = 1) -> SlotTable:
    """A layout that gives slot s to the nodes s, s + 1, … modulo their number."""
    width = min(replicas, len(nodes))
    flat = array("H", ((slot + place) % len(nodes) for slot in range(SLOTS) for place in range(width)))
    claims = Rendezvous(tuple(nodes), (1,) * len(nodes))
    return SlotTable(version, replicas, quorum, tuple(nodes), width, flat, claims)


class FakeLinks:
    """``LinkQualities`` that ranks by given scores and remembers what it was told."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self.latency_s: dict[str, float] = {}
        self.calls: list[tuple[str, str]] = []

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        self.calls.append(("answered", peer))

    def failed(self, peer: str) -> None:
        self.calls.append(("failed", peer))

    def corrupted(self, peer: str) -> None:
        self.calls.append(("corrupted", peer))

    def of(self, peer: str) -> LinkQuality:
        return LinkQuality(latency_s=self.latency_s.get(peer, 0.0), score=self.scores.get(peer, 1.0))

    def best_first(self, peers: Iterable[str]) -> list[str]:
        return sorted(peers, key=lambda peer: -self.scores.get(peer, 1.0))


@dataclass
class FakeMap:
    """``ClusterMap`` of one node."""

    node_id: str
    placement: Placement
    rows: list[NodeRow]
    down: set[str] = field(default_factory=set)
    fenced: bool = False

    def members(self) -> list[NodeRow]:
        return self.rows

    def is_up(self, node_id: str) -> bool:
        return node_id == self.node_id or node_id not in self.down


@dataclass
class Manners:
    """How a node treats calls.

    Attributes:
        delay_s: Before it answers.
        dead: It refuses connections.
        silent: It never answers.
        full: It has no room for chunks.
        damages: Its chunks come out wrong.
        lies: It says that it has everything and has stored whatever it was sent, keeps nothing, and gives invented
            bytes for whatever it is asked for.
        dies_at: It is dead from this call on (counted from 1).
    """

    delay_s: float = 0.001
    dead: bool = False
    silent: bool = False
    full: bool = False
    damages: bool = False
    lies: bool = False
    dies_at: int = sys.maxsize


class Node:
    """One node: its store, and what it sees of the others."""

    def __init__(self, cluster: "FakeCluster", node_id: str, local: NodeStore, placement: Placement) -> None:
        self.node_id = node_id
        self.local = local
        self.manners = Manners()
        self.map = FakeMap(node_id, placement, [node_row(name) for name in cluster.names])
        self.links = FakeLinks()
        self.referenced: set[ChunkId] = set()
        self.service = ReplicaService(local, self.map, lambda: 0)
        self.any_asks = False
        self.store = ReplicatedStore(
            local, cluster, self.map, self.links, self.referenced.__contains__, any_asks=lambda: self.any_asks
        )

    async def put(self, content: bytes, asked: Asked = AS_LAYOUT) -> tuple[Ingested, list[ChunkRef]]:
        """Upload a content through this node."""
        ingest = self.store.begin(asked)
        try:
            for start in range(0, len(content), 50_000):
                await ingest.write(content[start : start + 50_000])
            ingested = await ingest.finish()
        except BaseException:
            await ingest.abort()
            raise
        return ingested, list(unpack(b"".join(ingest.take_parts()) + ingested.packed))

    async def get(self, manifest: Iterable[ChunkRef]) -> bytes:
        """Read a content through this node."""
        return b"".join([plain async for plain in self.store.read_run(iter(manifest))])

    def has(self, chunk_id: bytes) -> bool:
        """Whether the chunk is in this node's own store."""
        return not self.local.missing([chunk_id])


class FakeCluster:
    """The nodes, and ``PeerStores`` between them (all callers share it)."""

    def __init__(
        self, names: Sequence[str], *, replicas: int = 3, quorum: int = 2, locals_: Sequence[NodeStore] = ()
    ) -> None:
        self.names = list(names)
        self.calls: list[tuple[str, str, int]] = []
        """(peer, method, number of chunks)"""
        self.sealed_by_liars: dict[ChunkId, bytes] = {}
        """What liars were sent and did not keep: they give it for other chunks."""
        table = rotating_table(self.names, replicas, quorum)
        stores = locals_ or [MemoryChunkStore(Keyring(bytes(32)), 4096) for _ in names]
        self.nodes = {
            name: Node(self, name, local, Placement(name, table)) for name, local in zip(names, stores, strict=True)
        }

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def lay_out(self, table: SlotTable, *before: SlotTable) -> None:
        """Give every node another placement."""
        for node in self.nodes.values():
            node.map.placement = Placement(node.node_id, table, before)

    def holders_of(self, chunk_id: bytes) -> list[str]:
        """Nodes that have a chunk, in truth."""
        return [name for name, node in self.nodes.items() if node.has(chunk_id)]

    async def close(self) -> None:
        """End what goes on behind."""
        for node in self.nodes.values():
            await node.store.close()

    async def _call(self, peer: str, what: str, count: int, ask: Callable[[ReplicaService], Awaitable[T]]) -> T:
        node = self.nodes[peer]
        self.calls.append((peer, what, count))
        manners = node.manners
        if sum(name == peer for name, *_ in self.calls) >= manners.dies_at:
            manners.dead = True
        if manners.silent:
            await asyncio.sleep(PEER_CALL_S_MAX)
        else:
            await asyncio.sleep(manners.delay_s)
        if manners.dead or manners.silent:
            raise Cluster(f"{peer} does not answer", code="cluster.unreachable")
        try:
            return await ask(node.service)
        except GoVaultError as error:
            raise Cluster(str(error), code="cluster.refused") from error

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        lacks = await self._call(peer, "confirm", len(chunks), lambda there: there.confirm("caller", chunks, epoch))
        return [] if self.nodes[peer].manners.lies else lacks

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        lacks = await self._call(peer, "missing", len(chunks), lambda there: there.missing("caller", chunks))
        return [] if self.nodes[peer].manners.lies else lacks

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        manners = self.nodes[peer].manners

        async def keep(there: ReplicaService) -> None:
            if manners.full:
                raise StorageFull("the disk is full")
            if manners.lies:
                self.sealed_by_liars.update((chunk.chunk_id, chunk.sealed) for chunk in chunks)
            else:
                await there.store("caller", chunks, epoch)

        await self._call(peer, "store", len(chunks), keep)

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        found = await self._call(peer, "fetch", len(chunks), lambda there: there.fetch("caller", chunks))
        if self.nodes[peer].manners.lies:
            return [SealedChunk(chunk, 4096, self._invented(chunk, at)) for at, chunk in enumerate(chunks)]
        if self.nodes[peer].manners.damages:
            found = [chunk._replace(sealed=chunk.sealed[:-1] + bytes([chunk.sealed[-1] ^ 1])) for chunk in found]
        return found

    def _invented(self, chunk_id: ChunkId, at: int) -> bytes:
        """Noise, nothing, or what some other node really has, under the id of another chunk."""
        others = sorted({other for other in self.sealed_by_liars if other != chunk_id})
        borrowed = self.sealed_by_liars[others[at % len(others)]] if others else b""
        return (b"", bytes(chunk_id) * 100, borrowed)[at % 3]

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        return await self._call(peer, "slot_digests", 0, lambda there: there.slot_digests("caller", slots))

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        return await self._call(peer, "slot_chunks", 0, lambda there: there.slot_chunks("caller", slot, after, limit))
