"""The repair queue in an ordered database: what waits for repair, in the order of urgency and time.

Keys: ``c`` + chunk id → the entry; ``d`` + urgency + due time + chunk id → nothing (the order); ``m`` + name → a fact.
Nothing is synced: an entry that power loss takes is found again by the next walk over the slots.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from govault.domain.healing import Urgency
from govault.ports import Postponed, RepairCounts, RepairEntry
from govault.storage.database import Change, Database

QUEUE_FOLDER = "repairs"
_ROW = struct.Struct(">BQII?")
_ORDER = struct.Struct(">BQ")
_TIME = struct.Struct(">Q")
_CHANGE_MAX = 2**32 - 1
_FAILURES_KEPT_MAX = 2**16
_TIME_KEPT_EVERY_MS = 10_000
_TIME_NOTE = "time"
_NEVER_MS = 2**63


class _Row(NamedTuple):
    urgency: int
    due_ms: int
    failures: int
    change: int
    lost: bool


class _Changes(NamedTuple):
    """What becomes of some entries: rows to write, and what counts more or less once they are."""

    rows: list[Change]
    counted: list[tuple[_Row, int]]


class StoredRepairQueue:
    """``RepairQueue`` on a database of its own."""

    def __init__(self, database: Database, monotonic_s: Callable[[], float]) -> None:
        """Goes on with what is in the database. This reads every entry once.

        Args:
            monotonic_s: Seconds that only grow.
        """
        self._database = database
        self._monotonic_s = monotonic_s
        kept = self.note(_TIME_NOTE)
        self._began_ms = 0 if kept is None else _TIME.unpack(kept)[0]
        self._began_s = monotonic_s()
        self._time_kept_ms = self._began_ms
        self._tell_sooner: Callable[[], None] = lambda: None
        self._by_urgency: Counter[int] = Counter()
        self._failed = self._lost = 0
        self._first_ms = [0 for _ in Urgency]
        """Nothing of an urgency is due before: scans need not cross what was taken away there."""
        for _, raw in database.scan(b"c"):
            self._count(_Row._make(_ROW.unpack(raw)), 1)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def add(self, chunks: Sequence[bytes], urgency: Urgency, delay_s: float = 0.0, *, again: bool = False) -> int:
        due_ms = self._now_ms() + int(delay_s * 1000)
        changes = _Changes([], [])
        added = 0
        for chunk_id in dict.fromkeys(chunks):
            old = self._row(chunk_id)
            if old is None:
                row = _Row(int(urgency), due_ms, 0, 0, False)
                added += 1
            else:
                sooner = min(due_ms, old.due_ms) if again or not old.failures else old.due_ms
                row = old._replace(urgency=min(int(urgency), old.urgency), due_ms=sooner, change=_next(old.change))
            self._put(changes, chunk_id, old, row)
        self._write(changes)
        self._tell_sooner()
        return added

    def take(self, limit: int) -> list[RepairEntry]:
        now_ms = self._now_ms()
        self._keep_time(now_ms)
        taken: list[RepairEntry] = []
        for urgency in Urgency:
            if self._first_ms[urgency] > now_ms:
                continue
            first_ms = now_ms
            for key, _ in self._ordered(urgency, now_ms):
                first_ms = min(first_ms, _TIME.unpack_from(key)[0])
                if len(taken) == limit:
                    break
                chunk_id = key[_TIME.size :]
                row = self._row(chunk_id)
                if row is not None:
                    taken.append(_entry(chunk_id, row))
            self._first_ms[urgency] = first_ms
        return taken

    def done(self, entries: Iterable[RepairEntry]) -> None:
        changes = _Changes([], [])
        for entry in entries:
            row = self._row(entry.chunk_id)
            if row is not None and row.change == entry.change:
                self._put(changes, entry.chunk_id, row, None)
        self._write(changes)

    def later(self, postponed: Sequence[Postponed]) -> None:
        now_ms = self._now_ms()
        changes = _Changes([], [])
        for entry, delay_s, failed, lost in postponed:
            row = self._row(entry.chunk_id)
            if row is None or row.change != entry.change:
                continue
            failures = min(row.failures + 1, _FAILURES_KEPT_MAX) if failed else row.failures
            due_ms = now_ms + int(delay_s * 1000)
            self._put(changes, entry.chunk_id, row, _Row(row.urgency, due_ms, failures, _next(row.change), lost))
        self._write(changes)

    def waiting(self, after: bytes, limit: int) -> list[RepairEntry]:
        rows = islice(self._database.scan(b"c", after), limit)
        return [_entry(key, _Row._make(_ROW.unpack(raw))) for key, raw in rows]

    def hasten(self, entries: Sequence[RepairEntry]) -> None:
        now_ms = self._now_ms()
        changes = _Changes([], [])
        for entry in entries:
            row = self._row(entry.chunk_id)
            if row is not None and row.change == entry.change and row.due_ms > now_ms:
                self._put(changes, entry.chunk_id, row, row._replace(due_ms=now_ms, change=_next(row.change)))
        self._write(changes)
        self._tell_sooner()

    def on_sooner(self, tell: Callable[[], None]) -> None:
        self._tell_sooner = tell

    def next_due_s(self) -> float | None:
        for urgency in Urgency:
            first = next(self._ordered(urgency, _NEVER_MS - 1), None)
            self._first_ms[urgency] = _NEVER_MS if first is None else _TIME.unpack_from(first[0])[0]
        due_ms = min(self._first_ms)
        return None if due_ms == _NEVER_MS else max(0.0, (due_ms - self._now_ms()) / 1000)

    def lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        return [chunk_id for chunk_id in chunks if (row := self._row(chunk_id)) is not None and row.lost]

    def counts(self) -> RepairCounts:
        by = self._by_urgency
        return RepairCounts(by[Urgency.SOLE], by[Urgency.FEW], by[Urgency.REST], self._failed, self._lost)

    def note(self, name: str) -> bytes | None:
        return self._database.get(b"m" + name.encode())

    def keep(self, name: str, value: bytes) -> None:
        self._database.write([(b"m" + name.encode(), value)])

    def _ordered(self, urgency: Urgency, until_ms: int) -> Iterator[tuple[bytes, bytes]]:
        """What is due until a moment. No further: what was hastened has left gaps there, which take long to cross."""
        first_ms = self._first_ms[urgency]
        return self._database.scan(b"d" + bytes([urgency]), _TIME.pack(first_ms), _TIME.pack(until_ms + 1))

    def _row(self, chunk_id: bytes) -> _Row | None:
        raw = self._database.get(b"c" + chunk_id)
        return None if raw is None else _Row._make(_ROW.unpack(raw))

    def _put(self, changes: _Changes, chunk_id: bytes, old: _Row | None, new: _Row | None) -> None:
        rows, counted = changes
        if old is not None:
            counted.append((old, -1))
            rows.append((b"d" + _ORDER.pack(old.urgency, old.due_ms) + chunk_id, None))
        if new is None:
            rows.append((b"c" + chunk_id, None))
            return
        counted.append((new, 1))
        self._first_ms[new.urgency] = min(self._first_ms[new.urgency], new.due_ms)
        rows.append((b"c" + chunk_id, _ROW.pack(*new)))
        rows.append((b"d" + _ORDER.pack(new.urgency, new.due_ms) + chunk_id, b""))

    def _write(self, changes: _Changes) -> None:
        """Counts follow only what was written: on a full disk nothing of it is."""
        self._database.write(changes.rows)
        for row, sign in changes.counted:
            self._count(row, sign)

    def _count(self, row: _Row, sign: int) -> None:
        self._by_urgency[row.urgency] += sign
        self._failed += sign * (row.failures > 0)
        self._lost += sign * row.lost

    def _now_ms(self) -> int:
        return self._began_ms + int((self._monotonic_s() - self._began_s) * 1000)

    def _keep_time(self, now_ms: int) -> None:
        """Keep the queue's time now and then, so that a start goes on from there instead of from a wall clock."""
        if now_ms - self._time_kept_ms >= _TIME_KEPT_EVERY_MS:
            self.keep(_TIME_NOTE, _TIME.pack(now_ms))
            self._time_kept_ms = now_ms


def _entry(chunk_id: bytes, row: _Row) -> RepairEntry:
    return RepairEntry(chunk_id, Urgency(row.urgency), row.failures, row.lost, row.change)


def _next(change: int) -> int:
    return (change + 1) % _CHANGE_MAX
