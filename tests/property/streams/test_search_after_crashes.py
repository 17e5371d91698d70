"""Wherever a process is killed between two steps of folding and indexing, every file is found as it is."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from govault.domain.rows import FileRow
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from streams.records import Record
from streams.views import keys
from streams.views.database import Database
from streams.views.rows_codec import decode_row
from streams.views.search import index, segment_writer
from streams.views.search.document import document_of
from streams.views.shard import Shard, VaultIdentity
from tests.property.domain.histories import HistoryWriter
from tests.property.streams.test_folding import copy_of_one_instant
from tests.property.streams.ways import KEYS, PARTITION, records_of

IDENTITY = VaultIdentity("vault-of-the-test", 3, KEYS)
PLACE = (Topic.FILES, PARTITION)
STEPS_MAX = 20


class Killed(BaseException):
    """Nothing in the process outlives it."""


class Steps:
    """Counts what changes files, and kills before or after one of them."""

    def __init__(self) -> None:
        self.left = 0

    def counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **named: Any) -> Any:
            self._count()
            done = act(*args, **named)
            self._count()
            return done

        return step

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("logged", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_every_file_is_found_wherever_the_process_was_killed(
    seed: int, logged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, bound in (("DOCUMENTS_MAX", 4), ("SMALL_SEGMENTS_MAX", 2), ("_SMALL_DOCUMENTS", 2)):
        monkeypatch.setattr(index, name, bound)
    steps = Steps()
    monkeypatch.setattr(index, "write_segment", steps.counted(segment_writer.write_segment))
    monkeypatch.setattr(Database, "write", steps.counted(Database.write))
    rng = Random(seed)
    records = _history(rng)
    killed = 0
    while True:
        path = tmp_path / f"life-{killed}"
        steps.left = 0
        shard = Shard(path, PARTITION % 2, IDENTITY)
        check(shard)
        steps.left = rng.randrange(1, STEPS_MAX)
        try:
            asyncio.run(_go_on(shard, records, rng, logged))
            break
        except Killed:
            killed += 1
        steps.left = 0
        _leave(shard, path, tmp_path / f"life-{killed}", logged)
    assert killed
    check(shard)
    shard.close()


def _history(rng: Random) -> list[Record]:
    writer = HistoryWriter(rng, retries=True)
    for _ in range(120):
        writer.step()
    events = [(time_ms, event) for _, time_ms, event in writer.log if isinstance(event.data, get_args(FilesEvent))]
    return records_of(Topic.FILES, events, rng)


async def _go_on(shard: Shard, records: list[Record], rng: Random, logged: bool) -> None:
    fold = shard.folds[PLACE]
    while fold.written < len(records) - 1:
        for record in records[fold.applied + 1 : fold.applied + rng.randrange(2, 20)]:
            fold.fold(record)
        shard.written(PLACE, fold.write(logged))
        if not rng.randrange(4):
            await shard.search.maintain(rng.randrange(1, 6), logged)
        if not rng.randrange(4):
            shard.database.flush()


def _leave(shard: Shard, path: Path, target: Path, logged: bool) -> None:
    """What is there after the kill: without RocksDB's log, what was not flushed is lost."""
    if logged:
        shard.close()
        shutil.copytree(path, target)
    else:
        copy_of_one_instant(path, target)
        shard.close()


def check(shard: Shard) -> None:
    """Every file's document of now is pending, or in a segment."""
    prefix = shard.prefixes[PARTITION] + keys.ENTITY
    found = set(shard.search.pending())
    indexed = {
        (segment.number(at), entity_id, segment.name(at), *(int(segment.column(name)[at]) for name in _COLUMNS))
        for segment in shard.search.segments
        for at, entity_id in enumerate(segment.entity_ids())
    }
    for _, value in shard.database.items(prefix, keys.prefix_end(prefix)):
        row = decode_row(keys.ENTITY, value)
        if isinstance(row, FileRow):
            one = document_of(row, PARTITION)
            values = (one.number, one.entity_id, one.name, one.size_bytes, one.modified_ms, one.created_ms)
            assert one in found or values in indexed


_COLUMNS = ("size", "modified", "created")
