"""Makes the index again from the packs alone."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from govault.storage.compression import Codec
from govault.storage.database import OpenDatabase
from govault.storage.disk import Disk
from govault.storage.index import Damage, Entry, Index, IndexBatch, PackRow, change_row, entries_of
from govault.storage.ledger import EPOCH_FACT, FLOOR_FACT
from govault.storage.pack import pack_path
from govault.storage.record import PACK_HEADER_BYTES
from govault.storage.recovery import authenticated, check_keys, pack_numbers
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId

INDEX_FOLDER = "index"
_FRESH_FOLDER = "index.new"
_OLD_FOLDER = "index.old"

Progress = Callable[[int, int], None]
"""Called with pack bytes read and pack bytes in all, on the working thread."""


def rebuild_index(
    folder: Path,
    disk: Disk,
    sealer: Sealer,
    epoch: int,
    time_ms: int,
    progress: Progress,
    open_database: OpenDatabase,
) -> tuple[Index, int]:
    """Read all packs, write a fresh index, put it in the place of the old one (which must be closed) and open it.

    Returns:
        The index and the number of chunks in it.
    """
    chunks = write_fresh_index(folder, disk, sealer, epoch, time_ms, progress, open_database)
    put_in_place(folder, disk)
    return Index(open_database(folder / INDEX_FOLDER)), chunks


def write_fresh_index(
    folder: Path,
    disk: Disk,
    sealer: Sealer,
    epoch: int,
    time_ms: int,
    progress: Progress,
    open_database: OpenDatabase,
    ends: dict[int, int] | None = None,
) -> int:
    """Read all packs and write an index of them beside the one there is, which may be in use.

    Stamps cannot be known: all count as the given epoch.

    Args:
        ends: Where the packs of a store end that takes uploads: what lies behind is not durable yet. None where
            nobody writes.

    Returns:
        The number of chunks.
    """
    remove_leftovers(folder)
    index = Index(open_database(folder / _FRESH_FOLDER))
    try:
        chunks = fill_index(index, disk, sealer, epoch, time_ms, progress, ends)
        index.sync()
    finally:
        index.close()
    return chunks


def put_in_place(folder: Path, disk: Disk) -> None:
    """Put the fresh index in the place of the old one, which must be closed. A crash leaves either, or the packs.

    Raises:
        OSError: The old one is where it was, or the fresh one is there but may not survive a power loss.
    """
    current, old = folder / INDEX_FOLDER, folder / _OLD_FOLDER
    if current.exists():
        current.rename(old)
    try:
        (folder / _FRESH_FOLDER).rename(current)
    except OSError:
        if old.exists():
            old.rename(current)
        raise
    disk.sync_dir("")
    remove_leftovers(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what an interrupted rebuild left beside the index."""
    for name in (_FRESH_FOLDER, _OLD_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)


def fill_index(
    index: Index,
    disk: Disk,
    sealer: Sealer,
    epoch: int,
    time_ms: int,
    progress: Progress,
    ends: dict[int, int] | None = None,
) -> int:
    """Index all packs, up to their ends where those are given, in an empty index. Returns the number of chunks."""
    return _Rebuild(index, disk, sealer, time_ms).run(epoch, progress, ends)


class _Rebuild:
    """Reads packs in the order in which they were written, so that the newest record of a chunk wins."""

    def __init__(self, index: Index, disk: Disk, sealer: Sealer, time_ms: int) -> None:
        self._index = index
        self._disk = disk
        self._sealer = sealer
        self._time_ms = time_ms
        self._rows: dict[int, PackRow] = {}

    def run(self, epoch: int, progress: Progress, ends: dict[int, int] | None) -> int:
        sizes = {number: self._size(number) for number in pack_numbers(self._disk)}
        if ends is not None:
            sizes = {number: min(size, ends[number]) for number, size in sizes.items() if number in ends}
        done = 0
        for number, size in sizes.items():
            self._read_pack(number, size, epoch)
            done += size
            progress(done, sum(sizes.values()))
        batch = IndexBatch()
        for number, row in self._rows.items():
            batch.put_pack(number, row)
        batch.put_fact(EPOCH_FACT, epoch)
        batch.put_fact(FLOOR_FACT, epoch)
        self._index.write(batch)
        return sum(row.live_chunks for row in self._rows.values())

    def _size(self, number: int) -> int:
        file = self._disk.open(pack_path(number))
        try:
            return file.size()
        finally:
            file.close()

    def _read_pack(self, number: int, size: int, epoch: int) -> None:
        file = self._disk.open(pack_path(number))
        try:
            row = PackRow()
            if check_keys(file, self._sealer, number):
                row = row._replace(durable_bytes=PACK_HEADER_BYTES, frame_bytes=PACK_HEADER_BYTES)
            self._rows[number] = row
            for found, authentic, chunks in authenticated(file, self._sealer, PACK_HEADER_BYTES, size):
                header = found.header
                if not authentic:
                    for chunk in chunks:
                        self._note_damage(chunk.chunk_id)
                    continue
                row = self._rows[number]
                if header.codec == Codec.SEALING_ROOT:
                    self._rows[number] = row._replace(
                        durable_bytes=found.end, frame_bytes=row.frame_bytes + header.record_bytes
                    )
                    continue
                self._rows[number] = row._replace(durable_bytes=found.end)
                self._put(entries_of(number, found.offset, header.record_bytes, chunks, epoch))
        finally:
            file.close()

    def _put(self, entries: Iterable[tuple[ChunkId, Entry]]) -> None:
        batch = IndexBatch()
        for chunk_id, entry in entries:
            former = self._index.get(chunk_id)
            if former is not None:
                self._rows[former.pack] = change_row(self._rows[former.pack], [former], -1)
            self._rows[entry.pack] = change_row(self._rows[entry.pack], [entry], 1)
            batch.put_entry(chunk_id, entry)
            batch.delete_quarantined(chunk_id)
        self._index.write(batch)

    def _note_damage(self, chunk_id: ChunkId) -> None:
        if self._index.get(chunk_id) is None:
            batch = IndexBatch()
            batch.put_quarantined(chunk_id, Damage(self._time_ms, "found damaged while the index was rebuilt"))
            self._index.write(batch)
