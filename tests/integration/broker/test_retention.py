"""Old and surplus segments go, offsets never come back, and the disk becomes free."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.broker.partition import OffsetOutOfRange
from streams.broker.retention import retain
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.integration.broker.in_process import Served, serving
from tests.unit.broker.made import batch, split


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def add_topic(served: Served, settings: dict[str, str]) -> None:
    topic = Topic("t", new_topic_id(), 1, TopicConfig.of(settings))
    store_topics(served.broker.store.disk, {"t": topic})
    served.broker.store.add_topic(topic)


async def write(served: Served, clock: Clock, count: int) -> None:
    partition = served.broker.store.partition("t", 0)
    assert partition is not None
    for _ in range(count):
        served.broker.store.append(partition, batch(b"x" * 300), clock())
        await served.broker.committer.committed()
        clock.now_ms += 10


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "partitions").rglob("*.log"))


async def test_segments_older_than_their_time_go(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "log", now_ms=clock) as served:
        add_topic(served, {"segment.bytes": "1024", "retention.ms": "60000"})
        await write(served, clock, 12)
        partition = served.broker.store.partition("t", 0)
        assert partition is not None
        assert len(files(tmp_path / "log")) == 6
        clock.now_ms += 59_950
        gone = await retain(served.broker.committer, served.broker.store, clock())
        assert 0 < gone < 6
        assert partition.log_start == 2 * gone
        assert len(files(tmp_path / "log")) == 6 - gone
        with pytest.raises(OffsetOutOfRange):
            partition.read(0, 100)
        assert split(partition.read(partition.log_start, 1))


async def test_a_log_whose_records_all_expired_goes_on_at_its_end_also_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "log", now_ms=clock) as served:
        add_topic(served, {"segment.bytes": "1024", "retention.ms": "60000"})
        await write(served, clock, 7)
        clock.now_ms += 10_000_000
        await retain(served.broker.committer, served.broker.store, clock())
        assert files(tmp_path / "log") == []
    async with serving(tmp_path / "log", now_ms=clock) as served:
        partition = served.broker.store.partition("t", 0)
        assert partition is not None
        assert (partition.log_start, partition.durable_offset) == (7, 7)
        await write(served, clock, 1)
        assert partition.durable_offset == 8


async def test_a_partition_larger_than_its_bound_loses_its_oldest_segments(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "log", now_ms=clock) as served:
        add_topic(served, {"segment.bytes": "1024", "retention.bytes": "2000", "retention.ms": "-1"})
        await write(served, clock, 20)
        await retain(served.broker.committer, served.broker.store, clock())
        partition = served.broker.store.partition("t", 0)
        assert partition is not None
        assert 2000 <= partition.size < 2000 + 1024


async def test_a_topic_without_bounds_keeps_everything(tmp_path: Path) -> None:
    clock = Clock()
    async with serving(tmp_path / "log", now_ms=clock) as served:
        add_topic(served, {"segment.bytes": "1024", "retention.ms": "-1"})
        await write(served, clock, 10)
        clock.now_ms += 10**12
        assert await retain(served.broker.committer, served.broker.store, clock()) == 0
