"""An event may be recorded twice under one id: it came late, or its first outcome is too old to answer for it."""

from pathlib import Path

import pytest

from govault.domain.position import Position
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.files import FolderMade
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views import reader, sweep
from streams.views.database import Database
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.key_filter import KeyFilter
from tests.unit.domain.writing import SPACE, event_of

KEYS = FoldKeys(b"m" * 32, b"d" * 32)
LATE = event_of(FolderMade(space_id=SPACE, path="d"), 1, not_after_ms=5_000, request_hash="r")
IN_TIME = LATE._replace(not_after_ms=100_000)


def record(offset: int, event: Event) -> Record:
    key, value = event.subject.encode(), encode(event)
    headers = tuple(headers_of(Topic.FILES, 0, key, value, KEYS.mac_key))
    return Record(Position(Topic.FILES, 0, offset), 10_000 + offset, key, value, headers)


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("batches", [((LATE,), (IN_TIME,)), ((LATE, IN_TIME),)])
def test_the_digest_counts_both_however_they_fall_into_batches(
    tmp_path: Path, batches: tuple[tuple[Event, ...], ...], fills: bool
) -> None:
    digest = _folded(Database(tmp_path / "g"), batches, KeyFilter() if fills else None).view_digest
    assert digest == _folded(Database(tmp_path / "h"), ((LATE,), (IN_TIME,)), None).view_digest


def test_an_outcome_recorded_anew_is_not_removed_with_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sweep, reader):
        monkeypatch.setattr(module, "OUTCOMES_PER_PARTITION_MAX", 5)
    monkeypatch.setattr(sweep, "_OUTCOMES_PER_TURN", 1)
    others = [event_of(FolderMade(space_id=SPACE, path="d"), number) for number in range(2, 12)]
    database = Database(tmp_path / "g")
    fold = _folded(database, ((LATE,), (*others, IN_TIME)), None)
    found = reader.FilesRows(reader.StoredRows(database, fold.prefix)).outcome(LATE.id)
    assert found is not None
    assert found.offset == 11


def _folded(database: Database, batches: tuple[tuple[Event, ...], ...], key_filter: KeyFilter | None) -> PartitionFold:
    fold = PartitionFold(database, Topic.FILES, 0, KEYS, key_filter)
    offset = 0
    for events in batches:
        for event in events:
            fold.fold(record(offset, event))
            offset += 1
        fold.write(logged=True)
    return fold
