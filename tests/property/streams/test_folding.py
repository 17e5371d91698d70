"""However the log is cut into batches, interleaved, redelivered or broken off: the same views."""

import shutil
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from govault.domain.position import Position
from govault.domain.rows import Entity, EntryRow, FileRow, PartRow
from schemas.codec import encode
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views import keys, namespace, references
from streams.views.digests import MODULUS_MASK, RowDigests
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity, shard_path
from streams.views.key_filter import KeyFilter
from streams.views.revisions import PastPartition
from streams.views.rows_codec import decode_row
from streams.views.shard import SHARDS, Shard
from tests.property.domain.histories import HistoryWriter
from tests.unit.domain.writing import SPACE

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
PARTITIONS = 3
IDENTITY = VaultIdentity("vault-of-the-test", PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))
EVENTS = 120

Digests = dict[int, tuple[int, bytes, bytes, int]]


def log_of(seed: int) -> list[list[Record]]:
    """A random history for each partition; some records are damaged, forged or foreign."""
    return [_partition(Random(seed * 10 + number), number) for number in range(PARTITIONS)]


def _partition(rng: Random, partition: int) -> list[Record]:
    writer = HistoryWriter(rng, retries=True)
    for _ in range(EVENTS):
        writer.step()
    events = [(time_ms, event) for _, time_ms, event in writer.log if isinstance(event.data, get_args(FilesEvent))]
    records = []
    for offset, (time_ms, event) in enumerate(events):
        key, value = event.subject.encode(), encode(event)
        headers = tuple(headers_of(Topic.FILES, partition, key, value, MAC_KEY))
        if offset and rng.randrange(15) == 0:
            value, headers = rng.choice(((value[:-1], headers), (value, ()), (b"", headers), (b"{}", headers)))
        records.append(Record(Position(Topic.FILES, partition, offset), time_ms, key, value, headers))
    return records


def digests(generation: Generation) -> Digests:
    found = {}
    for partition in range(PARTITIONS):
        fold = generation.folds[Topic.FILES, partition]
        found[partition] = (fold.applied, fold.history, fold.view_digest, fold.malformed)
    return found


def straight(path: Path, log: list[list[Record]]) -> Generation:
    """One partition after the other, one record a batch."""
    generation = Generation(path, IDENTITY)
    for partition, records in enumerate(log):
        fold = generation.folds[Topic.FILES, partition]
        for record in records:
            fold.fold(record)
            fold.write(logged=True)
    return generation


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_with_redelivery_and_crashes_gives_equal_digests(seed: int, tmp_path: Path) -> None:
    log = log_of(seed)
    expected = straight(tmp_path / "straight", log)
    rng = Random(seed)
    crashed = 0
    path = tmp_path / "g0"
    generation = Generation(path, IDENTITY)
    while any(generation.folds[Topic.FILES, p].written < len(log[p]) - 1 for p in range(PARTITIONS)):
        partition = rng.randrange(PARTITIONS)
        fold = generation.folds[Topic.FILES, partition]
        start = max(0, fold.applied + 1 - rng.randrange(5))
        for record in log[partition][start : start + rng.randrange(25)]:
            fold.fold(record)
        if rng.randrange(3):
            fold.write(logged=True)
        if rng.randrange(6) == 0:
            # What a killed process leaves: the files as they are, without a clean end.
            crashed += 1
            after = tmp_path / f"g{crashed}"
            copy_of_one_instant(path, after)
            generation.close()
            path, generation = after, Generation(after, IDENTITY)
    assert crashed
    assert digests(generation) == digests(expected)
    assert stored_rows(generation) == stored_rows(expected)
    generation.close()
    expected.close()


def files_below(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        try:
            found[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
        except FileNotFoundError:
            found[str(path)] = (-1, -1)
    return found


def copy_of_one_instant(source: Path, target: Path) -> None:
    """Copy a folder as it was at one instant: RocksDB compacts in its own threads, so until nothing moved meanwhile."""
    for _ in range(100):
        before = files_below(source)
        try:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("LOCK"))
        except shutil.Error:
            shutil.rmtree(target)
            continue
        if files_below(source) == before:
            return
        shutil.rmtree(target)
    raise AssertionError(f"{source} never stood still")


@pytest.mark.parametrize("seed", range(2))
def test_shards_filled_through_a_key_filter_hold_the_same(seed: int, tmp_path: Path) -> None:
    log = log_of(seed)
    expected = straight(tmp_path / "straight", log)
    for number in range(SHARDS):
        shard = Shard(shard_path(tmp_path / "filled", number), number, IDENTITY, KeyFilter())
        for (topic, partition), fold in shard.folds.items():
            if topic is Topic.FILES:
                for at, record in enumerate(log[partition]):
                    fold.fold(record)
                    if at % 37 == 36:
                        fold.write(logged=False)
                fold.write(logged=False)
        shard.finish_filling()
        shard.close()
    filled = Generation(tmp_path / "filled", IDENTITY)
    assert digests(filled) == digests(expected)
    assert stored_rows(filled) == stored_rows(expected)
    filled.close()
    expected.close()


@pytest.mark.parametrize("seed", range(2))
def test_the_view_digest_is_the_sum_over_rows_and_every_outcome_there_was(seed: int, tmp_path: Path) -> None:
    generation = Generation(tmp_path / "g", IDENTITY)
    for partition, records in enumerate(log_of(seed)):
        prefix, database = generation.prefixes[partition], generation.database(partition)
        outcomes = prefix + keys.OUTCOME
        recorded: set[tuple[bytes, bytes]] = set()
        fold = generation.folds[Topic.FILES, partition]
        for record in records:
            fold.fold(record)
            fold.write(logged=True)
            recorded.update(database.items(outcomes, keys.prefix_end(outcomes)))
        rows = database.items(prefix, keys.prefix_end(prefix))
        total = RowDigests(DIGEST_KEY).sum(
            [*recorded, *((key, value) for key, value in rows if key[3:4] in keys.ROW_FAMILIES)]
        )
        assert fold.view_digest == (total & MODULUS_MASK).to_bytes(32, "big")
    generation.close()


@pytest.mark.parametrize("seed", range(3))
def test_derived_keys_say_what_the_rows_say(seed: int, tmp_path: Path) -> None:
    generation = straight(tmp_path / "g", log_of(seed))
    generation.partition_of = lambda space_id: 0  # type: ignore[method-assign]
    reader, files, trash, idle = generation.files[0], [], set(), set()
    for key, row in rows_of(generation, 0).items():
        if isinstance(row, FileRow):
            files.append(row)
        if key[:1] == keys.ENTITY and row.trashed_ms is not None:  # type: ignore[union-attr]
            trash.add(row.entity_id)  # type: ignore[union-attr]
        if isinstance(row, PartRow) and not row.references:
            idle.add((row.space_id, row.part_id))
    of_space = {row.entity_id for row in map(reader.entity, trash) if row is not None and row.space_id == SPACE}
    assert {row.entity_id for row in namespace.list_trash(generation, SPACE, "", 1000)} == of_space
    assert set(references.idle_parts(generation, 0, 1000, 1000)) == idle
    paths = namespace.Paths(generation)
    live = [row for row in files if row.space_id == SPACE and paths.of(row) is not None]
    for row in live:
        contents = [row.current, *(reader.version(row.entity_id, number).content for number in row.older)]  # type: ignore[union-attr]
        for content in contents:
            holders = namespace.files_with_hash(generation, content.sha256, 1000)
            assert row.entity_id in {holder.entity_id for holder, _ in holders}
    generation.close()


@pytest.mark.parametrize("seed", range(3))
def test_reads_as_of_a_position_give_what_was_there_then(seed: int, tmp_path: Path) -> None:
    records = log_of(seed)[0]
    generation = Generation(tmp_path / "g", IDENTITY)
    fold = generation.folds[Topic.FILES, 0]
    then: list[dict[bytes, object]] = []
    for record in records:
        fold.fold(record)
        fold.write(logged=True)
        then.append({key: row for key, row in rows_of(generation, 0).items() if key[0] in keys.REVISIONED})
    every_key = {key for state in then for key in state}
    for offset, state in enumerate(then):
        past = PastPartition(generation.database(0), generation.prefixes[0], offset)
        for key in every_key:
            assert past._row(key) == state.get(key)
        entries = [row for key, row in sorted(state.items()) if isinstance(row, EntryRow) and row.parent_id == SPACE]
        assert [entry for entry, _ in past.list_folder(SPACE, "", 1000)] == entries
    generation.close()


def rows_of(generation: Generation, partition: int) -> dict[bytes, Entity | object]:
    """The current rows of a partition, by key."""
    prefix = generation.prefixes[partition]
    return {
        key[3:]: decode_row(key[3:], value)
        for key, value in generation.database(partition).items(prefix, keys.prefix_end(prefix))
        if key[3:4] in keys.ROW_FAMILIES
    }


def stored_rows(generation: Generation) -> list[dict[bytes, object]]:
    """The rows of all partitions."""
    return [rows_of(generation, partition) for partition in range(PARTITIONS)]
