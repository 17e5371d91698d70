"""Background workers: one shape for all of them, each listable, throttled and never silent about its errors.

A worker does one bounded step at a time (``work``) and says when it is worth trying again (``wait_for_work``), so that
its owner can pace, pause and stop it between any two steps (the shape is Garage's, ``src/util/background``).
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from govault.errors import InvalidRequest, NotFound
from govault.limits import WORKER_BACKOFF_S_MAX, WORKER_BACKOFF_S_MIN, WORKER_THROTTLE_MAX
from govault.ports import Clock

_log = logging.getLogger(__name__)


class Worker(Protocol):
    """A piece of upkeep that goes on for as long as the node runs."""

    @property
    def name(self) -> str:
        """Stable, for people and metrics: ``collection``, ``retention``."""

    async def work(self) -> bool:
        """One bounded step; True where more is to be done now. May be cancelled at any await without harm."""

    async def wait_for_work(self) -> None:
        """Return when a step may find something to do; bounded by the worker's own period."""


class WorkerState(StrEnum):
    """What a worker is at."""

    WAITING = "waiting"
    WORKING = "working"
    THROTTLED = "throttled"
    BACKING_OFF = "backing-off"
    STOPPED = "stopped"


@dataclass(slots=True)
class WorkerRecord:
    """What is known of one worker since the node started.

    Attributes:
        throttle: Seconds of rest per second of work.
        failures_in_a_row: Failed steps since the last that succeeded.
    """

    worker: Worker
    throttle: float
    state: WorkerState = WorkerState.STOPPED
    steps: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_error: str = ""
    last_error_ms: int = 0
    busy_s: float = 0.0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The worker's name."""
        return self.worker.name

    def wake(self) -> None:
        """Let the worker look for work now instead of at the end of its wait."""
        self._wake.set()

    async def rest(self, timeout_s: float | None, *until: asyncio.Task[None]) -> None:
        """Wait until woken, timed out, or one of the tasks has ended."""
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait([woken, *until], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            self._wake.clear()


class Workers:
    """Runs the workers of a node until cancelled."""

    def __init__(self, clock: Clock, workers: Sequence[Worker], throttle: float = 1.0) -> None:
        """Args:
        throttle: Seconds of rest per second of work, for every worker, until ``set_throttle``.
        """
        self._clock = clock
        self._records = {worker.name: WorkerRecord(worker, throttle) for worker in workers}

    def list(self) -> list[WorkerRecord]:
        """All workers, by name."""
        return [self._records[name] for name in sorted(self._records)]

    def set_throttle(self, name: str, throttle: float) -> WorkerRecord:
        """Pace one worker: seconds of rest per second of work.

        Raises:
            NotFound: No such worker.
            InvalidRequest: Out of range.
        """
        record = self._find(name)
        if not 0 <= throttle <= WORKER_THROTTLE_MAX:
            raise InvalidRequest(f"throttle {throttle} is not between 0 and {WORKER_THROTTLE_MAX}", rule="throttle")
        record.throttle = throttle
        return record

    def wake(self, name: str) -> None:
        """Let one worker look for work now."""
        self._find(name).wake()

    def _find(self, name: str) -> WorkerRecord:
        record = self._records.get(name)
        if record is None:
            raise NotFound(f"no worker is named {name!r}; there are {', '.join(sorted(self._records))}")
        return record

    async def run(self) -> None:
        """Run every worker; returns only by cancellation. Belongs into a TaskGroup of the node."""
        async with asyncio.TaskGroup() as group:
            for record in self._records.values():
                group.create_task(self._run(record), name=f"worker {record.name}")

    async def _run(self, record: WorkerRecord) -> None:
        try:
            while True:
                more = await self._step(record)
                if not more and not record.failures_in_a_row:
                    await self._wait(record)
        finally:
            record.state = WorkerState.STOPPED

    async def _step(self, record: WorkerRecord) -> bool:
        record.state = WorkerState.WORKING
        began_s = self._clock.monotonic_s()
        try:
            more = await record.worker.work()
        except Exception as error:  # noqa: BLE001 - the worker loop is the edge where errors become reports
            await self._back_off(record, error)
            return False
        took_s = self._clock.monotonic_s() - began_s
        record.steps += 1
        record.failures_in_a_row = 0
        record.busy_s += took_s
        if more:
            record.state = WorkerState.THROTTLED
            await asyncio.sleep(took_s * record.throttle)
        return more

    async def _back_off(self, record: WorkerRecord, error: Exception) -> None:
        record.failures += 1
        record.failures_in_a_row += 1
        record.last_error = f"{type(error).__name__}: {error}"
        record.last_error_ms = self._clock.time_ms()
        doublings = min(record.failures_in_a_row - 1, 16)
        delay_s = min(WORKER_BACKOFF_S_MIN * 2**doublings, WORKER_BACKOFF_S_MAX)
        _log.warning(
            "worker %s failed (%d in a row); next try in %.0f s",
            record.name,
            record.failures_in_a_row,
            delay_s,
            exc_info=error,
        )
        record.state = WorkerState.BACKING_OFF
        await record.rest(delay_s)

    async def _wait(self, record: WorkerRecord) -> None:
        record.state = WorkerState.WAITING
        waiting = asyncio.ensure_future(record.worker.wait_for_work())
        try:
            await record.rest(None, waiting)
            if waiting.done():
                waiting.result()
        except Exception as error:  # noqa: BLE001 - as above: a wait that fails is a failed step
            await self._back_off(record, error)
        finally:
            waiting.cancel()
