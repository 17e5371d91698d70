"""What views tell and write between two batches, and after one that failed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govault.domain.position import Position
from govault.errors import StorageFull
from schemas.codec import encode
from schemas.events import EventData
from schemas.events.files import EntryMoved, FolderMade, SpaceOpened, VersionCommitted
from schemas.ids import new_entity_id
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views.database import Database
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.generation import Generation, VaultIdentity
from streams.views.revisions import PastPartition
from streams.views.views import RocksViews
from tests.unit.domain.writing import SPACE, content_of, event_of

KEYS = FoldKeys(b"m" * 32, b"d" * 32)
PLACE = (Topic.FILES, 0)


def record(offset: int, data: EventData) -> Record:
    event = event_of(data, offset + 1)
    key, value = event.subject.encode(), encode(event)
    headers = tuple(headers_of(Topic.FILES, 0, key, value, KEYS.mac_key))
    return Record(Position(Topic.FILES, 0, offset), 10_000 + offset, key, value, headers)


OPENED = record(0, SpaceOpened(space_id=SPACE, name="main"))
MADE = record(1, FolderMade(space_id=SPACE, path="d"))
MADE_TOO = record(2, FolderMade(space_id=SPACE, path="e"))


def test_digests_are_told_of_the_position_that_is_told_though_more_is_folded(tmp_path: Path) -> None:
    vault = VaultIdentity("vault-of-the-test", 1, KEYS)
    views = RocksViews(Generation(tmp_path / "g", vault), vault)
    try:
        views.stage(PLACE, (OPENED,))
        views.write(PLACE, logged=True)
        before = digests(views)
        views.stage(PLACE, (MADE,))
        assert digests(views) == before
        views.write(PLACE, logged=True)
        assert digests(views) != before
        assert views.applied()[PLACE] == 1
    finally:
        views.close()


def digests(views: RocksViews) -> list[tuple[int, str, str]]:
    return [(row.applied, row.history, row.view) for row in views.status()]


class FullOnce(Database):
    """A disk that is full for one batch."""

    full = False

    def write(self, batch: Any, logged: bool) -> None:
        if self.full:
            self.full = False
            raise StorageFull("the disk is full")
        super().write(batch, logged)


def test_what_a_failed_batch_held_is_not_passed_over_by_the_next(tmp_path: Path) -> None:
    database = FullOnce(tmp_path / "g")
    fold = PartitionFold(database, *PLACE, KEYS)
    fold.fold(OPENED)
    fold.write(logged=True)
    database.full = True
    fold.fold(MADE)
    with pytest.raises(StorageFull):
        fold.write(logged=True)
    fold.fold(MADE_TOO)
    with pytest.raises(StorageFull):
        fold.write(logged=True)
    again = PartitionFold(database, *PLACE, KEYS)
    assert again.applied == 0
    for one in (MADE, MADE_TOO):
        again.fold(one)
    again.write(logged=True)
    assert again.view_digest == straight(tmp_path / "h").view_digest
    database.close()


def straight(path: Path) -> PartitionFold:
    fold = PartitionFold(Database(path), *PLACE, KEYS)
    for one in (OPENED, MADE, MADE_TOO):
        fold.fold(one)
    fold.write(logged=True)
    return fold


def test_a_chunk_is_told_once_though_its_record_comes_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "g")
    fold = PartitionFold(database, *PLACE, KEYS)
    data = VersionCommitted(
        space_id=SPACE, path="a", new_file_id=new_entity_id(1, b"batches---"), content=content_of(b"one"), epoch=0
    )
    for told in (1, 0):
        for one in (OPENED, record(1, data)):
            fold.fold(one)
        fold.write(logged=True)
        assert len(fold.referenced) == told
    database.close()


class Racing:
    """A database in which a batch is written behind the back of whoever looks, after a first look."""

    def __init__(self, database: Database, fold: PartitionFold, later: Record) -> None:
        self._database, self._fold, self._later = database, fold, later

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._database.get(key)
        self._goes_on()
        return found

    def items(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        found = list(self._database.items(start, stop))
        self._goes_on()
        return iter(found)

    def _goes_on(self) -> None:
        self._fold.fold(self._later)
        self._fold.write(logged=True)


def test_what_is_applied_between_two_looks_does_not_hide_what_was_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "g")
    fold = PartitionFold(database, *PLACE, KEYS)
    fold.fold(OPENED)
    fold.fold(MADE)
    fold.write(logged=True)
    folder_id = fold.reader.entry(SPACE, SPACE, "d").entity_id
    moved = record(2, EntryMoved(space_id=SPACE, entity_id=folder_id, to_path="e"))
    racing: Any = Racing(database, fold, moved)
    past = PastPartition(racing, fold.prefix, 1).entity(folder_id)
    assert fold.written == 2
    assert past is not None
    assert past.name == "d"
    database.close()
