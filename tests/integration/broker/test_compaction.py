"""Compaction keeps the newest record of every key at its offset, also when the power goes in the middle."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from streams.broker.batches import BatchInvalid, parse_header
from streams.broker.compaction import Source, _closed, is_due, write_compacted
from streams.broker.limits import FREE_BYTES_MIN
from streams.broker.partition import Append, Partition
from streams.broker.records import records_of
from streams.broker.recovery import open_store
from streams.broker.segment import remove_segments
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.integration.broker.in_process import Served, serving
from tests.integration.broker.test_failing_disk import FailingDisk
from tests.unit.broker.log_driver import WAL_FILE_BYTES, LogDriver, syncer
from tests.unit.broker.made import batch, split
from tests.unit.broker.memory_disk import MemoryDisk

SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": "1024",
    "min.cleanable.dirty.ratio": "0",
    "delete.retention.ms": "0",
}
Row = tuple[bytes | None, bool, bytes]
"""Key, whether it is a tombstone, and the whole record."""


def rows_of(partition: Partition) -> dict[int, Row]:
    """Offset → key and raw record of everything that can be read."""
    out: dict[int, Row] = {}
    offset = partition.log_start
    while offset < partition.durable_offset:
        got = split(partition.read(offset, 1 << 20))
        assert got, f"nothing at {offset}: a reader would wait for ever"
        for data in got:
            header = parse_header(data)
            for record in records_of(header, data):
                out[header.base_offset + record.offset_delta] = (record.key, record.is_tombstone, record.raw)
        offset = parse_header(got[-1]).next_offset
    return out


def folded(rows: dict[int, Row]) -> dict[bytes | None, bytes]:
    out: dict[bytes | None, bytes] = {}
    for _, (key, is_tombstone, raw) in sorted(rows.items()):
        if is_tombstone:
            out.pop(key, None)
        else:
            out[key] = raw
    return out


async def test_the_broker_compacts_what_is_due_and_readers_see_the_newest(tmp_path: Path) -> None:
    async with serving(tmp_path / "log") as served:
        partition = add_topic(served.broker.store)
        for n in range(200):
            served.broker.store.append(partition, batch(b"value %d" % n, key=b"key %d" % (n % 7)), 1000 + n)
            await served.broker.committer.committed()
        before, size = rows_of(partition), partition.size
        await served.broker.keep_house()
        after = rows_of(partition)
        assert partition.size < size / 3
        assert partition.durable_offset == 200
        assert folded(after) == folded(before)
        assert all(before[offset] == row for offset, row in after.items()), "records keep their offsets"
        assert not is_due(partition, 10_000)
        names = sorted(p.name for p in (tmp_path / "log").rglob("*.log"))
        assert names == sorted(Path(s.path).name for s in partition.segments)
    async with serving(tmp_path / "log") as served:
        again = served.broker.store.partition("c", 0)
        assert again is not None
        assert rows_of(again) == after
        assert again.durable_offset == 200


async def filled(served: Served) -> Partition:
    partition = add_topic(served.broker.store)
    for n in range(60):
        served.broker.store.append(partition, batch(b"value %d" % n, key=b"key %d" % (n % 7)), 1000 + n)
        await served.broker.committer.committed()
    await served.broker.committer.checkpoint()
    return partition


def log_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.log"))


async def test_compaction_that_fails_leaves_no_files_and_none_open_and_is_tried_again(tmp_path: Path) -> None:
    disk = FailingDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        partition = await filled(served)
        before, files, size = rows_of(partition), log_files(tmp_path), partition.size
        for call in ("pwrite", "sync"):
            open_files = disk.open_files
            disk.failing, disk.error = call, errno.ENOSPC
            await served.broker.keep_house()
            disk.failing = ""
            assert "compaction failed" in served.lines.getvalue()
            assert log_files(tmp_path) == files
            assert disk.open_files == open_files
            assert rows_of(partition) == before
        await served.broker.keep_house()
        assert partition.size < size
        assert folded(rows_of(partition)) == folded(before)
        assert not served.failures


async def test_compaction_waits_while_it_would_take_the_room_that_commits_need(tmp_path: Path) -> None:
    disk = FailingDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        partition = await filled(served)
        files, size = log_files(tmp_path), partition.size
        disk.free = FREE_BYTES_MIN + 1000
        await served.broker.keep_house()
        assert log_files(tmp_path) == files
        assert "no room to compact" in served.lines.getvalue()
        disk.free = FREE_BYTES_MIN + size
        await served.broker.keep_house()
        assert partition.size < size


async def test_records_without_a_key_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path / "log") as served:
        partition = add_topic(served.broker.store)
        with pytest.raises(BatchInvalid, match="without a key"):
            served.broker.store.append(partition, batch(b"no key"), 1)


def add_topic(store) -> Partition:  # type: ignore[no-untyped-def]
    topic = Topic("c", new_topic_id(), 1, TopicConfig.of(SETTINGS))
    store_topics(store.disk, store.topics | {"c": topic})
    store.add_topic(topic)
    partition = store.partition("c", 0)
    assert partition is not None
    return partition


class CompactionLab:
    """A compacted partition on a disk whose power may go at every change."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = MemoryDisk()
        self.driver = LogDriver(self.disk, self.rng)
        self.driver.open()
        self.partition = add_topic(self.driver.store)
        self.sent: dict[int, Row] = {}
        self.acknowledged = 0
        """Offsets below are acknowledged."""
        self.states = 0
        self.cleared = 0
        self._looking = False
        self.disk.before_change = self.before_change

    def append(self) -> None:
        key = b"k%d" % self.rng.randrange(5)
        value = None if self.rng.random() < 0.3 else self.rng.randbytes(60)
        made = self.driver.store.append(self.partition, batch(value, key=key), self.driver.now)  # type: ignore[arg-type]
        self.driver.now += 1
        assert isinstance(made, Append)
        header = parse_header(made.data)
        (record,) = records_of(header, bytes(made.data))
        self.sent[made.base_offset] = (record.key, record.is_tombstone, record.raw)

    def commit(self) -> None:
        self.driver.commit()
        self.acknowledged = self.partition.durable_offset

    def compact(self) -> None:
        closed = _closed(self.partition)
        if not closed:
            return
        sources = [Source(s.path, s.base_offset, s.size, s.next_offset, s.version) for s in closed]
        made = write_compacted(self.disk, self.partition, sources, self.driver.now)
        if self.rng.random() < 0.5:
            self.clear_wal()
        self.partition.segments[: len(closed)] = made
        self.partition.cleaned_offset = closed[-1].next_offset
        self.driver.checkpoint()
        for segment in closed:
            self.driver.store.files.forget(segment.path)
        remove_segments(self.disk, self.partition.folder, closed)

    def clear_wal(self) -> None:
        for _ in range(2):
            epoch = self.driver.store.wal.epoch
            self.driver.checkpoint()
            self.driver.store.wal.clear(epoch)
            self.cleared += 1

    def before_change(self, kind: str) -> None:
        if self._looking:
            return
        self._looking = True
        for survival in (0.0, 0.5, 1.0):
            self.look(survival)
        self._looking = False

    def look(self, survival: float) -> None:
        left = self.disk.after_crash(self.rng, survival)
        store, _ = open_store(left, syncer(left), wal_file_bytes=WAL_FILE_BYTES)
        partition = store.partition("c", 0)
        assert partition is not None
        rows = rows_of(partition)
        end = partition.durable_offset
        assert end >= self.acknowledged
        assert all(self.sent[offset] == row for offset, row in rows.items())
        assert folded(rows) == folded({offset: row for offset, row in self.sent.items() if offset < end})
        self.states += 1


@pytest.mark.parametrize("seed", range(3))
def test_no_power_cut_during_compaction_loses_a_keys_newest_record(seed: int) -> None:
    lab = CompactionLab(seed)
    for _ in range(25):
        for _ in range(lab.rng.choice((1, 5, 12))):
            lab.append()
        lab.commit()
        if lab.rng.random() < 0.4:
            lab.compact()
    assert lab.states > 500
    assert lab.cleared
    assert any(segment.version for segment in lab.partition.segments)
