"""Work in threads: nobody goes on before it has ended."""

import asyncio
import threading

import pytest

from govault.threads import to_its_end


async def test_who_is_cancelled_waits_for_the_thread_and_gives_back_what_came_of_it() -> None:
    began, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    def work(what: str) -> str:
        began.set()
        assert go_on.wait(10)
        told.append("worked")
        return what

    running = asyncio.create_task(to_its_end(work, "opened", undo=told.append))
    assert await asyncio.to_thread(began.wait, 10)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0)
    assert not running.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told == ["worked", "opened"]


async def test_what_the_work_returns_or_raises_comes_through() -> None:
    def fail() -> None:
        raise OSError("full")

    assert await to_its_end(max, 1, 2) == 2
    with pytest.raises(OSError, match="full"):
        await to_its_end(fail)
