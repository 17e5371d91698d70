"""The chunk store on real packs: its parts put together, and its start and end."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from govault.domain.manifest import ChunkRef
from govault.errors import Storage
from govault.ports import StoreStats
from govault.storage.chunker import make_chunker
from govault.storage.committer import Committer
from govault.storage.compression import Compressor
from govault.storage.disk import Disk, RealDisk
from govault.storage.index import Index
from govault.storage.ingest import IngestContext, PackIngest
from govault.storage.keyring import Keyring
from govault.storage.ledger import Ledger
from govault.storage.mailbox import Mailbox
from govault.storage.options import StoreOptions
from govault.storage.pack import PACKS_FOLDER, PackFiles, PackWriter
from govault.storage.pipeline import Pipeline
from govault.storage.quarantine import QUARANTINE_FOLDER, Quarantine
from govault.storage.reading import Reader
from govault.storage.record import PACK_HEADER_BYTES, pack_number
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId

INDEX_FOLDER = "index"


class PackChunkStore:
    """``ChunkStore`` and ``StoreMaintenance`` on packs and a RocksDB index. One process opens a folder at a time."""

    def __init__(self, folder: Path, keyring: Keyring, options: StoreOptions, disk: Disk) -> None:
        """Use ``open``."""
        disk.make_dir(PACKS_FOLDER)
        disk.make_dir(QUARANTINE_FOLDER)
        chunker = make_chunker(options.chunking, options.chunk_bytes_mean, keyring.cutting_seed)
        sealer = Sealer(keyring, Compressor(options.compression, options.compression_level))
        self._disk = disk
        self._ledger = Ledger(Index(folder / INDEX_FOLDER))
        numbers = [number for name in disk.list_dir(PACKS_FOLDER) if (number := pack_number(name)) is not None]
        self._writer = PackWriter(
            disk, options.pack_bytes_max, options.reserve_bytes, max([0, *numbers, *self._ledger.rows]) + 1
        )
        self._files = PackFiles(disk)
        self._work_threads = ThreadPoolExecutor(options.workers, "govault-store")
        self._read_threads = ThreadPoolExecutor(options.readers, "govault-read")
        self._committer = Committer(disk, self._writer, self._ledger)
        pipeline = Pipeline(
            keyring, chunker, sealer, self._ledger, self._writer, self._work_threads, self._committer.request
        )
        self._committer.start(pipeline.store_small)
        self._quarantine = Quarantine(self._ledger, disk)
        self._reader = Reader(self._ledger, self._files, sealer, self._quarantine, self._read_threads)
        mailbox = Mailbox(asyncio.get_running_loop())
        self._ingest = IngestContext(pipeline, self._committer, self._work_threads, mailbox)
        self._closed = False

    @classmethod
    async def open(
        cls, folder: Path, keyring: Keyring, options: StoreOptions | None = None, *, disk: Disk | None = None
    ) -> "PackChunkStore":
        """Open the store of a folder, or make one.

        Args:
            folder: ``<root>/store``.
            keyring: The vault's keys.
            options: How new chunks are stored.
            disk: Another door to the packs (tests).

        Raises:
            Config: An option is out of bounds, or another process has the store open.
            Storage: The folder cannot be used.
        """
        return cls(folder, keyring, options or StoreOptions(), disk or RealDisk(folder))

    async def close(self) -> None:
        """Commit what there is and close. May be called twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._close_now)

    def _close_now(self) -> None:
        self._work_threads.shutdown(wait=True)
        self._committer.stop()
        self._read_threads.shutdown(wait=True)
        self._files.close()
        self._writer.close()
        self._ledger.index.sync()
        self._ledger.index.close()

    # --- ChunkStore ------------------------------------------------------------------------------------------

    def begin(self) -> PackIngest:
        if self._closed:
            raise Storage("the chunk store is closed", code="storage.closed")
        self._ledger.check()
        return PackIngest(self._ingest)

    async def read(self, chunk: ChunkRef) -> bytes:
        return await self._reader.read(chunk)

    def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        return self._reader.read_run(chunks)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        return await asyncio.to_thread(self._stamp, chunks, epoch)

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        await asyncio.to_thread(self._stamp, chunks, epoch)

    def note_epoch(self, epoch: int) -> None:
        self._ledger.note_epoch(epoch)

    async def stats(self) -> StoreStats:
        return await asyncio.to_thread(self._stats)

    def _stamp(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        missing = self._ledger.stamp(chunks, epoch)
        self._ledger.index.sync()
        return missing

    def _stats(self) -> StoreStats:
        with self._ledger.lock:
            rows = list(self._ledger.rows.values())
            quarantined = len(self._ledger.quarantined)
        stored = sum(row.live_bytes for row in rows)
        durable = sum(row.durable_bytes for row in rows)
        return StoreStats(
            chunks=sum(row.live_chunks for row in rows),
            plain_bytes=sum(row.live_plain_bytes for row in rows),
            stored_bytes=stored,
            dead_bytes=durable - stored - PACK_HEADER_BYTES * len(rows),
            packs=len(rows),
            pack_file_bytes=durable,
            quarantined=quarantined,
            free_disk_bytes=self._disk.free_bytes(),
        )
