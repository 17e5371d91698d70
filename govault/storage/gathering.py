"""A new store from the packs of several: records go over as they were sealed, each chunk once.

Packs of different nodes have the same numbers and share chunks, so packs cannot be copied beside one another. A record
depends on neither its pack nor its place, only on the vault's keys: it is opened, checked, and appended as it is.
"""

from contextlib import closing
from pathlib import Path

from govault.errors import Config, Storage, StorageFull, is_full
from govault.limits import MIB
from govault.ports import GatheredStore, TakenPack
from govault.storage.compression import Codec, Compressor
from govault.storage.database import OpenDatabase, RocksDatabase
from govault.storage.disk import File, RealDisk, open_to_read
from govault.storage.index import Index
from govault.storage.keyring import Keyring
from govault.storage.ledger import Ledger
from govault.storage.opening import mark_clean
from govault.storage.options import StoreOptions
from govault.storage.pack import PACKS_FOLDER, NewRecord, PackWriter
from govault.storage.reading import MEDIUM_ERRORS
from govault.storage.rebuild import INDEX_FOLDER
from govault.storage.record import PACK_HEADER_BYTES, chunks_of, decode_pack_header
from govault.storage.scanner import Found, scan
from govault.storage.sealing import SealBroken, Sealer
from schemas.ids import ChunkId

_BYTES_PER_COMMIT = 16 * MIB


class StoreFromPacks:
    """``PackGatherer`` into a folder that holds no store yet. Memory does not grow with what is gathered."""

    def __init__(
        self, folder: Path, keyring: Keyring, options: StoreOptions, open_database: OpenDatabase = RocksDatabase
    ) -> None:
        """Make the store.

        Args:
            folder: ``<root>/store``.
            keyring: The vault's keys; it learns the sealing roots that packs carry.
            options: How records are sealed that have to be sealed anew, and how large packs become.
        """
        self._keyring = keyring
        self._disk = RealDisk(folder)
        self._disk.make_dir(PACKS_FOLDER)
        self._sealer = Sealer(keyring, Compressor(options.compression, options.compression_level))
        self._ledger = Ledger(Index(open_database(folder / INDEX_FOLDER)))
        self._writer = PackWriter(
            self._disk,
            self._sealer,
            pack_bytes_max=options.pack_bytes_max,
            reserve_bytes=options.reserve_bytes,
            next_number=1,
        )
        self._batch: list[NewRecord] = []
        self._batch_bytes = 0
        self._batch_chunks: set[ChunkId] = set()
        self._closed = False

    def learn(self, pack: Path) -> None:
        try:
            with closing(open_to_read(pack)) as file:
                self._check_keys(pack, file)
                for found in scan(file, PACK_HEADER_BYTES, file.size()):
                    if found.header.codec == Codec.SEALING_ROOT:
                        # One that is damaged teaches nothing; every pack with records of its epoch has it.
                        self._sealer.adopt_root(found.header, file.pread(found.header.record_bytes, found.offset))
        except OSError as error:
            if error.errno not in MEDIUM_ERRORS:
                raise Storage(f"{pack} cannot be read: {error}", code="storage.read-failed") from error

    def take(self, pack: Path, size_bytes: int) -> TakenPack:
        chunks = damaged = 0
        try:
            with closing(open_to_read(pack)) as file:
                for found in scan(file, PACK_HEADER_BYTES, min(size_bytes, file.size())):
                    taken = self._take(file, found)
                    if taken is None:
                        damaged += 1
                    else:
                        chunks += taken
        except OSError as error:
            if error.errno not in MEDIUM_ERRORS:
                raise Storage(f"{pack} cannot be read: {error}", code="storage.read-failed") from error
            # What lies behind the bad spot may be elsewhere, as what is damaged may.
            damaged += 1
        return TakenPack(chunks, damaged)

    def finish(self) -> GatheredStore:
        self._commit()
        mark_clean(self._ledger)
        rows = self._ledger.rows.values()
        gathered = GatheredStore(len(rows), sum(row.live_chunks for row in rows))
        # All packs there are were asked for them.
        self._keyring.roots_learned()
        self.close()
        return gathered

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._writer.close()
            self._ledger.index.close()

    def _check_keys(self, pack: Path, file: File) -> None:
        decoded = decode_pack_header(file.pread(PACK_HEADER_BYTES, 0))
        if decoded is not None and decoded[1] != self._sealer.key_check:
            raise Config(
                f"{pack} was sealed with other keys than those at hand: it is another vault's, or the keys are",
                code="config.keys-differ",
            )

    def _take(self, file: File, found: Found) -> int | None:
        """Store the chunks of a record that are not there yet; how many, None where the record is damaged."""
        header = found.header
        if header.codec == Codec.SEALING_ROOT or (not header.is_bundle and self._has(header.chunk_id)):
            return 0
        raw = file.pread(header.record_bytes, found.offset)
        chunks = chunks_of(header, raw)
        if chunks and all(self._has(chunk.chunk_id) for chunk in chunks):
            return 0
        try:
            opened = self._sealer.open_all(header, raw)
        except SealBroken:
            return None
        lacking = [item for item in opened if not self._has(item[0].chunk_id)]
        if len(lacking) < len(opened):
            # Of a bundle only some: what is sealed together stays together, so the rest is sealed anew without it.
            sealed = self._sealer.seal_bundle([chunk for chunk, _ in lacking], [plain for _, plain in lacking])
            self._add(NewRecord([chunk for chunk, _ in lacking], sealed.raw, sealed.sealing_epoch, 0))
        else:
            self._add(NewRecord(chunks, raw, header.sealing_epoch, 0))
        return len(lacking)

    def _has(self, chunk_id: ChunkId) -> bool:
        return chunk_id in self._batch_chunks or self._ledger.index.stamp(chunk_id) is not None

    def _add(self, record: NewRecord) -> None:
        self._batch.append(record)
        self._batch_bytes += len(record.raw)
        self._batch_chunks.update(chunk.chunk_id for chunk in record.chunks)
        if self._batch_bytes >= _BYTES_PER_COMMIT:
            self._commit()

    def _commit(self) -> None:
        """Pack bytes and folder are synced before the index points to them, as everywhere."""
        if not self._batch:
            return
        self._writer.append(self._batch)
        unsynced = self._writer.take_unsynced()
        try:
            for file in unsynced.files.values():
                file.sync()
            if unsynced.folder_changed:
                self._disk.sync_dir(PACKS_FOLDER)
        except OSError as error:
            if is_full(error):
                raise StorageFull("the disk is full: free space and repeat") from error
            raise Storage(f"the packs could not be made durable: {error}", code="storage.write-failed") from error
        for number, file in unsynced.files.items():
            self._writer.retire(number, file)
        self._ledger.commit(unsynced.chunks, unsynced.ends, unsynced.frames)
        self._batch, self._batch_bytes, self._batch_chunks = [], 0, set()
