"""Watching for readers that take nothing."""

import asyncio

import pytest

from api.middleware.edge import ClientGone
from api.stalling import StallWatch


async def test_a_block_in_which_nothing_moves_is_ended_as_a_client_that_went_away() -> None:
    with pytest.raises(ClientGone):
        async with StallWatch(0.01):
            await asyncio.Event().wait()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_a_block_that_moves_between_looks_goes_on() -> None:
    async with StallWatch(60) as watch:
        for _ in range(5):
            watch.moved = True
            watch._look()
            await asyncio.sleep(0)
    assert not watch.moved


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def guarded() -> None:
        async with StallWatch(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(guarded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
