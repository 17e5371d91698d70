"""Other nodes in memory: chunk stores joined by links that take a while, fail, and bring rot."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from govault.domain.layout import Placement, slot_of, slot_range
from govault.domain.rows import NodeRow
from govault.errors import ChunkDamaged, Cluster, Storage, StorageFull
from govault.limits import PEER_BATCH_BYTES_MAX, PEER_BATCH_CHUNKS_MAX
from govault.ports import LinkQuality, QuarantinedChunk, SealedChunk, StampedChunk, StoreStats
from schemas.ids import ChunkId


def chunk_id_of(content: bytes) -> ChunkId:
    """The id of a chunk of these stores."""
    return ChunkId(hashlib.blake2b(content, digest_size=32).digest())


@dataclass
class PeerStore:
    """What healing asks of a node's chunk store: contents by id, their stamps, and what is quarantined.

    Attributes:
        rotten: Chunks whose next check fails.
        full: Whether it has no room.
        failures_left: So many looks for what is missing fail, where anything is.
    """

    contents: dict[ChunkId, bytes] = field(default_factory=dict)
    stamps: dict[ChunkId, int] = field(default_factory=dict)
    damaged: dict[ChunkId, str] = field(default_factory=dict)
    rotten: set[ChunkId] = field(default_factory=set)
    epoch: int = 0
    full: bool = False
    failures_left: int = 0
    on_damage: Callable[[bytes, str], None] = lambda chunk_id, reason: None

    def put(self, content: bytes) -> ChunkId:
        """Keep a chunk."""
        chunk_id = chunk_id_of(content)
        self.contents[chunk_id] = content
        self.stamp(chunk_id, self.epoch)
        return chunk_id

    def lose(self, chunk_id: ChunkId) -> None:
        """It is gone, as with a lost pack."""
        self.contents.pop(chunk_id, None)
        self.stamps.pop(chunk_id, None)

    def stamp(self, chunk_id: ChunkId, epoch: int) -> None:
        """Raise a stamp."""
        self.stamps[chunk_id] = max(self.stamps.get(chunk_id, 0), epoch, self.epoch)

    def note_epoch(self, epoch: int) -> None:
        """See ``ChunkStore``."""
        self.epoch = max(self.epoch, epoch)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """See ``ChunkStore``."""
        for chunk_id in chunks:
            if chunk_id in self.contents:
                self.stamp(chunk_id, epoch)
        return [chunk_id for chunk_id in chunks if chunk_id not in self.contents]

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        """See ``ChunkStore``."""
        await self.confirm(chunks, epoch)

    async def stats(self) -> StoreStats:
        """See ``ChunkStore``."""
        size = sum(map(len, self.contents.values()))
        return StoreStats(len(self.contents), size, size, 0, 1, size, len(self.damaged), 1 << 40)

    # --- StoreMaintenance ------------------------------------------------------------------------------------

    def missing(self, chunks: Sequence[bytes]) -> list[bytes]:
        """See ``StoreMaintenance``."""
        missing = [chunk_id for chunk_id in chunks if chunk_id not in self.contents]
        if missing and self.failures_left:
            self.failures_left -= 1
            raise Storage("the index cannot be read; look at the disk")
        return missing

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        """See ``StoreMaintenance``."""
        ids = sorted(chunk_id for chunk_id in self.contents if chunk_id > after)[:limit]
        return [StampedChunk(c, self.stamps[c], len(self.contents[c]), len(self.contents[c])) for c in ids]

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        """See ``StoreMaintenance``."""
        due = [c for c in self.stamped(b"", len(self.contents)) if c.chunk_id in set(chunks) and c.epoch <= epoch_max]
        for chunk in due:
            self.lose(ChunkId(chunk.chunk_id))
        return due

    async def compact(self, dead_share_min: float) -> int:
        """See ``StoreMaintenance``."""
        return 0

    async def verify(self, chunk_id: bytes) -> bool:
        """See ``StoreMaintenance``."""
        return self._sound(ChunkId(chunk_id))

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        """See ``StoreMaintenance``."""
        return [QuarantinedChunk(chunk_id, 0, reason) for chunk_id, reason in self.damaged.items()][:limit]

    def _sound(self, chunk_id: ChunkId) -> bool:
        if chunk_id in self.rotten and chunk_id in self.contents:
            self.rotten.discard(chunk_id)
            self.lose(chunk_id)
            self.damaged[chunk_id] = "a flipped bit"
            self.on_damage(chunk_id, "a flipped bit")
        return chunk_id in self.contents

    # --- ReplicaStore ----------------------------------------------------------------------------------------

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See ``ReplicaStore``."""
        given: list[SealedChunk] = []
        size = 0
        for chunk_id in chunks:
            if not self._sound(chunk_id):
                continue
            content = self.contents[chunk_id]
            size += len(content)
            if given and size > PEER_BATCH_BYTES_MAX:
                break
            given.append(SealedChunk(chunk_id, len(content), content))
        return given

    async def opened(self, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
        """See ``ReplicaStore``."""
        return [chunk.sealed if chunk_id_of(chunk.sealed) == chunk.chunk_id else None for chunk in chunks]

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See ``ReplicaStore``."""
        for chunk in chunks:
            if chunk_id_of(chunk.sealed) != chunk.chunk_id:
                raise ChunkDamaged("not what it says", chunk_id=chunk.chunk_id.hex())
        if self.full:
            raise StorageFull("no room: free some")
        for chunk in chunks:
            self.contents[chunk.chunk_id] = chunk.sealed
            self.damaged.pop(chunk.chunk_id, None)
            self.stamp(chunk.chunk_id, epoch)

    def slot_chunks(self, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See ``ReplicaStore``."""
        start, stop = slot_range(slot)
        return sorted(c for c in self.contents if c >= start and (stop is None or c < stop) and c > after)[:limit]

    async def slot_digests(self, slots: Sequence[int]) -> list[bytes]:
        """See ``ReplicaStore``."""
        by_slot: dict[int, list[ChunkId]] = {}
        for chunk_id in self.contents:
            by_slot.setdefault(slot_of(chunk_id), []).append(chunk_id)
        return [
            hashlib.blake2b(b"".join(sorted(by_slot[slot])), digest_size=16).digest() if slot in by_slot else bytes(16)
            for slot in slots
        ]


@dataclass
class Network:
    """Who reaches whom, and how long it takes.

    Attributes:
        stores: Of every node.
        cut: (caller, peer) pairs that do not get through.
        lying: Peers that give other bytes than they should.
        moved_bytes: Chunk bytes that went over links.
        calls: (method, caller, peer) of every call that got through.
    """

    stores: dict[str, PeerStore]
    delay_s: float = 0.01
    cut: set[tuple[str, str]] = field(default_factory=set)
    lying: set[str] = field(default_factory=set)
    moved_bytes: int = 0
    calls: list[tuple[str, str, str]] = field(default_factory=list)

    def part(self, node: str) -> None:
        """Nobody reaches a node, and it reaches nobody."""
        self.cut |= {(node, other) for other in self.stores} | {(other, node) for other in self.stores}

    def join(self, node: str) -> None:
        """Undo it."""
        self.cut = {pair for pair in self.cut if node not in pair}

    async def reach(self, method: str, caller: str, peer: str) -> PeerStore:
        """A call's way there and back."""
        await asyncio.sleep(self.delay_s)
        if (caller, peer) in self.cut or peer not in self.stores:
            raise Cluster(f"{peer} does not answer", code="cluster.unreachable")
        self.calls.append((method, caller, peer))
        return self.stores[peer]

    async def carry(self, origin: str, to: str, size_bytes: int) -> None:
        """Bytes of chunks on their way. Here they take no time."""
        self.moved_bytes += size_bytes


@dataclass
class MemoryPeers:
    """``PeerStores`` as one node sees them."""

    me: str
    network: Network

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """See the port."""
        assert len(chunks) <= PEER_BATCH_CHUNKS_MAX
        return await (await self.network.reach("confirm", self.me, peer)).confirm(chunks, epoch)

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """See the port."""
        assert len(chunks) <= PEER_BATCH_CHUNKS_MAX
        store = await self.network.reach("missing", self.me, peer)
        return [chunk_id for chunk_id in chunks if chunk_id not in store.contents]

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See the port."""
        store = await self.network.reach("store", self.me, peer)
        await self.network.carry(self.me, peer, sum(len(chunk.sealed) for chunk in chunks))
        try:
            await store.store_sealed(chunks, epoch)
        except (StorageFull, ChunkDamaged) as error:
            raise Cluster(f"{peer} refuses: {error}", code="cluster.refused") from error

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See the port."""
        given = await (await self.network.reach("fetch", self.me, peer)).sealed(chunks)
        await self.network.carry(peer, self.me, sum(len(chunk.sealed) for chunk in given))
        return [c._replace(sealed=c.sealed + b"?") for c in given] if peer in self.network.lying else given

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        """See the port."""
        return await (await self.network.reach("slot_digests", self.me, peer)).slot_digests(slots)

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See the port."""
        return (await self.network.reach("slot_chunks", self.me, peer)).slot_chunks(slot, after, limit)


@dataclass
class FixedMap:
    """``ClusterMap`` that a test sets."""

    node_id: str
    placement: Placement
    rows: dict[str, NodeRow]
    down: set[str] = field(default_factory=set)
    fenced: bool = False

    def members(self) -> list[NodeRow]:
        """See the port."""
        return [row for row in self.rows.values() if row.state != "removed"]

    def is_up(self, node_id: str) -> bool:
        """See the port."""
        row = self.rows.get(node_id)
        return node_id == self.node_id or (row is not None and row.state == "up" and node_id not in self.down)


@dataclass
class PlainLinks:
    """``LinkQualities`` that keep the order they are given, and count corruptions."""

    corruptions: list[str] = field(default_factory=list)

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        """See the port."""

    def failed(self, peer: str) -> None:
        """See the port."""

    def corrupted(self, peer: str) -> None:
        """See the port."""
        self.corruptions.append(peer)

    def of(self, peer: str) -> LinkQuality:
        """See the port."""
        return LinkQuality(corruptions=self.corruptions.count(peer))

    def best_first(self, peers: Iterable[str]) -> list[str]:
        """See the port."""
        return list(peers)


def node_row(node_id: str, state: str = "up") -> NodeRow:
    """An admitted node."""
    return NodeRow(node_id, "", node_id, "", 1, 0, 0, "", (), state=state)
