"""A fold that stands still is noticed; one that moves, is caught up, or stopped on purpose is not."""

import asyncio

import pytest

from govault.errors import EventLog
from schemas.topics import Topic
from streams.stall import Place, StallWatch

FILES: Place = (Topic.FILES, 0)
OTHER: Place = (Topic.FILES, 1)


class Log:
    """Where a log ends and how far it is applied, step by step."""

    def __init__(self, steps: list[tuple[dict[Place, int], dict[int, int] | None]]) -> None:
        self.steps = steps
        self.looked = 0

    def applied(self) -> dict[Place, int]:
        return self.steps[min(self.looked, len(self.steps) - 1)][0]

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        ends = self.steps[min(self.looked, len(self.steps) - 1)][1]
        self.looked += 1
        if ends is None:
            raise EventLog("away")
        return ends


def watch(log: Log, stopped: set[Place] | None = None) -> StallWatch:
    return StallWatch(log.applied, lambda: stopped or set(), log.end_offsets, look_every_s=0.001, stalled_after_s=0.03)


async def test_a_partition_that_stands_still_behind_the_end_is_named() -> None:
    log = Log([({FILES: 4, OTHER: 9}, {0: 5, 1: 10}), ({FILES: 4, OTHER: 9}, {0: 5, 1: 12})])
    seen = watch(log)
    assert await asyncio.wait_for(seen.run(), 10) == OTHER
    assert seen.lag == {FILES: 0, OTHER: 2}


@pytest.mark.parametrize(
    ("steps", "stopped"),
    [
        ([({FILES: offset}, {0: 500}) for offset in range(100)] + [({FILES: 499}, {0: 500})], set()),
        ([({FILES: 4}, {0: 50})], {FILES}),
        ([({FILES: 4}, None)], set()),
        ([({FILES: 49}, {0: 50})], set()),
    ],
    ids=["moves", "stopped on purpose", "the log is away", "caught up"],
)
async def test_nothing_else_counts_as_a_stall(
    steps: list[tuple[dict[Place, int], dict[int, int] | None]], stopped: set[Place]
) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch(Log(steps), stopped).run(), 0.3)


async def test_a_long_lag_asks_for_help_and_a_log_that_goes_away_meanwhile_does_not_end_the_watch() -> None:
    asked = asyncio.Event()
    times = 0

    async def help_out() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise EventLog("away")
        asked.set()

    log = Log([({FILES: offset}, {0: 50_000}) for offset in range(1000)])
    seen = StallWatch(log.applied, set, log.end_offsets, far_behind=help_out, look_every_s=0.001, stalled_after_s=5)
    watching = asyncio.create_task(seen.run())
    await asyncio.wait_for(asked.wait(), 5)
    assert not watching.done()
    watching.cancel()
