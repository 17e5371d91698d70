"""RocksDB views and memory fold the same history to the same rows, however it is cut into batches, with crashes."""

from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Position
from govault.domain.rows import (
    ChunkRow,
    EntryRow,
    FileRow,
    FolderRow,
    OutcomeRow,
    OwnedRow,
    PartRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow
from schemas.codec import encode
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.generation import Generation, VaultIdentity
from tests.property.domain.histories import HistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter

MAC_KEY = b"m" * 32
IDENTITY = VaultIdentity("vault-of-the-test", 2, FoldKeys(MAC_KEY, b"d" * 32))
PARTITION = 1
EVENTS = 250


def history(seed: int, kind: type[HistoryWriter] = HistoryWriter) -> tuple[MemoryPartition, list[Record]]:
    """A random history without gaps, as records and as folded in memory."""
    writer = kind(Random(seed))
    for _ in range(EVENTS):
        writer.step()
    state = MemoryPartition(PARTITION)
    records = []
    events = [(time_ms, event) for _, time_ms, event in writer.log if isinstance(event.data, get_args(FilesEvent))]
    for offset, (time_ms, event) in enumerate(events):
        state.apply(event, offset, time_ms)
        key, value = event.subject.encode(), encode(event)
        headers = tuple(headers_of(Topic.FILES, PARTITION, key, value, MAC_KEY))
        records.append(Record(Position(Topic.FILES, PARTITION, offset), time_ms, key, value, headers))
    return state, records


def the_fold(generation: Generation) -> PartitionFold:
    return generation.folds[Topic.FILES, PARTITION]


def digests(generation: Generation) -> tuple[int, bytes, bytes]:
    fold = the_fold(generation)
    return fold.applied, fold.view_digest, fold.history


def folded_one_by_one(path: Path, records: list[Record]) -> tuple[int, bytes, bytes]:
    generation = Generation(path, IDENTITY)
    for record in records:
        the_fold(generation).fold(record)
        the_fold(generation).write(logged=True)
    found = digests(generation)
    generation.close()
    return found


def folded_hectically(path: Path, records: list[Record], rng: Random) -> Generation:
    """Batches of any size; now and then the process dies, with what no batch held, and records come again."""
    generation = Generation(path, IDENTITY)
    while the_fold(generation).written < len(records) - 1:
        start = max(0, the_fold(generation).applied + 1 - rng.randrange(3))
        for record in records[start : start + 1 + rng.randrange(60)]:
            the_fold(generation).fold(record)
        if rng.randrange(4):
            the_fold(generation).write(logged=True)
        else:
            generation.close()
            generation = Generation(path, IDENTITY)
    return generation


@pytest.mark.parametrize(
    ("seed", "kind"), [(0, HistoryWriter), (1, HistoryWriter), (2, HistoryWriter), (3, QuotaHistoryWriter)]
)
def test_views_hold_what_memory_holds_whatever_the_batches_and_crashes(
    seed: int, kind: type[HistoryWriter], tmp_path: Path
) -> None:
    state, records = history(seed, kind)
    assert kind is HistoryWriter or (state.rows(SpaceQuotaRow) and state.rows(OwnedRow))
    straight = folded_one_by_one(tmp_path / "straight", records)
    generation = folded_hectically(tmp_path / "hectic", records, Random(seed))
    try:
        assert digests(generation) == straight
        compare(generation.files[PARTITION], state)
    finally:
        generation.close()


def compare(reader: Any, state: MemoryPartition) -> None:
    """Every row of memory, asked of the views' reader; and names and ids that memory does not have."""
    assert reader.partition() == state.partition()
    for space in state.rows(SpaceRow):
        assert reader.space(space.space_id) == space
        assert reader.has_trash(space.space_id) == state.has_trash(space.space_id)
        assert reader.space_quota(space.space_id) == state.space_quota(space.space_id)
    for totals in state.rows(TotalsRow):
        assert reader.totals(totals.space_id) == totals
    for owned in state.rows(OwnedRow):
        assert reader.owned(owned.owner) == owned
    assert reader.owned("a_nobody") == OwnedRow("a_nobody")
    for entry in state.rows(EntryRow):
        assert reader.entry(entry.space_id, entry.parent_id, entry.name) == entry
        assert reader.entry(entry.space_id, entry.entity_id, "no such name") is None
    for row in (*state.rows(FileRow), *state.rows(FolderRow)):
        assert reader.entity(row.entity_id) == row
        for beyond in range(3):
            expected = state.has_entries(row.space_id, row.entity_id, beyond)
            assert reader.has_entries(row.space_id, row.entity_id, beyond) == expected
    for version in state.rows(VersionRow):
        assert reader.version(version.file_id, version.number) == version
    for part in state.rows(PartRow):
        assert reader.part(part.space_id, part.part_id) == part
        packed = state.packed_part(part.space_id, part.part_id)
        assert packed is not None
        assert reader.packed_part(part.space_id, part.part_id) == packed
    for chunk in state.rows(ChunkRow):
        assert reader.chunk(chunk.chunk_id) == chunk
    for outcome in state.rows(OutcomeRow):
        assert reader.outcome(outcome.event_id) == outcome
    assert reader.entity("f_unknown") is None
    assert reader.outcome("e_unknown") is None
    assert reader.chunk(b"unknown" * 4) is None
