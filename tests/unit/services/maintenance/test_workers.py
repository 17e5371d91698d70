"""Workers: paced, listed, and never silent about their errors."""

import asyncio
import contextlib
import logging

import pytest

from govault.errors import InvalidRequest, NotFound
from govault.services.maintenance.workers import WorkerRecord, Workers, WorkerState
from tests.unit.services.maintenance.fakes import FakeClock


class Counter:
    """Works through a number of steps, then waits to be told of more."""

    def __init__(self, name: str, steps: int, clock: FakeClock) -> None:
        self.name = name
        self.left = steps
        self.done = 0
        self.errors: list[Exception] = []
        self.waiting = asyncio.Event()
        self.more = asyncio.Event()
        self._clock = clock

    async def work(self) -> bool:
        await asyncio.sleep(0)
        self._clock.now_s += 0.001
        if self.errors:
            raise self.errors.pop(0)
        self.left -= 1
        self.done += 1
        return self.left > 0

    async def wait_for_work(self) -> None:
        self.waiting.set()
        await self.more.wait()
        self.more.clear()


@contextlib.asynccontextmanager
async def running(workers: Workers):
    task = asyncio.create_task(workers.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def record_of(workers: Workers, name: str) -> WorkerRecord:
    return next(record for record in workers.list() if record.name == name)


async def test_a_worker_steps_until_nothing_is_left_and_then_waits() -> None:
    clock = FakeClock()
    worker = Counter("a", 3, clock)
    workers = Workers(clock, [worker], throttle=0)
    async with running(workers):
        await worker.waiting.wait()
        assert worker.done == 3
        assert record_of(workers, "a").state is WorkerState.WAITING
    assert record_of(workers, "a").state is WorkerState.STOPPED


async def test_a_failing_step_is_logged_counted_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govault.services.maintenance.workers.WORKER_BACKOFF_S_MIN", 0.001)
    clock = FakeClock()
    worker = Counter("a", 1, clock)
    worker.errors = [ValueError("odd"), OSError("no disk")]
    workers = Workers(clock, [worker], throttle=0)
    with caplog.at_level(logging.WARNING):
        async with running(workers):
            await worker.waiting.wait()
            record = record_of(workers, "a")
            assert (record.failures, record.failures_in_a_row) == (2, 0)
            assert record.last_error == "OSError: no disk"
    assert "worker a failed (1 in a row)" in caplog.text
    assert "worker a failed (2 in a row)" in caplog.text


async def test_one_failing_worker_does_not_stop_another() -> None:
    clock = FakeClock()
    bad, good = Counter("bad", 1, clock), Counter("good", 5, clock)
    bad.errors = [ValueError("odd")] * 100
    workers = Workers(clock, [bad, good], throttle=0)
    async with running(workers):
        await good.waiting.wait()
        assert good.done == 5
        assert record_of(workers, "bad").state is WorkerState.BACKING_OFF


async def test_waking_a_worker_ends_its_wait() -> None:
    clock = FakeClock()
    worker = Counter("a", 1, clock)
    workers = Workers(clock, [worker], throttle=0)
    async with running(workers):
        await worker.waiting.wait()
        worker.waiting.clear()
        workers.wake("a")
        await worker.waiting.wait()
        assert worker.done == 2


async def test_throttles_are_bounded_and_unknown_workers_refused() -> None:
    workers = Workers(FakeClock(), [Counter("a", 1, FakeClock())])
    assert workers.set_throttle("a", 4).throttle == 4
    with pytest.raises(InvalidRequest):
        workers.set_throttle("a", -1)
    with pytest.raises(NotFound, match="there are a"):
        workers.set_throttle("b", 1)
