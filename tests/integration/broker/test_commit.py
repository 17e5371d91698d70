"""The committer's threads: what waits while a checkpoint is held up, and that nothing is told too early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.broker import commit as commit_module
from streams.broker.commit import Committer, SegmentSyncer
from streams.broker.failures import BrokerFailure
from streams.broker.partition import Append, Duplicate, Partition
from streams.broker.recovery import open_store
from streams.broker.store import LogStore, new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.integration.broker.test_lost_clients import HeldDisk
from tests.unit.broker.made import batch

WAIT_S = 10


@asynccontextmanager
async def committing(disk: HeldDisk) -> AsyncIterator[tuple[LogStore, Committer, Partition]]:
    failures: list[BrokerFailure] = []
    syncer = SegmentSyncer(disk)
    store, _ = open_store(disk, syncer, wal_file_bytes=4096)
    committer = Committer(store, syncer, failures.append)
    topic = Topic("t", new_topic_id(), 1, TopicConfig.of({}))
    store_topics(disk, {"t": topic})
    store.add_topic(topic)
    partition = store.partition("t", 0)
    assert partition is not None
    yield store, committer, partition
    disk.go.set()
    await committer.close()
    store.close()
    assert not failures


def numbered(number: int) -> bytes:
    return batch(b"x" * 300, producer=1, epoch=0, sequence=number)


async def test_a_repeat_of_what_waits_for_a_checkpoint_is_not_answered_before_it_is_durable(tmp_path: Path) -> None:
    disk = HeldDisk(tmp_path / "log")
    async with committing(disk) as (store, committer, partition):
        disk.hold()
        number = 0
        # Until the write-ahead log has no room and its other file waits for the checkpoint.
        while True:
            made = store.append(partition, numbered(number), 1)
            assert isinstance(made, Append)
            done = committer.committed()
            if await is_stuck(done):
                break
            number += 1
        assert partition.durable_offset == number
        again = store.append(partition, numbered(number), 1)
        assert isinstance(again, Duplicate)
        waiting = committer.settled()
        assert waiting is not None
        assert not waiting.done()
        disk.go.set()
        await asyncio.wait_for(asyncio.shield(waiting), WAIT_S)
        assert partition.durable_offset == number + 1


async def is_stuck(done: asyncio.Future[None]) -> bool:
    finished, _ = await asyncio.wait({done}, timeout=0.3)
    return not finished


async def test_many_waiters_share_cycles(tmp_path: Path) -> None:
    async with committing(HeldDisk(tmp_path / "log")) as (store, committer, partition):
        futures = []
        for number in range(50):
            store.append(partition, numbered(number), 1)
            futures.append(committer.committed())
        await asyncio.wait_for(asyncio.wait(futures), WAIT_S)
        assert partition.durable_offset == 50
        assert store.counters.cycles == 1, "what comes in one round of the loop is one commit"


async def test_a_slow_disk_does_not_hold_up_the_loop(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(commit_module, "INLINE_COMMIT_S_MAX", 0.0)
    async with committing(HeldDisk(tmp_path / "log")) as (store, committer, partition):
        for number in range(5):
            store.append(partition, numbered(number), 1)
            await asyncio.wait_for(asyncio.shield(committer.committed()), WAIT_S)
        assert partition.durable_offset == 5
        assert committer._usual_s > 0, "cycles run in the thread are timed too"


async def test_checkpoints_free_the_write_ahead_log_for_ever_more_cycles(tmp_path: Path) -> None:
    disk = HeldDisk(tmp_path / "log")
    async with committing(disk) as (store, committer, partition):
        for number in range(200):
            store.append(partition, numbered(number), 1)
            await asyncio.wait_for(asyncio.shield(committer.committed()), WAIT_S)
        assert store.counters.checkpoints > 5
    store, recovered = open_store(disk, SegmentSyncer(disk), wal_file_bytes=4096)
    assert not recovered.changed, "a clean end leaves nothing to scan"
    again = store.partition("t", 0)
    assert again is not None
    assert again.durable_offset == 200
    store.close()
