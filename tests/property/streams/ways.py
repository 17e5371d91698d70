"""Ways to fold one partition's log into views, and all that is to be the same whichever was gone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from govault.domain import apply_credentials, apply_groups, memory_state
from govault.domain.memory_state import _Rows
from govault.domain.position import Outcome, Position
from govault.domain.rows import AccessRow, FileRow, FolderRow, OutcomeRow, PartRow, Row, VersionRow
from schemas.codec import encode
from schemas.envelope import Event
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views import accounts, fold, keys, reader, sweep
from streams.views.database import Database
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.key_filter import KeyFilter
from streams.views.keys import KEY_OF
from streams.views.reader import PartitionRows, StoredRows
from streams.views.rows_codec import decode_row

KEYS = FoldKeys(b"m" * 32, b"d" * 32)
PARTITION = 1
WINDOW = 7
"""So few outcomes answer repeats that most of a short history's grow too old."""

_ASKED_EACH = 5
_OF_BATCHES = (keys.OUTCOME, keys.UNINDEXED, keys.META, keys.SWEEP)
"""Families that tell how the log was cut: how far old outcomes are swept, and which batch changed what files."""


def narrow(patch: pytest.MonkeyPatch) -> None:
    """Make the bounds so small that short histories meet them."""
    for module in (reader, sweep, memory_state):
        patch.setattr(module, "OUTCOMES_PER_PARTITION_MAX", WINDOW)
    patch.setattr(sweep, "_OUTCOMES_PER_MARK", 2)
    patch.setattr(sweep, "_OUTCOMES_PER_TURN", 1)
    patch.setattr(fold, "ROWS_KEPT_MAX", 4)
    for module in (apply_groups, accounts):
        patch.setattr(module, "GROUPS_PER_ACCOUNT_MAX", 2)
    for module in (apply_credentials, accounts):
        patch.setattr(module, "API_TOKENS_PER_ACCOUNT_MAX", 2)
        patch.setattr(module, "SIGNING_KEYS_MAX", 2)


@dataclass
class Seen:
    """What a way saw and left.

    Attributes:
        outcomes: What was decided, by offset; None where a record was malformed.
        referenced, dereferenced: Chunks told of, in order.
        digests: Of the end: (applied, history, view).
        stored: Every key and value of the end, but for ``_OF_BATCHES``.
        answers: By offset, for those at which somebody asked: what each event id is answered.
    """

    outcomes: dict[int, Outcome | None] = field(default_factory=dict)
    referenced: list[bytes] = field(default_factory=list)
    dereferenced: list[bytes] = field(default_factory=list)
    digests: tuple[Any, ...] = ()
    stored: dict[bytes, bytes] = field(default_factory=dict)
    answers: dict[int, dict[str, OutcomeRow]] = field(default_factory=dict)


def records_of(topic: Topic, events: Iterable[tuple[int, Event]], rng: Random) -> list[Record]:
    """The records of (append time, event); some are damaged or forged."""
    records = []
    for offset, (time_ms, event) in enumerate(events):
        key, value = event.subject.encode(), encode(event)
        headers = tuple(headers_of(topic, PARTITION, key, value, KEYS.mac_key))
        if offset and rng.randrange(25) == 0:
            value, headers = rng.choice(((value[:-1], headers), (value, ()), (b"", headers)))
        records.append(Record(Position(topic, PARTITION, offset), time_ms, key, value, headers))
    return records


class Folding:
    """One way under way: a fold over a database that may be closed and opened again between any two records."""

    def __init__(self, path: Path, topic: Topic, ids: Sequence[str], *, fills: bool = False) -> None:
        """Of an empty database; with ``fills``, through a key filter until ``open_again``."""
        self._path, self._topic, self._ids = path, topic, ids
        self.seen = Seen()
        self._open(KeyFilter() if fills else None)

    def _open(self, key_filter: KeyFilter | None) -> None:
        self._fills = key_filter is not None
        self._database = Database(self._path, filling=self._fills)
        self.fold = PartitionFold(self._database, self._topic, PARTITION, KEYS, key_filter)

    def take(self, records: Iterable[Record]) -> None:
        """Fold records of which no batch holds anything yet."""
        for record in records:
            folded = self.fold.fold(record)
            if folded is not None:
                self.seen.outcomes[folded.position.offset] = folded.outcome

    def write(self) -> None:
        """Write a batch, and ask what it shows."""
        before = self.fold.written
        self.fold.write(logged=True)
        if self.fold.written != before:
            self.seen.referenced += self.fold.referenced
            self.seen.dereferenced += self.fold.rows.take_dereferenced()
            if not self._fills and self.fold.written % _ASKED_EACH == 0:
                self.seen.answers[self.fold.written] = self._answers()

    def open_again(self) -> None:
        """Lose what no batch holds, and go on with what is stored."""
        if self._fills:
            self.write()
            self.fold.finish()
        self._database.close()
        self._open(None)

    def end(self) -> Seen:
        """Write the rest, close, and tell."""
        self.write()
        if self._fills:
            self.open_again()
        seen, prefix = self.seen, self.fold.prefix
        seen.answers[self.fold.written] = self._answers()
        seen.digests = (self.fold.applied, self.fold.history, self.fold.view_digest, self.fold.vault_time_ms)
        for key, value in self._database.items(prefix, keys.prefix_end(prefix)):
            if not key[keys.PREFIX_BYTES :].startswith(_OF_BATCHES):
                seen.stored[key[keys.PREFIX_BYTES :]] = value
        self._database.close()
        return seen

    def _answers(self) -> dict[str, OutcomeRow]:
        rows = PartitionRows(StoredRows(self._database, self.fold.prefix))
        found = ((event_id, rows.outcome(event_id)) for event_id in self._ids)
        return {event_id: row for event_id, row in found if row is not None}


def straight(path: Path, topic: Topic, ids: Sequence[str], records: Sequence[Record]) -> Seen:
    """One record a batch."""
    way = Folding(path, topic, ids)
    for record in records:
        way.take((record,))
        way.write()
    return way.end()


def hectic(path: Path, topic: Topic, ids: Sequence[str], records: Sequence[Record], rng: Random) -> Seen:
    """Batches of any size, records that come again, and now and then what no batch holds is lost."""
    way = Folding(path, topic, ids)
    _go_on(way, records, rng)
    return way.end()


def filled(path: Path, topic: Topic, ids: Sequence[str], records: Sequence[Record], rng: Random) -> Seen:
    """A part in a fill from nothing, the rest by whoever opens what it left."""
    way = Folding(path, topic, ids, fills=True)
    until = rng.randrange(len(records) + 1)
    at = 0
    while at < until:
        size = min(until - at, 1 + rng.randrange(40))
        way.take(records[at : at + size])
        way.write()
        at += size
    way.open_again()
    _go_on(way, records, rng)
    return way.end()


def _go_on(way: Folding, records: Sequence[Record], rng: Random) -> None:
    sizes = rng.choice(((1, 2, 3), (1, 5, 30), (40,)))
    while way.fold.written < len(records) - 1:
        start = max(0, way.fold.applied + 1 - rng.randrange(3))
        way.take(records[start : start + 1 + rng.randrange(rng.choice(sizes))])
        if rng.randrange(12) == 0:
            way.open_again()
        elif rng.randrange(4):
            way.write()


def in_memory(state: _Rows, events: Sequence[tuple[int, Event]], records: Sequence[Record], seen: Seen) -> None:
    """Fold the events in memory, and compare with what a way saw and left."""
    ids = {event.id for _, event in events}
    for offset, (time_ms, event) in enumerate(events):
        if seen.outcomes[offset] is None:
            state.vault_time_ms = max(state.vault_time_ms, time_ms)
            continue
        applied = state.apply(event, offset, time_ms)
        assert applied is not None
        assert applied.outcome == seen.outcomes[offset], offset
        if offset in seen.answers:
            found = ((event_id, state.outcome(event_id)) for event_id in ids)
            assert seen.answers[offset] == {event_id: row for event_id, row in found if row is not None}, offset
    expected = {
        KEY_OF[kind](row): row
        for kind, family in state.state().items()
        if kind is not OutcomeRow
        for row in family.values()
    }
    rows = {key: decode_row(key, value) for key, value in seen.stored.items() if key[:1] in keys.ROW_FAMILIES}
    assert rows == expected
    derived = {key for key in seen.stored if key[:1] not in keys.ROW_FAMILIES + keys.REVISION}
    assert derived == {key for row in rows.values() for key in _derived_of(row)}


def _derived_of(row: Row) -> Iterator[bytes]:
    """The keys that follow from a row: by content, roots of trash, of principals, parts that nothing lists."""
    match row:
        case FileRow() | FolderRow():
            if isinstance(row, FileRow):
                yield keys.hash_key(row.current.sha256, row.entity_id, row.current.number)
            if row.trashed_ms is not None:
                yield keys.trash_key(row.space_id, row.entity_id)
            if row.owner:
                yield keys.principal_key(row.owner, row.space_id, row.entity_id, True)
        case VersionRow():
            yield keys.hash_key(row.content.sha256, row.file_id, row.number)
        case AccessRow():
            for principal, _ in row.grants:
                yield keys.principal_key(principal, row.space_id, row.target_id, False)
        case PartRow() if not row.references:
            yield keys.idle_key(row.idle_since_epoch, row.space_id, row.part_id)


def compare(one: Seen, other: Seen) -> None:
    """Everything but which offsets were asked at is the same."""
    assert other.outcomes == one.outcomes
    assert other.digests == one.digests
    assert other.stored == one.stored
    assert other.referenced == one.referenced
    assert other.dereferenced == one.dereferenced
    for offset in one.answers.keys() & other.answers.keys():
        assert other.answers[offset] == one.answers[offset], offset
