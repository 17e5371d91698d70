"""What happens to a damaged record: it is no longer known, so that nobody reads it or deduplicates against it."""

from collections.abc import Callable

from govault.errors import Storage
from govault.storage.disk import Disk, replace_file
from govault.storage.index import Damage, Entry, IndexBatch, PackRow, change_row
from govault.storage.ledger import Ledger
from schemas.ids import ChunkId

QUARANTINE_FOLDER = "quarantine"
KEPT_RECORDS_MAX = 64
"""Copies of damaged records kept for a closer look."""

DamageHook = Callable[[ChunkId, str], None]


class Quarantine:
    """Takes damaged chunks out of service. Any thread may call it, more than once for a chunk."""

    def __init__(self, ledger: Ledger, disk: Disk, time_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._disk = disk
        self._time_ms = time_ms
        self.hook: DamageHook | None = None
        """Called, on any thread, after a chunk was quarantined: a replica may repair it."""

    def put(self, chunk_id: ChunkId, entry: Entry, reason: str, raw: bytes = b"") -> None:
        """Quarantine the record at a place, durably, unless the index points elsewhere by now."""
        try:
            if not self._take_out(chunk_id, entry, reason):
                return
            self._ledger.index.sync()
            self._keep(chunk_id, raw)
        except (OSError, Storage):
            # On a full disk the chunk stays in the index, where every read fails it again; a copy is a courtesy.
            pass
        if self.hook is not None:
            self.hook(chunk_id, reason)

    def _take_out(self, chunk_id: ChunkId, entry: Entry, reason: str) -> bool:
        ledger = self._ledger
        with ledger.lock:
            current = ledger.index.get(chunk_id)
            if current is None or current[:2] != entry[:2]:
                return False
            batch = IndexBatch()
            batch.delete_entry(chunk_id)
            batch.put_quarantined(chunk_id, Damage(self._time_ms(), reason))
            row = change_row(ledger.rows.get(current.pack, PackRow()), [current], -1)
            batch.put_pack(current.pack, row)
            ledger.index.write(batch)
            ledger.slots.changed([chunk_id])
            ledger.rows[current.pack] = row
            ledger.quarantined.add(chunk_id)
        return True

    def _keep(self, chunk_id: ChunkId, raw: bytes) -> None:
        if raw and len(self._disk.list_dir(QUARANTINE_FOLDER)) < KEPT_RECORDS_MAX:
            replace_file(self._disk, f"{QUARANTINE_FOLDER}/{chunk_id.hex()}.record", raw)
