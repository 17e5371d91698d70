"""Collection: unreferenced chunks leave the index, and packs with too much dead weight are written anew.

The order of writes: the index forgets, synced, before anybody counts a chunk as removed; a copy is fsynced, then the
index points to it, synced, and only then the old pack is unlinked.
"""

from collections.abc import Sequence
from threading import Event

from govault.domain.manifest import ChunkRef
from govault.errors import GoVaultError, Storage, StorageFull
from govault.limits import MIB
from govault.storage.committer import Committer
from govault.storage.compression import Codec
from govault.storage.disk import Disk, File
from govault.storage.index import Entry, PackRow
from govault.storage.ledger import Ledger
from govault.storage.pack import PACKS_FOLDER, NewRecord, PackFiles, PackWriter, Place, pack_path
from govault.storage.quarantine import Quarantine
from govault.storage.reading import MEDIUM_ERRORS
from govault.storage.record import PACK_HEADER_BYTES, chunks_of
from govault.storage.scanner import Found, scan
from govault.storage.sealing import SealBroken, Sealer, SealingRootMissing
from schemas.ids import ChunkId

_REMOVED_PER_LOCK = 256
_COPIED_BYTES_PER_COMMIT = 8 * MIB
_COMMIT_WAIT_S_MAX = 120.0
_SLACK_BYTES = 1 * MIB
"""For the index, beside what is copied."""


class Collection:
    """Removes and compacts, on the calling thread. The store lets one at a time in."""

    def __init__(
        self,
        ledger: Ledger,
        disk: Disk,
        files: PackFiles,
        writer: PackWriter,
        committer: Committer,
        sealer: Sealer,
        quarantine: Quarantine,
    ) -> None:
        self._ledger = ledger
        self._disk = disk
        self._files = files
        self._writer = writer
        self._committer = committer
        self._sealer = sealer
        self._quarantine = quarantine
        self._unreadable: set[int] = set()
        """Packs that the disk could not read through since this start; they are left alone."""

    def remove(self, chunks: Sequence[ChunkId], epoch_max: int) -> list[tuple[ChunkId, Entry]]:
        """Forget chunks, durably; see ``StoreMaintenance.remove``. Uploads get their turn every few chunks."""
        removed: list[tuple[ChunkId, Entry]] = []
        for start in range(0, len(chunks), _REMOVED_PER_LOCK):
            removed += self._ledger.remove(chunks[start : start + _REMOVED_PER_LOCK], epoch_max)
        self._ledger.index.sync()
        return removed

    def compact(self, dead_share_min: float) -> int:
        """Write the pack with the most dead bytes anew; see ``StoreMaintenance.compact``."""
        while number := self._worst(dead_share_min):
            try:
                return self._compact(number)
            except OSError as error:
                if error.errno not in MEDIUM_ERRORS:
                    raise
                # What is whole in it stays where it is; the scrub tells what is not. Other packs have their turn.
                self._unreadable.add(number)
        return 0

    def _compact(self, number: int) -> int:
        if number == self._writer.current:
            self._writer.roll()
        # Appends to this pack end here; after the commit the index knows all of it.
        self.commit()
        freed = self._empty(number)
        self._quarantine_unseen(number)
        self._ledger.index.sync()
        if freed is not None:
            # In this order: a reader that opened it in between would keep its bytes on the disk for long.
            self._disk.unlink(pack_path(number))
            self._files.forget(number)
            self._disk.sync_dir(PACKS_FOLDER)
        self._ledger.forget_pack(number)
        return max(0, freed or 0)

    def _empty(self, number: int) -> int | None:
        """Copy what is live in a pack; by how much its unlinking shrinks the store, None where it is gone already."""
        try:
            with self._files.use(number) as file:
                size = file.size()
                return size - self._copy_live(number, file)
        except FileNotFoundError:
            return None

    def _worst(self, dead_share_min: float) -> int:
        """The pack with the most dead bytes among those with at least that share of them; 0 where there is none.

        Raises:
            StorageFull: There are some, but the disk has no room for what is live in any of them.
        """
        with self._ledger.lock:
            rows = [item for item in self._ledger.rows.items() if item[0] not in self._unreadable]
        due = [(row.dead_bytes, number, row.live_bytes) for number, row in rows if _dead_share(row) >= dead_share_min]
        free_bytes = self._disk.free_bytes()
        fitting = [(dead, number) for dead, number, live in due if not live or live + _SLACK_BYTES <= free_bytes]
        if due and not fitting:
            needed = min(live for _, _, live in due) + _SLACK_BYTES
            raise StorageFull(f"compaction needs {needed} bytes of free space, there are {free_bytes}: free some")
        return max(fitting)[1] if fitting else 0

    def _copy_live(self, number: int, file: File) -> int:
        """Append what is live in a pack to the growing one, a few megabytes a commit. Returns the bytes copied."""
        copied = 0
        batch: list[NewRecord] = []
        batch_bytes = 0
        if self._ledger.rows.get(number, PackRow()).live_chunks:
            for found in scan(file, PACK_HEADER_BYTES, self._ledger.rows[number].durable_bytes):
                record = self._live_record(number, file, found)
                if record is None:
                    continue
                batch.append(record)
                batch_bytes += len(record.raw)
                if batch_bytes >= _COPIED_BYTES_PER_COMMIT:
                    self._append(batch)
                    copied += batch_bytes
                    batch, batch_bytes = [], 0
        if batch:
            self._append(batch)
        return copied + batch_bytes

    def _live_record(self, number: int, file: File, found: Found) -> NewRecord | None:
        """A record to copy; None where nothing of it is live, or it is damaged (then it is quarantined).

        A bundle of which only some is live is sealed anew without the rest.
        """
        header, place = found.header, Place(number, found.offset)
        if header.codec == Codec.SEALING_ROOT:
            return None
        if not header.is_bundle and not self._live([ChunkRef(header.chunk_id, header.plain_bytes)], place):
            return None
        raw = file.pread(header.record_bytes, found.offset)
        chunks = chunks_of(header, raw)
        live = self._live(chunks, place)
        if not live:
            return None
        try:
            if len(live) == len(chunks):
                self._sealer.authenticate(header, raw)
                return NewRecord(chunks, raw, header.sealing_epoch, 0, place)
            kept = [item for item in self._sealer.open_all(header, raw) if item[0].chunk_id in live]
        except SealingRootMissing as error:
            raise Storage(f"{error}; restore keyring.json from a backup", code="storage.key-missing") from error
        except SealBroken as error:
            for chunk_id, entry in live.items():
                self._quarantine.put(chunk_id, entry, str(error), raw)
            return None
        sealed = self._sealer.seal_bundle([chunk for chunk, _ in kept], [plain for _, plain in kept])
        return NewRecord([chunk for chunk, _ in kept], sealed.raw, sealed.sealing_epoch, 0, place)

    def _live(self, chunks: Sequence[ChunkRef], place: Place) -> dict[ChunkId, Entry]:
        """Those chunks of a record that the index points to there. A move keeps each one's stamp."""
        places = ((chunk.chunk_id, self._ledger.index.get(chunk.chunk_id)) for chunk in chunks)
        return {chunk_id: entry for chunk_id, entry in places if entry is not None and entry[:2] == place}

    def _append(self, batch: list[NewRecord]) -> None:
        self._writer.append(batch, spare=True)
        self.commit()

    def commit(self) -> None:
        """Wait until everything appended so far is durable and indexed."""
        finished = Event()
        outcome: list[GoVaultError | None] = []

        def done(failure: GoVaultError | None) -> None:
            outcome.append(failure)
            finished.set()

        self._committer.request_done(done)
        if not finished.wait(_COMMIT_WAIT_S_MAX):
            raise Storage("the disk did not take a commit in time", code="storage.slow-disk")
        if outcome[0] is not None:
            raise outcome[0]

    def _quarantine_unseen(self, number: int) -> None:
        """Chunks that still point into the pack: the scan did not find them, so their headers are damaged.

        Raises:
            Storage: The index could not be told: the pack must stay.
        """
        if self._ledger.rows.get(number, PackRow()).live_chunks:
            for chunk_id, entry in self._ledger.index.entries():
                if entry.pack == number:
                    self._quarantine.put(chunk_id, entry, "the record's header is damaged")
                    if (now := self._ledger.index.get(chunk_id)) is not None and now.pack == number:
                        raise Storage(
                            f"the index did not take that chunks of {pack_path(number)} are damaged: free space and "
                            "repeat",
                            code="storage.index",
                        )


def _dead_share(row: PackRow) -> float:
    return row.dead_bytes / row.durable_bytes if row.dead_bytes else -1.0
