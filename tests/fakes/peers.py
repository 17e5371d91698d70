"""Nodes that talk over real TLS on loopback; their stores and gossip are in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.errors import StorageFull
from govault.peering.certificates import PeerTls, node_id_of
from govault.peering.client import PeerClient
from govault.peering.server import PeerServer, ServerBounds
from govault.ports import LinkQuality, SealedChunk
from schemas.ids import ChunkId

CA_KEY = b"c" * 32


class RealClock:
    """The machine's time: certificates are checked by OpenSSL, which knows no other."""

    def time_ms(self) -> int:
        """See the port."""
        import time

        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """See the port."""
        return asyncio.get_running_loop().time()


@dataclass
class NotedLinks:
    """Notes what it is told."""

    good: list[tuple[str, float, int]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        """See the port."""
        self.good.append((peer, took_s, size_bytes))

    def failed(self, peer: str) -> None:
        """See the port."""
        self.bad.append(peer)

    def corrupted(self, peer: str) -> None:
        """See the port."""

    def of(self, peer: str) -> LinkQuality:
        """See the port."""
        return LinkQuality()

    def best_first(self, peers: Iterable[str]) -> list[str]:
        """See the port."""
        return list(peers)


@dataclass
class DictReplicas:
    """``ReplicaRequests`` over a dict. ``hold`` makes calls wait; ``full`` refuses to store."""

    chunks: dict[bytes, SealedChunk] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    full: bool = False

    async def confirm(self, caller: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """See the port."""
        self.epochs.append(epoch)
        return await self.missing(caller, chunks)

    async def missing(self, caller: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """See the port."""
        self.callers.append(caller)
        if self.hold is not None:
            await self.hold.wait()
        return [chunk for chunk in chunks if chunk not in self.chunks]

    async def store(self, caller: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See the port."""
        if self.full:
            raise StorageFull("no room here")
        self.epochs.append(epoch)
        self.chunks.update((chunk.chunk_id, chunk) for chunk in chunks)

    async def fetch(self, caller: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See the port."""
        return [self.chunks[chunk] for chunk in chunks if chunk in self.chunks]

    async def slot_digests(self, caller: str, slots: Sequence[int]) -> list[bytes]:
        """See the port."""
        return [slot.to_bytes(16, "big") for slot in slots]

    async def slot_chunks(self, caller: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See the port."""
        return [ChunkId(key) for key in sorted(self.chunks) if key > after][:limit]


@dataclass
class EchoProbes:
    """``ProbeRequests``: answers who asked, and asks on by a client."""

    client: PeerClient | None = None

    async def pinged(self, caller: str, gossip: bytes) -> bytes:
        """See the port."""
        return caller.encode() + b" said " + gossip

    async def ping_for(self, caller: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """See the port."""
        assert self.client is not None
        return await self.client.ping(peer, gossip, timeout_s)


@dataclass
class PeerNode:
    """One node of a ring."""

    key: Ed25519PrivateKey
    tls: PeerTls
    client: PeerClient
    server: PeerServer
    replicas: DictReplicas
    links: NotedLinks

    @property
    def node_id(self) -> str:
        """Its id."""
        return self.tls.node_id

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.address[1]


class Ring:
    """Nodes that know each other. ``members`` and ``addresses`` may be changed at any time."""

    def __init__(self) -> None:
        self.members: set[str] = set()
        self.addresses: dict[str, list[str]] = {}
        self.nodes: list[PeerNode] = []

    def add(self, *, member: bool = True, bounds: ServerBounds | None = None, **client: Any) -> PeerNode:
        """Start one more node."""
        key = Ed25519PrivateKey.generate()
        tls, links, replicas, probes = PeerTls(key, CA_KEY, RealClock()), NotedLinks(), DictReplicas(), EchoProbes()
        probes.client = PeerClient(
            tls=tls,
            is_member=self.members.__contains__,
            addresses=lambda peer: self.addresses.get(peer, []),
            links=links,
            clock=RealClock(),
            **{"peers_max": 10, "call_s": 5.0, **client},
        )
        server = PeerServer(
            tls=tls, is_member=self.members.__contains__, replicas=replicas, probes=probes, bounds=bounds
        )
        server.start("127.0.0.1", 0)
        node = PeerNode(key, tls, probes.client, server, replicas, links)
        self.nodes.append(node)
        self.addresses[node.node_id] = [f"127.0.0.1:{node.port}"]
        if member:
            self.members.add(node.node_id)
        return node

    async def stop(self) -> None:
        """Stop all."""
        for node in self.nodes:
            node.client.close()
        for node in self.nodes:
            await node.server.stop()


@asynccontextmanager
async def ring() -> AsyncIterator[Ring]:
    """A ring that stops at the end."""
    made = Ring()
    try:
        yield made
    finally:
        await made.stop()


def sealed(number: int, size_bytes: int = 100) -> SealedChunk:
    """A chunk of made-up bytes."""
    return SealedChunk(ChunkId(number.to_bytes(32, "big")), size_bytes, bytes([number % 251]) * size_bytes)


def stranger_id() -> str:
    """An id that nobody has."""
    return node_id_of(Ed25519PrivateKey.generate().public_key())
