"""Opening a log: what is kept, cut, replayed, refused."""

from __future__ import annotations

import errno
import random

import pytest

from streams.broker.batches import parse_header
from streams.broker.checkpoint import PATH as CHECKPOINT
from streams.broker.checkpoint import run_checkpoint
from streams.broker.disk import read_file, replace_file
from streams.broker.failures import LogDamaged, LogTooNew
from streams.broker.offsets import Committed, commit_change
from streams.broker.recovery import open_store
from streams.broker.store import LogStore
from streams.broker.topics import store_topics
from tests.unit.broker.log_driver import WAL_FILE_BYTES, LogDriver, syncer
from tests.unit.broker.made import split
from tests.unit.broker.memory_disk import Inode, MemoryDisk


def driven(batches: int, *, checkpoint: bool = False) -> tuple[MemoryDisk, LogDriver]:
    disk = MemoryDisk()
    driver = LogDriver(disk, random.Random(1))
    driver.open()
    driver.create_topic("a", 1)
    for _ in range(batches):
        driver.append()
        driver.commit()
    if checkpoint:
        driver.checkpoint()
    return disk, driver


def reopened(disk: MemoryDisk) -> LogStore:
    return open_store(disk, syncer(disk), wal_file_bytes=WAL_FILE_BYTES)[0]


def inodes(disk: MemoryDisk, suffix: str) -> list[Inode]:
    found: list[Inode] = []

    def walk(folder) -> None:  # type: ignore[no-untyped-def]
        for name, node in sorted(folder.names.items()):
            if isinstance(node, Inode):
                if name.endswith(suffix):
                    found.append(node)
            else:
                walk(node)

    walk(disk.root)
    return found


def test_a_clean_start_writes_nothing_and_scans_nothing() -> None:
    disk, driver = driven(20, checkpoint=True)
    writes: list[str] = []
    disk.before_change = writes.append
    store, recovered = open_store(disk, syncer(disk), wal_file_bytes=WAL_FILE_BYTES)
    assert not recovered.changed
    assert writes == []
    partition, before = store.partition("a", 0), driver.store.partition("a", 0)
    assert partition is not None
    assert before is not None
    assert partition.durable_offset == before.durable_offset


def test_the_identity_stays() -> None:
    disk, driver = driven(1)
    assert reopened(disk).identity == driver.store.identity


def test_only_what_lies_behind_the_checkpoint_is_scanned() -> None:
    disk, driver = driven(30, checkpoint=True)
    for _ in range(3):
        driver.append()
        driver.commit()
    _, recovered = open_store(disk, syncer(disk), wal_file_bytes=WAL_FILE_BYTES)
    assert recovered.scanned_batches == 3


def test_a_torn_tail_is_cut_and_the_cut_is_synced() -> None:
    disk, driver = driven(3)
    driver.checkpoint()
    segment = inodes(disk, ".log")[-1]
    segment.content += b"half a batch that was never acknowledged"
    _, recovered = open_store(disk, syncer(disk), wal_file_bytes=WAL_FILE_BYTES)
    assert recovered.cut_bytes == 40
    assert segment.changes == [], "a cut that is not durable could come back"


def test_segments_that_were_lost_are_damage_and_not_an_empty_log() -> None:
    disk, _ = driven(5, checkpoint=True)
    for inode in inodes(disk, ".log"):
        inode.content.clear()
    with pytest.raises(LogDamaged, match="lost acknowledged records"):
        reopened(disk)


def test_a_write_ahead_log_that_leaves_a_gap_is_damage() -> None:
    disk, _ = driven(5)
    # The segments lose everything, the write-ahead log its first frames.
    for inode in inodes(disk, ".log"):
        inode.content.clear()
    wal = next(i for i in inodes(disk, ".wal") if any(i.content))
    first = 17 + int.from_bytes(wal.content[4:8], "big")
    del wal.content[:first]
    with pytest.raises(LogDamaged, match="goes on at offset"):
        reopened(disk)


def test_a_damaged_checkpoint_is_refused() -> None:
    disk, _ = driven(5, checkpoint=True)
    content = read_file(disk, CHECKPOINT)
    assert content is not None
    replace_file(disk, CHECKPOINT, content.replace(b"wal_epoch", b"wal_epoxh"))
    with pytest.raises(LogDamaged, match="checkpoint"):
        reopened(disk)


def test_a_newer_format_is_refused() -> None:
    disk, _ = driven(1)
    content = read_file(disk, "log.json")
    assert content is not None
    replace_file(disk, "log.json", content.replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(LogTooNew):
        reopened(disk)


def test_topics_without_an_identity_are_refused() -> None:
    disk, _ = driven(1)
    disk.unlink("log.json")
    with pytest.raises(LogDamaged):
        reopened(disk)


def test_a_damaged_index_is_built_again() -> None:
    disk, driver = driven(60, checkpoint=True)
    for inode in inodes(disk, ".index"):
        inode.content[10:14] = b"\xff\xff\xff\xff"
    store = reopened(disk)
    partition, before = store.partition("a", 0), driver.store.partition("a", 0)
    assert partition is not None
    assert before is not None
    for offset in range(before.durable_offset):
        assert bytes(partition.read(offset, 1)) == bytes(before.read(offset, 1))
    assert partition.offset_at_time(driver.now) == before.offset_at_time(driver.now)


def test_folders_of_deleted_topics_go() -> None:
    disk, driver = driven(3)
    driver.create_topic("b", 1)
    disk.make_dir("partitions/00ff-0")
    disk.open("partitions/00ff-0/x.log", create=True)
    reopened(disk)
    assert not disk.exists("partitions/00ff-0")


def test_a_crash_while_a_topic_is_removed_leaves_no_offsets_to_a_later_topic_of_that_name() -> None:
    disk, driver = driven(3)
    place = ("a", 0)
    driver.store.change_offsets(commit_change("g", owned=True, offsets={place: Committed(2, -1, "", 0)}))
    driver.commit()
    driver.checkpoint()
    # The catalogue is durable without it; the process ends before the groups' offsets are forgotten.
    store_topics(disk, {n: t for n, t in driver.store.topics.items() if n != "a"})
    for _ in range(2):
        # Forgotten durably: a second crash does not bring them back.
        group = reopened(disk).offsets.get("g")
        assert group is not None
        assert place not in group.offsets
        store_topics(disk, driver.store.topics)


def test_what_a_failed_fsync_did_not_write_is_written_by_the_next_start() -> None:
    disk, driver = driven(5)

    def fail(kind: str) -> None:
        if kind == "sync":
            raise OSError(errno.EIO, "no")

    # The batches were acknowledged: they are durable in the write-ahead log.
    disk.before_change = fail
    with pytest.raises(OSError, match="no"):
        run_checkpoint(disk, driver.store.plan_checkpoint(), syncer(disk))
    disk.before_change = lambda kind: None
    # The process ends and starts again, then the power goes.
    reopened(disk)
    partition = reopened(disk.after_crash(random.Random(1), 0.0)).partition("a", 0)
    assert partition is not None
    expected = driver.told.records["a", 0]
    assert partition.durable_offset == parse_header(expected[-1]).next_offset
    assert split(partition.read(0, 1 << 20))[0] == expected[0]


def test_a_damaged_batch_of_a_segment_without_an_index_is_told_as_damage() -> None:
    disk, driver = driven(20, checkpoint=True)
    for inode in inodes(disk, ".index"):
        inode.content.clear()
    partition = driver.store.partition("a", 0)
    assert partition is not None
    disk.open(partition.segments[-1].path).pwrite([bytes(61)], 0)
    with pytest.raises(LogDamaged, match=r"topic a"):
        reopened(disk)
