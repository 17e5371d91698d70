"""Group commit: one cycle at a time runs while the next one gathers.

There is no linger: a cycle begins as soon as something waits and no other one runs. Requests
that arrive meanwhile share the next fsync. Small cycles run on the event loop itself while the
disk is quick (measured: a quarter less latency and a fifth less CPU than handing them to a
thread and back); large ones, and all while the disk is slow, run in a thread, so that heartbeats
and reads go on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from streams.broker.checkpoint import CheckpointPlan, run_checkpoint
from streams.broker.cycle import Cycle, run_cycle
from streams.broker.disk import Disk
from streams.broker.failures import BrokerFailure, failure_of
from streams.broker.limits import (
    INLINE_COMMIT_S_MAX,
    INLINE_CYCLE_BYTES_MAX,
    INLINE_MEMORY_CYCLES,
    SYNC_THREADS,
)
from streams.broker.segment import Segment
from streams.broker.store import LogStore
from streams.broker.wal import Frame

T = TypeVar("T")
Failed = Callable[[BrokerFailure], None]


class SegmentSyncer:
    """Syncs segment files, several at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, segments: list[Segment]) -> None:
        if len(segments) < 2:
            for segment in segments:
                segment.writer(self._disk).sync()
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(SYNC_THREADS, "sync")
        for _ in self._pool.map(lambda segment: segment.writer(self._disk).sync(), segments):
            pass

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


class Committer:
    """Runs commit cycles, checkpoints and other disk work off the loop.

    A failure of the disk is reported once to `failed`; from then on nothing is committed, and who
    waits gets the failure: the process is expected to end.
    """

    def __init__(self, store: LogStore, syncer: SegmentSyncer, failed: Failed) -> None:
        self._store = store
        self._sync_all = syncer
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[Cycle, list[Frame]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run_cycles, name="commit", daemon=True)
        self._housekeeper = ThreadPoolExecutor(1, "housekeeping")
        self._usual_s = 0.0
        """How long cycles take of late; decides where the next one runs."""
        self._taken: tuple[Cycle, list[Frame]] | None = None
        self._gathering: asyncio.Future[None] = self._loop.create_future()
        self._committing: asyncio.Future[None] | None = None
        self._taken_done = self._gathering
        self._checkpointing = False
        self._checkpoint_ran = False
        self._clearing_wanted = False
        self._checkpoint_task: asyncio.Task[None] | None = None
        self._wanted: asyncio.Future[None] | None = None
        self._checkpoint_wanted: asyncio.Future[None] | None = None
        self._scheduled = False
        self._failure: BrokerFailure | None = None
        self._thread.start()

    # Requests --------------------------------------------------------------------------------

    def committed(self) -> asyncio.Future[None]:
        """Resolved when everything queued in the store until now is durable. Do not cancel it."""
        self._soon()
        return self._gathering

    def settled(self) -> asyncio.Future[None] | None:
        """Like `committed`, for things that may be durable already: None when nothing is under way."""
        if self._store.has_pending:
            return self.committed()
        # A cycle may have been taken and wait for room in the write-ahead log.
        return self._committing if self._taken is None else self._taken_done

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Run blocking disk work one after the other, beside commit cycles.

        Raises:
            BrokerFailure: after it was reported.
        """
        return await self._reporting(self._loop.run_in_executor(self._housekeeper, work))

    async def _reporting(self, running: asyncio.Future[T]) -> T:
        try:
            return await running
        except Exception as error:
            failure = failure_of(error, "housekeeping")
            self._fail(failure)
            raise failure from error

    async def checkpoint(self) -> None:
        """Make a checkpoint that holds all that is durable when it begins.

        Raises:
            BrokerFailure: it was reported before.
        """
        if self._failure is not None:
            raise self._failure
        if self._wanted is None:
            self._wanted = self._loop.create_future()
        wanted = self._wanted
        self._soon()
        await asyncio.shield(wanted)

    async def clear_wal(self) -> None:
        """Leave nothing in the write-ahead log of what was written before this call.

        Each checkpoint frees the file of the turn that it ends, so two of them reach both.

        Raises:
            BrokerFailure: it was reported before.
        """
        for _ in range(2):
            self._clearing_wanted = True
            await self.checkpoint()

    async def quiet(self) -> None:
        """Wait until everything queued before this call is committed."""
        if (last := self.settled()) is not None:
            await asyncio.shield(last)

    async def close(self) -> None:
        """Commit what is pending, write a last checkpoint, end the threads.

        Raises:
            BrokerFailure: it was reported before; the threads have ended.
        """
        try:
            if self._failure is None:
                await self.quiet()
                await self.checkpoint()
        finally:
            self._queue.put(None)
            await self._loop.run_in_executor(None, self._thread.join)
            self._housekeeper.shutdown()
            self._sync_all.close()

    # Cycles ----------------------------------------------------------------------------------

    def _soon(self) -> None:
        if not self._scheduled and self._committing is None and self._failure is None:
            self._scheduled = True
            # Requests that the loop has read in the same round join the cycle.
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        if self._committing is None and self._failure is None:
            try:
                self._begin_between_cycles()
            except Exception as error:  # noqa: BLE001 - a bug here must stop the log, not leave it waiting
                self._fail(failure_of(error, "a commit"))

    def _begin_between_cycles(self) -> None:
        """Finish and begin checkpoints, then begin the next cycle."""
        store = self._store
        if self._checkpoint_ran:
            self._checkpoint_ran = self._checkpointing = False
            store.finish_checkpoint()
        if not self._checkpointing and (store.checkpoint_is_due or self._wanted is not None):
            self._begin_checkpoint()
        if self._taken is None:
            self._taken = store.take_cycle()
            if self._taken is None:
                return
            self._taken_done, self._gathering = self._gathering, self._loop.create_future()
        if self._checkpointing and not store.wal.has_room(self._taken[1]):
            return  # Both files of the write-ahead log are in use until the checkpoint has run.
        self._committing, taken, self._taken = self._taken_done, self._taken, None
        if taken[0].size <= INLINE_CYCLE_BYTES_MAX and self._usual_s < INLINE_COMMIT_S_MAX:
            # A disk that syncs faster than two threads take turns: do it here.
            self._run(*taken)
            self._finish(taken[0])
        else:
            self._queue.put(taken)

    def _run(self, cycle: Cycle, frames: list[Frame]) -> None:
        began = time.perf_counter()
        run_cycle(self._store.disk, self._store.wal, cycle, frames, self._sync_all)
        self._usual_s += (time.perf_counter() - began - self._usual_s) / INLINE_MEMORY_CYCLES

    def _run_cycles(self) -> None:
        while (taken := self._queue.get()) is not None:
            try:
                self._run(*taken)
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be acknowledged after it
                self._call(self._fail, failure_of(error, "a commit"))
                return
            self._call(self._finish, taken[0])

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            pass  # The loop was closed under us: nobody is left to tell.

    def _finish(self, cycle: Cycle) -> None:
        if self._failure is not None:
            return  # Housekeeping failed meanwhile: nobody is told anything any more.
        done = self._committing
        try:
            self._store.finish_cycle(cycle)
        except Exception as error:  # noqa: BLE001 - as in `_begin`
            self._fail(failure_of(error, "a commit"))
            return
        assert done is not None
        self._committing = None
        done.set_result(None)
        self._begin()

    # Checkpoints -----------------------------------------------------------------------------

    def _begin_checkpoint(self) -> None:
        """Plan on the loop and between cycles; run beside them."""
        self._checkpointing = True
        self._checkpoint_wanted, self._wanted = self._wanted, None
        clearing, self._clearing_wanted = self._clearing_wanted, False
        plan = self._store.plan_checkpoint()
        # Handed over at once: what removes files later in this thread must come after it.
        running = self._loop.run_in_executor(self._housekeeper, self._run_checkpoint, plan, clearing)
        self._checkpoint_task = self._loop.create_task(self._end_checkpoint(running))

    def _run_checkpoint(self, plan: CheckpointPlan, clearing: bool) -> None:
        run_checkpoint(self._store.disk, plan, self._sync_all)
        if clearing:
            # No turn begins in that file before this one's checkpoint counts as run.
            self._store.wal.clear(plan.checkpoint.wal_epoch)

    async def _end_checkpoint(self, running: asyncio.Future[None]) -> None:
        try:
            await self._reporting(running)
        except BrokerFailure:
            return  # It was reported.
        self._checkpoint_ran = True
        self._begin()
        wanted, self._checkpoint_wanted = self._checkpoint_wanted, None
        if wanted is not None and not wanted.done():
            wanted.set_result(None)

    def _fail(self, failure: BrokerFailure) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        self._failed(failure)
        for waiting in (self._gathering, self._taken_done, self._committing, self._wanted, self._checkpoint_wanted):
            if waiting is not None and not waiting.done():
                waiting.set_exception(failure)
                waiting.exception()  # Retrieved here: often nobody waits.
