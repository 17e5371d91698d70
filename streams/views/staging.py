"""Changes of a partition on their way into one batch, laid over what is stored.

``RocksDB`` gives back nothing of a batch before it is written, so that an event reads the rows of the events before
it from here. Folding one event a batch or thousands leaves the same bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from typing import Any

from govault.domain.rows import (
    Change,
    ChunkRow,
    EntryRow,
    FileRow,
    OutcomeRow,
    OwnedRow,
    PartitionRow,
    Put,
    Row,
    SpaceRow,
    TotalsRow,
)
from govault.domain.space_rows import SpaceReplicasRow
from streams.views import keys
from streams.views.database import Database
from streams.views.derived import FOLLOWED, DerivedKeys
from streams.views.digests import MODULUS_MASK, RowDigests
from streams.views.key_filter import MASK, KeyFilter
from streams.views.keys import KEY_OF, REVISIONED
from streams.views.rows_codec import decode_row, encode_row, since_of
from streams.views.sweep import OutcomeQueue

_OUTCOME_BYTE = keys.OUTCOME[0]
_ENTRY_BYTE = keys.ENTRY[0]
_SPACES = frozenset((SpaceRow, SpaceReplicasRow))
_COUNTERS = frozenset((PartitionRow, TotalsRow, OwnedRow))
"""Rows that nearly every event changes, and nothing follows from."""


class _Cell:
    """One row as it stands now, and as it is stored."""

    __slots__ = ("dirty", "row", "since", "stored")

    def __init__(self, row: Row | None, since: int, stored: bytes | None) -> None:
        self.row = row
        self.since = since
        self.stored = stored
        self.dirty = False


_UNREAD = _Cell(None, -1, None)
"""Stands where a key was not looked for yet; None, where it is known to be absent."""


class StagedRows:
    """The rows of one partition with changes that no batch holds yet. One task writes; nobody else reads.

    Attributes:
        rows_sum: Sum of the digests of all current rows, modulo 2**256; of stored ones until ``write_to``.
        outcomes_sum: The same of all outcomes ever recorded: they leave by age, which no digest should see.
    """

    def __init__(
        self,
        database: Database,
        prefix: bytes,
        digest_key: bytes,
        rows_kept_max: int,
        key_filter: KeyFilter | None = None,
    ) -> None:
        """Of a stored partition; with a filter, of one that is filled from nothing and ends with ``write_outcomes``."""
        self._database = database
        self._filter_bits = None if key_filter is None else key_filter.bits
        self._kept_outcomes = None if key_filter is None else OutcomeQueue()
        self._recorded: list[tuple[bytes, OutcomeRow, int]] = []
        self._recorded_rows: dict[bytes, OutcomeRow] = {}
        self._prefix = prefix
        self._digests = RowDigests(digest_key)
        self._rows_kept_max = rows_kept_max
        self._cells: dict[bytes, _Cell | None] = {}
        self._dirty: dict[bytes, _Cell] = {}
        self._dirty_entries: dict[bytes, list[bytes]] = {}
        self._revisions: list[tuple[bytes, bytes]] = []
        self._derived = DerivedKeys()
        self.rows_sum = 0
        self.outcomes_sum = 0
        self._dereferenced: list[bytes] = []
        self._referenced: list[bytes] = []
        self._spaces_changed = False

    # --- reading (Rows) ---

    def row(self, key: bytes) -> Row | None:
        """The current row of a key."""
        cell = self._cells.get(key, _UNREAD)
        if cell is _UNREAD:
            if key[0] == _OUTCOME_BYTE:
                return self._recorded_rows.get(key) or self._stored_outcome(key)
            bits = self._filter_bits
            if bits is not None:
                bit = hash(key) & MASK
                if not bits[bit >> 3] & 1 << (bit & 7):
                    self._cells[key] = None
                    return None
            cell = self._load(key)
        return None if cell is None else cell.row

    def keys(self, start: bytes) -> Iterator[bytes]:
        """Keys that begin with ``start``, staged changes included."""
        if start[:1] == keys.TRASH_INDEX:
            fresh, gone = self._derived.staged_trash(start)
        else:
            near = self._dirty_entries.get(start, ()) if start[0] == _ENTRY_BYTE else self._dirty
            fresh = {key for key in near if key.startswith(start) and self._dirty[key].row is not None}
            gone = {key for key in near if key.startswith(start) and self._dirty[key].row is None}
        full = self._prefix + start
        for stored in self._database.keys(full, keys.prefix_end(full)):
            key = stored[keys.PREFIX_BYTES :]
            if key not in gone and key not in fresh:
                yield key
        yield from fresh

    def page(self, start: bytes, after: bytes, limit: int) -> list[bytes]:
        """The first keys that begin with ``start`` and come behind ``after``, ascending. Looks at all: for few."""
        return nsmallest(limit, (key for key in self.keys(start) if key > after))

    def _load(self, key: bytes) -> _Cell | None:
        stored = self._database.get(self._prefix + key)
        cell = None if stored is None else _Cell(decode_row(key, stored), since_of(stored), stored)
        self._cells[key] = cell
        return cell

    def _stored_outcome(self, key: bytes) -> Row | None:
        full = self._prefix + key
        stored = self._database.get(full) if self._kept_outcomes is None else self._kept_outcomes.get(full)
        return None if stored is None else decode_row(key, stored)

    # --- changing ---

    def stage(self, changes: Sequence[Change], offset: int) -> None:
        """Take the changes of the event at an offset."""
        cells, dirty = self._cells, self._dirty
        for change in changes:
            row = change[0]
            kind = type(row)
            key = KEY_OF[kind](row)
            if type(row) is OutcomeRow:
                # Every one counts in the sum, also where a later event of the same batch is recorded under the same id.
                self._recorded.append((key, row, offset))
                self._recorded_rows[key] = row
                continue
            cell = cells.get(key, _UNREAD)
            if cell is _UNREAD:
                self.row(key)
                cell = cells[key]
            if kind in _COUNTERS and cell is not None and cell.dirty and type(change) is Put:
                cell.row = row
                cell.since = offset
                continue
            old = None if cell is None else cell.row
            new = row if type(change) is Put else None
            if old is None and new is None:
                continue
            if cell is None:
                cell = cells[key] = _Cell(new, offset, None)
            else:
                if old is not None and key[0] in REVISIONED and cell.since != offset:
                    self._keep_revision(key, cell, offset)
                cell.row = new
                cell.since = offset
            if kind in FOLLOWED:
                self._derived.follow(old, new)
            elif type(row) is ChunkRow:
                if new is None:
                    self._dereferenced.append(row.chunk_id)
                elif old is None:
                    self._referenced.append(row.chunk_id)
            elif kind in _SPACES:
                self._spaces_changed = True
            if not cell.dirty:
                cell.dirty = True
                dirty[key] = cell
                if kind is EntryRow:
                    self._dirty_entries.setdefault(key[: key.index(0) + 1], []).append(key)

    def _keep_revision(self, key: bytes, cell: _Cell, offset: int) -> None:
        assert cell.row is not None
        value = encode_row(cell.row, cell.since) if cell.dirty else cell.stored
        assert value is not None
        self._revisions.append((keys.revision_key(self._prefix + key, offset), value))

    # --- writing ---

    def write_to(self, batch: Any, applied: int) -> list[FileRow]:
        """Put every staged change into a batch and bring the sums up to date; nothing is staged afterwards.

        Returns:
            Files whose searchable fields changed, each as it was when they last did.
        """
        prefix, bits, put = self._prefix, self._filter_bits, batch.put
        gone: list[tuple[bytes, bytes]] = []
        rows: list[tuple[bytes, bytes]] = []
        for key, cell in self._dirty.items():
            cell.dirty = False
            full = prefix + key
            stored = cell.stored
            row = cell.row
            if stored is not None:
                gone.append((full, stored))
            if row is None:
                if stored is not None:
                    batch.delete(full)
                    cell.stored = None
                continue
            cell.stored = value = encode_row(row, cell.since)
            put(full, value)
            if bits is not None and stored is None:
                bit = hash(key) & MASK
                bits[bit >> 3] |= 1 << (bit & 7)
            rows.append((full, value))
        added = self._digests.sum(rows) - self._digests.sum(gone)
        self.rows_sum = (self.rows_sum + added) & MODULUS_MASK
        self._write_recorded(put)
        for revision, value in self._revisions:
            put(revision, value)
        self._derived.write_to(batch, prefix)
        unindexed = self._derived.take_unindexed()
        if unindexed:
            put(
                prefix + keys.UNINDEXED + applied.to_bytes(8, "big"),
                "\0".join([row.entity_id for row in unindexed]).encode(),
            )
        self._revisions.clear()
        self._dirty.clear()
        self._dirty_entries.clear()
        return unindexed

    def _write_recorded(self, put: Callable[[bytes, bytes], None]) -> None:
        kept = self._kept_outcomes
        outcomes: list[tuple[bytes, bytes]] = []
        for key, row, offset in self._recorded:
            full = self._prefix + key
            value = encode_row(row, offset)
            outcomes.append((full, value))
            if kept is None:
                put(full, value)
            else:
                kept.put(full, row.ordinal, value)
        self.outcomes_sum = (self.outcomes_sum + self._digests.sum(outcomes)) & MODULUS_MASK
        self._recorded.clear()
        self._recorded_rows.clear()

    def forget_outcomes(self, outcomes: int) -> None:
        """Of a partition filled from nothing: drop what answers no repeats, now that so many were recorded."""
        if self._kept_outcomes is not None:
            self._kept_outcomes.forget_old(outcomes)

    def write_outcomes(self, batch: Any) -> None:
        """Of a partition filled from nothing: put the outcomes that are left into the last batch."""
        if self._kept_outcomes is not None:
            self._kept_outcomes.write_to(batch)

    def take_dereferenced(self) -> list[bytes]:
        """Chunks whose last reference in the partition went since last taken."""
        taken, self._dereferenced = self._dereferenced, []
        return taken

    def take_referenced(self) -> list[bytes]:
        """Chunks that got their first reference in the partition since last taken."""
        taken, self._referenced = self._referenced, []
        return taken

    def take_spaces_changed(self) -> bool:
        """Whether settings of a space changed since last taken."""
        taken, self._spaces_changed = self._spaces_changed, False
        return taken

    def forget_rows(self) -> None:
        """Drop rows kept for reading once they are many; only between a written batch and the next change."""
        assert not self._dirty, "staged changes would be lost"
        if len(self._cells) > self._rows_kept_max:
            self._cells.clear()
