"""Sealed chunks out of the packs for other nodes, and theirs into them.

A chunk that a peer sent is opened and held against its id before anything of it is kept, and goes the way of an
upload's chunks from there: claimed in the ledger, appended, made durable by the committer, indexed. So it is as safe
against uploads, collection and compaction of the same chunk as they are against each other.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from govault.domain.manifest import ChunkRef
from govault.domain.slots import slot_range
from govault.errors import ChunkDamaged, ChunkMissing, Storage
from govault.limits import CHUNK_BYTES_MAX, PEER_BATCH_BYTES_MAX
from govault.ports import SealedChunk
from govault.storage.compression import Codec
from govault.storage.ingest_context import SEGMENT_BYTES_IN_WORK_MAX, IngestContext
from govault.storage.late_roots import KEY_MISSING, LateRoots
from govault.storage.ledger import Ledger
from govault.storage.pack import NewRecord, PackWriter
from govault.storage.pipeline import as_storage_error
from govault.storage.reading import Reader
from govault.storage.record import RecordHeader, decode_header
from govault.storage.sealing import SealBroken, Sealer, SealingRootMissing
from govault.storage.segment import Cut, Segment
from schemas.ids import ChunkId

T = TypeVar("T")
U = TypeVar("U")
_PLAIN_BYTES_AT_ONCE = 2 * CHUNK_BYTES_MAX
_STAMPS_MAX = 4


class Replicas:
    """``ReplicaStore`` on packs. Its waits end: what is handed to the threads is finished or failed by them.

    Attributes:
        roots: What other nodes sealed may need a root that is still on its way here.
    """

    def __init__(
        self,
        ledger: Ledger,
        reader: Reader,
        sealer: Sealer,
        writer: PackWriter,
        context: IngestContext,
        read_threads: Executor,
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._sealer = sealer
        self._writer = writer
        self._context = context
        self._read_threads = read_threads
        self.roots = LateRoots()

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See ``ReplicaStore.sealed``."""
        return await self._read(self._sealed_now, chunks)

    async def opened(self, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
        """See ``ReplicaStore.opened``."""
        return await self.roots.having(lambda: self._read(partial(opened_now, self._sealer), chunks))

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See ``ReplicaStore.store_sealed``. A few chunks at a time, so that few plaintexts are in memory."""
        for batch in _batches(list({chunk.chunk_id: chunk for chunk in chunks}.values())):
            for _ in range(_STAMPS_MAX):
                if not await self.roots.having(partial(self._store, batch, epoch)):
                    break
            else:
                raise Storage("chunks were removed again and again while they were stored", code="storage.contended")

    def slot_chunks(self, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See ``ReplicaStore.slot_chunks``."""
        ids = self._slot(slot, after)
        return [chunk_id for chunk_id, _ in zip(ids, range(limit), strict=False)]

    async def slot_digests(self, slots: Sequence[int]) -> list[bytes]:
        """See ``ReplicaStore.slot_digests``."""
        return await self._read(self._slot_digests_now, slots)

    async def _read(self, work: Callable[[Sequence[T]], list[U]], items: Sequence[T]) -> list[U]:
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, work, items)

    def _slot_digests_now(self, slots: Sequence[int]) -> list[bytes]:
        digests = self._ledger.slots
        return [digests.of(slot, partial(self._slot, slot, b"")) for slot in slots]

    def _slot(self, slot: int, after: bytes) -> Iterator[ChunkId]:
        """The chunks of a slot that are in the index, ascending, behind ``after``."""
        start, stop = slot_range(slot)
        # The bare prefix comes before every id that begins with it, and is none itself.
        return self._ledger.index.ids(max(after, start[:2]), stop)

    def _sealed_now(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        found: list[SealedChunk] = []
        size_bytes = 0
        for chunk_id in chunks:
            try:
                raw = self._reader.sealed_alone(chunk_id)
            except (ChunkMissing, ChunkDamaged):
                continue
            header = decode_header(raw)
            assert header is not None
            size_bytes += len(raw)
            if found and size_bytes > PEER_BATCH_BYTES_MAX:
                break
            found.append(SealedChunk(chunk_id, header.plain_bytes, raw))
        return found

    # --- storing -----------------------------------------------------------------------------------------------

    async def _store(self, batch: Sequence[SealedChunk], epoch: int) -> bool:
        """Bring a batch into the packs; whether some of it was removed again before it had its stamp."""
        size_bytes = min(sum(chunk.size_bytes for chunk in batch), SEGMENT_BYTES_IN_WORK_MAX)
        await self._context.budget.take(size_bytes)
        try:
            claimed = await self._stored(batch, epoch)
        finally:
            self._context.budget.give(size_bytes)
        if len(claimed) == len(batch):
            return False
        # Some were here already, or came with an upload: those have the stamp of this node's epoch at most.
        ids = [chunk.chunk_id for chunk in batch]
        return bool(await asyncio.get_running_loop().run_in_executor(self._read_threads, self._stamp, ids, epoch))

    async def _stored(self, batch: Sequence[SealedChunk], epoch: int) -> set[ChunkId]:
        """Have the batch durable and indexed; which of it was stored here and now, with its stamp.

        Raises:
            GoVaultError: It is not.
        """
        if self._context.closed:
            raise Storage("the chunk store is closed", code="storage.closed")
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not ended.done():
                ended.set_result(None)

        claimed: set[ChunkId] = set()
        segment = Segment([], 0, lambda _: self._context.mailbox.post(end), last=True)
        self._context.threads.submit(self._keep, segment, batch, epoch, claimed)
        await ended
        if segment.failure is not None:
            raise segment.failure
        return claimed

    def _keep(self, segment: Segment, batch: Sequence[SealedChunk], epoch: int, claimed: set[ChunkId]) -> None:
        """On a thread: open each, claim, append. ``segment.finish`` follows when all of it is durable."""
        mine: list[Cut] = []
        try:
            cuts = [Cut(chunk.chunk_id, memoryview(open_now(self._sealer, chunk))) for chunk in batch]
            mine = self._ledger.claim(segment, cuts)
            waiting = segment.unresolved > 0
            claimed.update(cut.chunk_id for cut in mine)
            stamp = max(self._ledger.epoch, epoch)
            records = [_record(chunk, stamp) for chunk in batch if chunk.chunk_id in claimed]
            if records:
                self._writer.append(records)
            if waiting:
                self._context.committer.request()
            else:
                segment.finish()
        except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
            self._context.pipeline.give_up(segment, mine, as_storage_error(error))

    def _stamp(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        missing = self._ledger.stamp(chunks, epoch)
        self._ledger.index.sync()
        return missing


def open_now(sealer: Sealer, chunk: SealedChunk) -> bytes:
    """The plaintext of a sealed chunk, checked against its id.

    Raises:
        ChunkDamaged: It is not what it says.
        Storage: It may well be, but this node lacks the sealing root that it needs.
    """
    try:
        return sealer.open(_header(chunk), chunk.sealed)
    except SealingRootMissing as error:
        raise Storage(
            f"{error}: it comes with the log, once .peers is folded", code=KEY_MISSING, sealing_epoch=error.epoch
        ) from error
    except SealBroken as error:
        name = chunk.chunk_id.hex()
        raise ChunkDamaged(f"what came as chunk {name} is none ({error}); nothing was kept", chunk_id=name) from error


def opened_now(sealer: Sealer, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
    """The plaintexts; None for each that is not what it says.

    Raises:
        Storage: A sealing root is missing.
    """
    plains: list[bytes | None] = []
    for chunk in chunks:
        try:
            plains.append(open_now(sealer, chunk))
        except ChunkDamaged:
            plains.append(None)
    return plains


def _header(chunk: SealedChunk) -> RecordHeader:
    header = decode_header(chunk.sealed)
    if header is None or header.codec == Codec.SEALING_ROOT:
        raise SealBroken("it has no header of a record")
    if (header.chunk_id, header.plain_bytes) != (chunk.chunk_id, chunk.size_bytes):
        raise SealBroken("its header names another chunk")
    return header


def _record(chunk: SealedChunk, stamp: int) -> NewRecord:
    sealing_epoch = _header(chunk).sealing_epoch
    return NewRecord([ChunkRef(chunk.chunk_id, chunk.size_bytes)], chunk.sealed, sealing_epoch, stamp)


def _batches(chunks: Sequence[SealedChunk]) -> Iterator[list[SealedChunk]]:
    batch: list[SealedChunk] = []
    size_bytes = 0
    for chunk in chunks:
        size_bytes += chunk.size_bytes
        if batch and size_bytes > _PLAIN_BYTES_AT_ONCE:
            yield batch
            batch, size_bytes = [], chunk.size_bytes
        batch.append(chunk)
    if batch:
        yield batch
