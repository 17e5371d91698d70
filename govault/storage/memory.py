"""A chunk store in memory: the same contract without a disk, for tests and simulations."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.domain.slot_digest import set_digest
from govault.domain.slots import slot_of
from govault.errors import ChunkMissing, Storage
from govault.limits import CHUNK_MEAN_BYTES, PEER_BATCH_BYTES_MAX
from govault.ports import Ingested, PackFile, QuarantinedChunk, SealedChunk, StampedChunk, StoreStats, TellDurable
from govault.storage.chunker import Chunker, make_chunker
from govault.storage.compression import Compressor
from govault.storage.keyring import Keyring
from govault.storage.replicas import open_now, opened_now
from govault.storage.sealing import Sealer
from govault.storage.segment import Content
from schemas.ids import ChunkId

_HEAD_BYTES = 4096


class MemoryIngest:
    """One content on its way into a ``MemoryChunkStore``. It is cut when it is whole: for small contents only."""

    def __init__(self, store: "MemoryChunkStore") -> None:
        self._store = store
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._ended = False
        self._tell_durable: TellDurable | None = None

    def on_durable(self, tell: TellDurable) -> None:
        self._tell_durable = tell

    async def write(self, data: bytes | memoryview) -> None:
        self._check()
        self._buffer += data

    def take_parts(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts

    async def finish(self) -> Ingested:
        self._check()
        self._ended = True
        content, new_bytes, start = Content(), 0, 0
        plain = bytes(self._buffer)
        content.sha256.update(plain)
        for length in self._store.chunker.cut(plain, last=True):
            chunk, is_new = self._store.put(plain[start : start + length])
            new_bytes += length * is_new
            if self._tell_durable is not None:
                self._tell_durable([chunk])
            part = content.cutter.add(chunk)
            if part is not None:
                self._parts.append(part)
            content.chunks += 1
            start += length
        return Ingested(
            sha256=content.sha256.hexdigest(),
            size_bytes=len(plain),
            chunks=content.chunks,
            packed=content.cutter.finish(),
            new_bytes=new_bytes,
            stored_bytes=new_bytes,
            head=plain[:_HEAD_BYTES],
        )

    async def abort(self) -> None:
        self._ended = True
        self._buffer.clear()

    def _check(self) -> None:
        if self._ended:
            raise Storage("this upload has ended", code="storage.ended")


class MemoryChunkStore:
    """``ChunkStore``, ``StoreMaintenance`` and ``ReplicaStore`` in a dict."""

    def __init__(self, keyring: Keyring | None = None, chunk_bytes_mean: int = CHUNK_MEAN_BYTES) -> None:
        keyring = keyring or Keyring(bytes(32))
        self.chunker: Chunker = make_chunker("content", chunk_bytes_mean, keyring.cutting_seed)
        self._sealer = Sealer(keyring, Compressor("none", None))
        self._plains: dict[ChunkId, bytes] = {}
        self._stamps: dict[ChunkId, int] = {}
        self._epoch = 0

    def put(self, plain: bytes) -> tuple[ChunkRef, bool]:
        """Take in one chunk and stamp it; whether it is new."""
        chunk_id = self._sealer.chunk_id(plain)
        is_new = chunk_id not in self._plains
        self._plains[chunk_id] = plain
        self._stamps[chunk_id] = max(self._epoch, self._stamps.get(chunk_id, 0))
        return ChunkRef(chunk_id, len(plain)), is_new

    async def close(self) -> None:
        """Nothing to close."""

    def begin(self, asked: Asked = AS_LAYOUT) -> MemoryIngest:
        return MemoryIngest(self)

    async def read(self, chunk: ChunkRef) -> bytes:
        plain = self._plains.get(chunk.chunk_id)
        if plain is None:
            raise ChunkMissing(f"chunk {chunk.chunk_id.hex()} is not in the store", chunk_id=chunk.chunk_id.hex())
        return plain

    async def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield await self.read(chunk)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        known = [chunk_id for chunk_id in chunks if chunk_id in self._plains]
        for chunk_id in known:
            self._stamps[chunk_id] = max(self._stamps[chunk_id], self._epoch, epoch)
        return [chunk_id for chunk_id in chunks if chunk_id not in self._plains]

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        await self.confirm(chunks, epoch)

    def note_epoch(self, epoch: int) -> None:
        self._epoch = max(self._epoch, epoch)

    async def stats(self) -> StoreStats:
        size = sum(map(len, self._plains.values()))
        return StoreStats(len(self._plains), size, size, 0, 0, 0, 0, 1 << 40)

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        ids = sorted(chunk_id for chunk_id in self._plains if chunk_id > after)
        return [self._stamped(chunk_id) for chunk_id in islice(ids, limit)]

    def missing(self, chunks: Sequence[bytes]) -> list[bytes]:
        return [chunk_id for chunk_id in chunks if chunk_id not in self._plains]

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        known = [ChunkId(chunk_id) for chunk_id in dict.fromkeys(chunks) if chunk_id in self._plains]
        removed = [self._stamped(chunk_id) for chunk_id in known if self._stamps[chunk_id] <= epoch_max]
        for chunk in removed:
            del self._plains[ChunkId(chunk.chunk_id)], self._stamps[ChunkId(chunk.chunk_id)]
        return removed

    async def compact(self, dead_share_min: float) -> int:
        return 0

    async def verify(self, chunk_id: bytes) -> bool:
        return chunk_id in self._plains

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        yield

    async def pack_files(self) -> list[PackFile]:
        return []

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        return []

    async def rebuild_index(self, progress: Callable[[int, int], None]) -> int:
        return len(self._plains)

    @property
    def epoch(self) -> int:
        return self._epoch

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        found: list[SealedChunk] = []
        size_bytes = 0
        for chunk_id in chunks:
            plain = self._plains.get(chunk_id)
            if plain is None:
                continue
            raw = bytes(self._sealer.seal(chunk_id, memoryview(plain)).raw)
            size_bytes += len(raw)
            if found and size_bytes > PEER_BATCH_BYTES_MAX:
                break
            found.append(SealedChunk(chunk_id, len(plain), raw))
        return found

    async def opened(self, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
        return opened_now(self._sealer, chunks)

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        for plain in [open_now(self._sealer, chunk) for chunk in chunks]:
            self.put(plain)
        await self.confirm([chunk.chunk_id for chunk in chunks], epoch)

    def slot_chunks(self, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        ids = (chunk_id for chunk_id in self._plains if chunk_id > after and slot_of(chunk_id) == slot)
        return sorted(ids)[:limit]

    async def slot_digests(self, slots: Sequence[int]) -> list[bytes]:
        found: dict[int, list[ChunkId]] = {slot: [] for slot in slots}
        for chunk_id in self._plains:
            found.get(slot_of(chunk_id), []).append(chunk_id)
        return [set_digest(found[slot]) for slot in slots]

    def _stamped(self, chunk_id: ChunkId) -> StampedChunk:
        size = len(self._plains[chunk_id])
        return StampedChunk(chunk_id, self._stamps[chunk_id], size, size)
