"""The chunk store on real packs: its parts put together, and its start and end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.errors import GoVaultError, Storage
from govault.ports import Outlet, PackFile, QuarantinedChunk, SealedChunk, StampedChunk, StoreStats
from govault.storage.chunker import make_chunker
from govault.storage.collection import Collection
from govault.storage.committer import Committer
from govault.storage.compression import Compressor
from govault.storage.database import OpenDatabase, RocksDatabase
from govault.storage.disk import Disk, RealDisk
from govault.storage.index import Entry, Index, PackRow
from govault.storage.ingest import PackIngest
from govault.storage.ingest_context import IngestContext
from govault.storage.keyring import Keyring
from govault.storage.late_roots import WaitForRoot
from govault.storage.mailbox import Mailbox
from govault.storage.opening import mark_clean, open_ledger
from govault.storage.options import StoreOptions
from govault.storage.pack import PACKS_FOLDER, PackFiles, PackWriter, pack_path
from govault.storage.pipeline import Pipeline
from govault.storage.pouring import Pour
from govault.storage.quarantine import QUARANTINE_FOLDER, DamageHook, Quarantine
from govault.storage.reading import Reader
from govault.storage.rebuild import INDEX_FOLDER, Progress, put_in_place, write_fresh_index
from govault.storage.recovery import absent_chunks, learn_roots, pack_numbers, recover
from govault.storage.replicas import Replicas
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId

T = TypeVar("T")


def _time_ms() -> int:
    return time.time_ns() // 1_000_000


class PackChunkStore:
    """``ChunkStore``, ``StoreMaintenance`` and ``ReplicaStore`` on packs and a RocksDB index.

    One process opens a folder at a time.
    """

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        options: StoreOptions,
        disk: Disk,
        open_database: OpenDatabase,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Use ``open``. This blocks: it reads what the index does not know yet."""
        disk.make_dir(PACKS_FOLDER)
        disk.make_dir(QUARANTINE_FOLDER)
        chunker = make_chunker(options.chunking, options.chunk_bytes_mean, keyring.cutting_seed)
        sealer = Sealer(keyring, Compressor(options.compression, options.compression_level))
        if keyring.roots_may_be_missing:
            learn_roots(disk, sealer)
            keyring.roots_learned()
        ledger = open_ledger(folder, disk, sealer, _time_ms(), open_database)
        disk.sync_dir("")
        self._folder = folder
        self._open_database = open_database
        self._disk = disk
        self._sealer = sealer
        self._ledger = ledger
        try:
            self.recovered = recover(disk, ledger, sealer, options.pack_bytes_max)
        except BaseException:
            ledger.index.close()
            raise
        next_number = max([0, *pack_numbers(disk), *ledger.rows]) + 1
        writer = PackWriter(
            disk,
            sealer,
            pack_bytes_max=options.pack_bytes_max,
            reserve_bytes=options.reserve_bytes,
            next_number=next_number,
        )
        if self.recovered.resume[0]:
            writer.resume(*self.recovered.resume)
        self._writer = writer
        self._files = PackFiles(disk)
        self._work_threads = ThreadPoolExecutor(options.workers, "govault-store")
        self._read_threads = ThreadPoolExecutor(options.readers, "govault-read")
        self._pour_threads = ThreadPoolExecutor(options.readers, "govault-pour")
        self._committer = Committer(disk, writer, ledger)
        pipeline = Pipeline(chunker, sealer, ledger, writer, self._work_threads, self._committer.request)
        self._committer.start(pipeline.store_small)
        self._quarantine = Quarantine(ledger, disk, _time_ms)
        for chunk_id, entry in absent_chunks(ledger, self.recovered):
            self._quarantine.put(chunk_id, entry, "the end of its pack, or all of it, was gone at a start")
        self._reader = Reader(ledger, self._files, sealer, self._quarantine, self._read_threads)
        self._ingest = IngestContext(pipeline, self._committer, self._work_threads, Mailbox(loop))
        self._replicas = Replicas(ledger, self._reader, sealer, writer, self._ingest, self._read_threads)
        self._collection = Collection(ledger, disk, self._files, writer, self._committer, sealer, self._quarantine)
        self._collecting = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(
        cls,
        folder: Path,
        keyring: Keyring,
        options: StoreOptions | None = None,
        *,
        disk: Disk | None = None,
        open_database: OpenDatabase = RocksDatabase,
    ) -> "PackChunkStore":
        """Open the store of a folder, or make one. What a crash left behind is put in order first.

        Args:
            folder: ``<root>/store``.
            keyring: The vault's keys.
            options: How new chunks are stored.
            disk: Another door to the packs (tests).
            open_database: Another database under the index (tests).

        Raises:
            Config: An option is out of bounds, the keys are another vault's, or another process has the store open.
            Storage: The folder cannot be used.
        """
        loop = asyncio.get_running_loop()

        def work() -> PackChunkStore:
            try:
                return cls(folder, keyring, options or StoreOptions(), disk or RealDisk(folder), open_database, loop)
            except OSError as error:
                raise Storage(f"cannot open the chunk store in {folder}: {error}", code="storage.open") from error

        return await asyncio.to_thread(work)

    async def close(self) -> None:
        """Commit what there is and close. May be called twice."""
        if self._closed:
            return
        self._closed = self._ingest.closed = True
        async with self._collecting:
            await _to_the_end(None, self._close_now)

    def _close_now(self) -> None:
        self._work_threads.shutdown(wait=True)
        self._committer.stop()
        self._read_threads.shutdown(wait=True)
        self._pour_threads.shutdown(wait=True)
        self._files.close()
        self._writer.close()
        mark_clean(self._ledger)
        self._ledger.index.close()

    def on_damage(self, hook: DamageHook) -> None:
        """Have a function called, on any thread, with each chunk that gets quarantined and why."""
        self._quarantine.hook = hook

    def on_missing_root(self, wait: WaitForRoot) -> None:
        """Have a function asked to wait for the sealing root of an epoch that a peer's chunk needs."""
        self._replicas.roots.wait = wait

    def claims_waiting(self) -> int:
        """How many segments wait for chunks that another upload has in flight."""
        return self._ledger.waiting()

    # --- ChunkStore ------------------------------------------------------------------------------------------

    def begin(self, asked: Asked = AS_LAYOUT) -> PackIngest:
        self._check_open()
        self._ledger.check()
        return PackIngest(self._ingest)

    async def read(self, chunk: ChunkRef) -> bytes:
        self._check_open()
        return await self._reader.read(chunk)

    def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        self._check_open()
        return self._reader.read_run(chunks)

    async def pour(self, chunks: Iterator[ChunkRef], skip_bytes: int, length_bytes: int, outlet: Outlet) -> int:
        """See ``StraightReads.pour``."""
        self._check_open()
        return await Pour(self._reader.read_into, self._pour_threads, outlet).run(chunks, skip_bytes, length_bytes)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        self._check_open()
        return await asyncio.to_thread(self._stamp, chunks, epoch)

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        self._check_open()
        await asyncio.to_thread(self._stamp, chunks, epoch)

    def note_epoch(self, epoch: int) -> None:
        self._ledger.note_epoch(epoch)

    async def stats(self) -> StoreStats:
        self._check_open()
        return await asyncio.to_thread(self._stats)

    # --- StoreMaintenance ------------------------------------------------------------------------------------

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        self._check_open()
        return [self._stamped(*item) for item in islice(self._ledger.index.entries(after), limit)]

    def missing(self, chunks: Sequence[bytes]) -> list[bytes]:
        self._check_open()
        return [chunk_id for chunk_id in chunks if self._ledger.index.get(ChunkId(chunk_id)) is None]

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        self._check_open()
        ids = [ChunkId(chunk_id) for chunk_id in chunks]
        async with self._collecting:
            removed = await _to_the_end(None, self._collection.remove, ids, epoch_max)
        return [self._stamped(*item) for item in removed]

    async def compact(self, dead_share_min: float) -> int:
        self._check_open()
        self._ledger.check()
        async with self._collecting:
            return await _to_the_end(None, self._collection.compact, dead_share_min)

    async def verify(self, chunk_id: bytes) -> bool:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._verify, ChunkId(chunk_id))

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        async with self._collecting:
            yield

    async def pack_files(self) -> list[PackFile]:
        self._check_open()
        rows = sorted((await asyncio.to_thread(self._rows)).items())
        growing = self._writer.current
        return [PackFile(self._folder / pack_path(n), row.durable_bytes, n == growing) for n, row in rows]

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        self._check_open()
        return [
            QuarantinedChunk(chunk_id, *damage) for chunk_id, damage in islice(self._ledger.index.quarantined(), limit)
        ]

    async def rebuild_index(self, progress: Progress) -> int:
        self._check_open()
        async with self._collecting:
            return await _to_the_end(None, self._rebuild_index, progress)

    # --- ReplicaStore ----------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        return self._ledger.epoch

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        self._check_open()
        return await self._replicas.sealed(chunks)

    async def opened(self, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
        self._check_open()
        return await self._replicas.opened(chunks)

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        self._check_open()
        self._ledger.check()
        await self._replicas.store_sealed(chunks, epoch)

    def slot_chunks(self, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        self._check_open()
        return self._replicas.slot_chunks(slot, after, limit)

    async def slot_digests(self, slots: Sequence[int]) -> list[bytes]:
        self._check_open()
        return await self._replicas.slot_digests(slots)

    # --- on threads ------------------------------------------------------------------------------------------

    def _stamp(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        missing = self._ledger.stamp(chunks, epoch)
        self._ledger.index.sync()
        return missing

    def _verify(self, chunk_id: ChunkId) -> bool:
        try:
            self._reader.read_now(chunk_id, from_disk=True)
        except GoVaultError as error:
            if error.specific_code in ("chunk-damaged", "chunk-missing"):
                return False
            raise
        return True

    def _rebuild_index(self, progress: Progress) -> int:
        """The lock is held: uploads wait for as long as this takes; downloads use the old index until the end."""
        self._collection.commit()
        ledger, folder, open_database = self._ledger, self._folder, self._open_database
        with ledger.lock:
            # Whoever claimed chunks before may append them now: only what is durable and indexed is read.
            ends = {number: row.durable_bytes for number, row in ledger.rows.items()}
            try:
                write_fresh_index(
                    folder, self._disk, self._sealer, ledger.epoch, _time_ms(), progress, open_database, ends
                )
                ledger.index.close()
                try:
                    put_in_place(folder, self._disk)
                finally:
                    ledger.adopt(Index(open_database(folder / INDEX_FOLDER)))
            except OSError as error:
                raise Storage(
                    f"the index could not be made anew ({error}); the store goes on with the one it has: repeat later",
                    code="storage.rebuild-failed",
                ) from error
            return sum(row.live_chunks for row in ledger.rows.values())

    def _stamped(self, chunk_id: ChunkId, entry: Entry) -> StampedChunk:
        return StampedChunk(chunk_id, self._ledger.counted_stamp(entry), entry.plain_bytes, entry.record_bytes)

    def _rows(self) -> dict[int, PackRow]:
        with self._ledger.lock:
            return dict(self._ledger.rows)

    def _stats(self) -> StoreStats:
        rows = self._rows().values()
        quarantined = len(self._ledger.quarantined)
        return StoreStats(
            chunks=sum(row.live_chunks for row in rows),
            plain_bytes=sum(row.live_plain_bytes for row in rows),
            stored_bytes=sum(row.live_bytes for row in rows),
            dead_bytes=sum(row.dead_bytes for row in rows),
            packs=len(rows),
            pack_file_bytes=sum(row.durable_bytes for row in rows),
            quarantined=quarantined,
            free_disk_bytes=self._disk.free_bytes(),
            stopped=str(self._ledger.failure or ""),
        )

    def _check_open(self) -> None:
        if self._closed:
            raise Storage("the chunk store is closed", code="storage.closed")


async def _to_the_end(threads: Executor | None, work: Callable[..., T], *args: object) -> T:
    """Run work on a thread; a cancellation is passed on only when it has ended, so that no lock is left too early."""
    running = asyncio.get_running_loop().run_in_executor(threads, work, *args)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise
