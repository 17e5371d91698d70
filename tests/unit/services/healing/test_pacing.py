"""Work that keeps the event loop busy gets one turn at a time, and rests three times as long behind each."""

import asyncio

import pytest

from govault.services.healing.pacing import LoopShare
from tests.fakes.world import FakeClock
from tests.simulation.virtual_time import run_virtually


def ends_of_turns(workers: int, work_s: float) -> list[float]:
    """When each of some workers that come at once had its turn's rest behind it, in seconds from their start."""
    clock = FakeClock()
    share = LoopShare(clock.monotonic_s)
    ends: list[float] = []

    async def turn() -> None:
        async with share.turn():
            clock.advance(work_s)
        ends.append(asyncio.get_running_loop().time())

    async def all_of_them() -> None:
        began_s = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(turn())
        ends[:] = [end_s - began_s for end_s in ends]

    run_virtually(all_of_them())
    return ends


def test_a_turn_is_followed_by_three_times_its_own_length_of_rest() -> None:
    assert ends_of_turns(1, 0.02) == pytest.approx([0.06])


def test_turns_of_several_come_one_after_the_other_so_that_their_rests_add_up() -> None:
    assert ends_of_turns(4, 0.02) == pytest.approx([0.06, 0.12, 0.18, 0.24])


def test_a_turn_that_the_machine_kept_waiting_does_not_rest_for_long() -> None:
    assert ends_of_turns(1, 60.0) == pytest.approx([0.25])


def test_a_turn_that_failed_lets_the_next_one_in() -> None:
    clock = FakeClock()
    share = LoopShare(clock.monotonic_s)

    async def fail_then_work() -> float:
        with pytest.raises(ValueError, match="broken"):
            async with share.turn():
                raise ValueError("broken")
        async with asyncio.timeout(10), share.turn():
            clock.advance(0.02)
        return clock.monotonic_s()

    assert run_virtually(fail_then_work()) > 0
