"""A chunk store on a simulated disk: what was not synced is lost at a crash, bits rot, disks fill and get lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.errors import ChunkDamaged, StorageFull
from govault.ports import Ingested, QuarantinedChunk, SealedChunk, StampedChunk
from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore, MemoryIngest
from schemas.ids import ChunkId
from tests.simulation.cluster.life import Life

CHUNK_BYTES_MEAN = 16 * 1024
_SYNC_S_MAX = 0.02


@dataclass
class SimDisk:
    """What outlives a crash.

    Attributes:
        rotten: Chunks whose bytes changed on the disk; nobody knows yet.
        full: No more chunks go in.
    """

    chunks: dict[ChunkId, bytes] = field(default_factory=dict)
    epoch: int = 0
    rotten: set[ChunkId] = field(default_factory=set)
    full: bool = False


class _Ingest(MemoryIngest):
    """Durable only when ``finish`` returns, after a sync that takes a while."""

    def __init__(self, store: "SimStore") -> None:
        super().__init__(store)
        self._sim = store

    async def write(self, data: bytes | memoryview) -> None:
        await self._sim.life.pause(0.005)
        await super().write(data)

    async def finish(self) -> Ingested:
        self._sim.check_room()
        before = self._tell_durable
        told: list[ChunkRef] = []
        self._tell_durable = told.extend
        ingested = await super().finish()
        await self._sim.sync()
        if before is not None:
            before(told)
        return ingested


class SimStore(MemoryChunkStore):
    """``ChunkStore``, ``StoreMaintenance`` and ``ReplicaStore`` of one life of a node."""

    def __init__(self, life: Life, disk: SimDisk, keyring: Keyring) -> None:
        super().__init__(keyring, CHUNK_BYTES_MEAN)
        self.life = life
        self.disk = disk
        self._plains.update(disk.chunks)
        self._epoch = disk.epoch
        # Stamps are not synced one by one: after a crash all count as of the epoch that the store knew.
        self._stamps.update(dict.fromkeys(disk.chunks, disk.epoch))
        self._bad: dict[ChunkId, str] = {}
        self._damage_hooks: list[Callable[[bytes, str], None]] = []
        self.node_id = ""
        self.on_removed: Callable[[str, Sequence[bytes]], None] = lambda *_: None

    # --- the disk --------------------------------------------------------------------------------------------

    def check_room(self) -> None:
        """Refuse while the disk is full."""
        if self.disk.full:
            raise StorageFull("the disk is full")

    async def sync(self) -> None:
        """Everything taken in so far is on the disk when this returns."""
        wanted = dict(self._plains)
        await self.life.pause(_SYNC_S_MAX)
        for chunk_id, plain in wanted.items():
            if chunk_id in self._plains:
                if self.disk.chunks.get(chunk_id) is None:
                    self.disk.rotten.discard(chunk_id)
                self.disk.chunks[chunk_id] = plain
        self.disk.epoch = max(self.disk.epoch, self._epoch)

    def lose_everything(self) -> None:
        """Packs go, under a node that runs."""
        self.disk.chunks.clear()
        self.disk.rotten.clear()
        self._plains.clear()
        self._stamps.clear()

    def on_damage(self, hook: Callable[[bytes, str], None]) -> None:
        """See ``PackChunkStore.on_damage``."""
        self._damage_hooks.append(hook)

    def _check_sound(self, chunk_id: ChunkId) -> None:
        if chunk_id in self.disk.rotten and chunk_id in self._plains:
            self._quarantine(chunk_id)
        if chunk_id in self._bad:
            raise ChunkDamaged(f"chunk {chunk_id.hex()} fails its check", chunk_id=chunk_id.hex())

    def _quarantine(self, chunk_id: ChunkId) -> None:
        self._bad[chunk_id] = "rotten"
        self._plains.pop(chunk_id, None)
        self._stamps.pop(chunk_id, None)
        self.disk.chunks.pop(chunk_id, None)
        self.disk.rotten.discard(chunk_id)
        for hook in self._damage_hooks:
            hook(chunk_id, "rotten")

    def put(self, plain: bytes) -> tuple[ChunkRef, bool]:
        ref, is_new = super().put(plain)
        self._bad.pop(ref.chunk_id, None)
        return ref, is_new

    # --- ChunkStore ------------------------------------------------------------------------------------------

    def begin(self, asked: Asked = AS_LAYOUT) -> _Ingest:
        self.check_room()
        return _Ingest(self)

    async def read(self, chunk: ChunkRef) -> bytes:
        await self.life.pause(0.002)
        self._check_sound(chunk.chunk_id)
        return await super().read(chunk)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        missing = await super().confirm(chunks, epoch)
        self._epoch = max(self._epoch, epoch)
        await self.sync()
        return missing

    # --- StoreMaintenance ------------------------------------------------------------------------------------

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        await self.life.pause(0.01)
        removed = await super().remove(chunks, epoch_max)
        self.on_removed(self.node_id, [chunk.chunk_id for chunk in removed])
        for chunk in removed:
            self.disk.chunks.pop(ChunkId(chunk.chunk_id), None)
            self.disk.rotten.discard(ChunkId(chunk.chunk_id))
        return removed

    async def verify(self, chunk_id: bytes) -> bool:
        await self.life.pause(0.002)
        try:
            self._check_sound(ChunkId(chunk_id))
        except ChunkDamaged:
            return False
        return await super().verify(chunk_id)

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        return [QuarantinedChunk(chunk_id, 0, why) for chunk_id, why in list(self._bad.items())[:limit]]

    # --- ReplicaStore ----------------------------------------------------------------------------------------

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        await self.life.pause(0.005)
        for chunk_id in chunks:
            if chunk_id in self.disk.rotten and chunk_id in self._plains:
                self._quarantine(chunk_id)
        return await super().sealed(chunks)

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        self.check_room()
        self._epoch = max(self._epoch, epoch)
        await super().store_sealed(chunks, epoch)
        await self.sync()
