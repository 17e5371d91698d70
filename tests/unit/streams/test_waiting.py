"""Waiting for positions and outcomes."""

import asyncio

import pytest

from govault.domain.position import Outcome, Position, Verdict
from govault.errors import ViewsLagging
from schemas.topics import Topic
from streams.views import waiting
from streams.views.waiting import PartitionWaiters


async def test_waiters_wake_once_their_offset_is_applied_and_not_before() -> None:
    waiters = PartitionWaiters(applied=3)
    await waiters.wait(3, 0.01)
    tasks = {offset: asyncio.create_task(waiters.wait(offset, 5)) for offset in (7, 5, 6)}
    await asyncio.sleep(0)
    waiters.advance(6)
    await asyncio.gather(tasks[5], tasks[6])
    assert not tasks[7].done()
    waiters.advance(9)
    await tasks[7]


async def test_a_wait_ends_in_time_and_leaves_no_trace_in_others() -> None:
    waiters = PartitionWaiters(applied=-1)
    with pytest.raises(TimeoutError):
        await waiters.wait(0, 0.01)
    later = asyncio.create_task(waiters.wait(0, 5))
    await asyncio.sleep(0)
    waiters.advance(0)
    await later


async def test_so_many_may_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WAITERS_MAX", 4)
    waiters = PartitionWaiters(applied=-1)
    tasks = [asyncio.create_task(waiters.wait(1, 5)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(ViewsLagging):
        await waiters.wait(1, 5)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    taking_the_place = asyncio.create_task(waiters.wait(2, 5))
    await asyncio.sleep(0)
    assert not taking_the_place.done()
    waiters.advance(2)
    await asyncio.gather(*tasks[1:], taking_the_place)


def test_only_the_newest_outcomes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "OUTCOMES_KEPT_MAX", 3)
    waiters = PartitionWaiters(applied=-1)
    outcomes = [Outcome(Verdict.ACCEPTED, Position(Topic.FILES, 0, offset)) for offset in range(5)]
    for offset, outcome in enumerate(outcomes):
        waiters.note(offset, outcome)
    waiters.note(5, None)
    assert [waiters.outcome(offset) for offset in range(6)] == [None, None, *outcomes[2:], None]
