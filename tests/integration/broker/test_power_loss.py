"""Power cuts at every write, in every state the disk may be left in: nothing acknowledged is lost."""

from __future__ import annotations

import random

import pytest

from streams.broker import cycle as cycle_module
from streams.broker import store as store_module
from streams.broker.batches import parse_header
from streams.broker.partition import Partition
from streams.broker.recovery import open_store
from streams.broker.store import LogStore
from tests.unit.broker.log_driver import WAL_FILE_BYTES, Acknowledged, LogDriver, syncer
from tests.unit.broker.made import split
from tests.unit.broker.memory_disk import MemoryDisk


def check(store: LogStore, told: Acknowledged) -> None:
    """Every acknowledged record is there once and in order; what else is there was sent."""
    for topic in told.topics - told.topics_unsure:
        assert topic in store.topics, f"topic {topic} is gone"
    for place, acknowledged in told.records.items():
        if place[0] not in store.topics:
            assert place[0] in told.topics_unsure
            continue
        check_partition(store, told, place, acknowledged)
    group = store.offsets.get("group")
    for key, value in told.offsets.items():
        allowed = {value, *told.offsets_pending.get(key, ())}
        assert group is not None, "the group's offsets are gone"
        assert group.offsets["o", key].offset in allowed


def check_partition(store: LogStore, told: Acknowledged, place: tuple[str, int], acknowledged: list[bytes]) -> None:
    partition = store.partition(*place)
    assert partition is not None
    assert partition.log_start <= told.starts[place]
    expected = acknowledged + told.pending[place]
    found: list[bytes] = []
    offset = partition.log_start
    while offset < partition.durable_offset:
        got = split(partition.read(offset, 1 << 20))
        assert got, f"nothing at {offset} below {partition.durable_offset} in {place}"
        # The batch that holds the log's start may begin before it.
        found += got
        offset = parse_header(got[-1]).next_offset
    skipped = [b for b in expected if parse_header(b).next_offset <= partition.log_start]
    assert found == expected[len(skipped) : len(skipped) + len(found)], f"{place} is not what was sent"
    assert len(skipped) + len(found) >= len(acknowledged), f"{place} lost acknowledged batches"
    count = len(skipped) + len(found)
    check_producer(partition, expected[:count], expected[count:])


def check_producer(partition: Partition, present: list[bytes], lost: list[bytes]) -> None:
    """A retry of the last batch that is there is a duplicate; a retry of one that is not is taken."""
    if present:
        last = parse_header(present[-1])
        earlier = partition.producers.check(last)
        assert earlier is not None, f"{partition.topic}: a retry would be stored twice"
        assert earlier.base_offset == last.base_offset
    if lost:
        retried = parse_header(lost[0])
        assert partition.producers.check(retried) is None, f"{partition.topic}: a retry would be swallowed"


class CrashLab:
    """Looks at crash states before every change of the disk."""

    def __init__(self, seed: int, states_per_change: int) -> None:
        self.rng = random.Random(seed)
        self.disk = MemoryDisk()
        self.driver = LogDriver(self.disk, self.rng)
        self.states = 0
        self._per_change = states_per_change
        self._looking = False

    def before_change(self, kind: str) -> None:
        if self._looking:
            return
        self._looking = True
        try:
            for _ in range(self._per_change):
                self.look()
        finally:
            self._looking = False
        # A commit cycle may run between any two steps of a checkpoint.
        if self.driver.checkpointing and not self.driver.in_cycle and self.rng.random() < 0.05:
            self.driver.append()
            self.driver.commit()

    def restart(self) -> None:
        """A power cut, a start, and the same clients go on with what they were told."""
        self.disk = self.disk.after_crash(self.rng, self.rng.choice((0.0, 0.5, 0.9, 1.0)))
        self.disk.before_change = self.before_change
        self.driver.restart(self.disk)

    def look(self) -> None:
        survival = self.rng.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        left = self.disk.after_crash(self.rng, survival)
        store, _ = open_store(left, syncer(left), wal_file_bytes=WAL_FILE_BYTES)
        check(store, self.driver.told)
        if self.rng.random() < 0.2:
            # A second cut right after (or a kill during) recovery changes nothing.
            again = left.after_crash(self.rng, 0.0)
            store, _ = open_store(again, syncer(again), wal_file_bytes=WAL_FILE_BYTES)
            check(store, self.driver.told)
        self.states += 1


def run(seed: int, steps: int, states_per_change: int = 2) -> int:
    lab = CrashLab(seed, states_per_change)
    lab.driver.open()
    lab.driver.create_topic("a", 2)
    lab.disk.before_change = lab.before_change
    lab.driver.create_topic("b", 1)
    for step in range(steps):
        chance = lab.rng.random()
        if chance < 0.70:
            for _ in range(lab.rng.choice((1, 1, 3, 8))):
                lab.driver.append()
            if lab.rng.random() < 0.3:
                lab.driver.commit_offset()
            lab.driver.commit()
        elif chance < 0.80:
            lab.driver.retain()
        elif chance < 0.88:
            lab.driver.checkpoint()
        elif chance < 0.92:
            lab.driver.create_topic(f"t{step}", 1)
        elif chance < 0.96 and len(lab.driver.told.topics) > 2:
            lab.driver.delete_topic(sorted(lab.driver.told.topics)[-1])
        else:
            lab.restart()
    return lab.states


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle_module, "WAL_CYCLE_BYTES_MAX", 1200)
    monkeypatch.setattr(store_module, "DIRECT_BYTES_BETWEEN_CHECKPOINTS", 4000)


@pytest.mark.parametrize("seed", range(6))
def test_no_power_cut_loses_or_invents_a_record(seed: int) -> None:
    assert run(seed, steps=50) > 500
