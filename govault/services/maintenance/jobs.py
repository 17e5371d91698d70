"""Jobs: long work that outlives the request that asked for it, with progress, result and cancellation."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from govault.domain.actor import Actor
from govault.errors import Cluster, Conflict, GoVaultError, NotFound
from govault.limits import JOBS_AT_ONCE_MAX, JOBS_KEPT_MAX
from govault.ports import Clock, Randomness
from schemas.ids import ulid

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    """Where a job stands; the last three are final."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobResult(Protocol):
    """What a job returns: a frozen dataclass whose fields are JSON-able."""

    __dataclass_fields__: dict[str, object]


@dataclass(slots=True)
class Job:
    """One job. Services read and write its progress through ``advance``.

    Attributes:
        done: Units done; ``total`` is None while unknown.
        unit: What is counted: ``chunks``, ``events``.
        text: What it is at, in words.
        error_code: Stable code of the error that ended it, with ``error`` in words.
    """

    id: str
    kind: str
    actor: str
    started_ms: int
    state: JobState = JobState.RUNNING
    finished_ms: int | None = None
    done: int = 0
    total: int | None = None
    unit: str = ""
    text: str = ""
    result: object | None = None
    error: str = ""
    error_code: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def advance(self, done: int, total: int | None = None, unit: str = "", text: str = "") -> None:
        """Say how far the work is."""
        self.done, self.total = done, total
        self.unit = unit or self.unit
        self.text = text or self.text


Work = Callable[[Job], Awaitable[object]]


class Jobs:
    """The node's jobs: a bounded number at once, the latest kept."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Own the tasks of the jobs; returns only by cancellation, which cancels them. Belongs into a TaskGroup."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None
                for job in self._jobs.values():
                    if job.task is not None:
                        job.task.cancel()

    def start(self, kind: str, actor: Actor, work: Work) -> Job:
        """Begin a job; only one of a kind runs at a time.

        Raises:
            Conflict: One of this kind is running (``job`` in details), or too many run.
            Cluster: The node is starting or stopping.
        """
        if self._group is None:
            raise Cluster("this node takes no jobs now: it is starting or stopping; try again", code="cluster.no-jobs")
        running = [job for job in self._jobs.values() if job.state is JobState.RUNNING]
        for job in running:
            if job.kind == kind:
                message = f"a {kind} is running already, as job {job.id}: wait for it or cancel it"
                raise Conflict(message, code="conflict.job-running", job=job.id)
        if len(running) >= JOBS_AT_ONCE_MAX:
            raise Conflict(f"{len(running)} jobs are running, the most at once", code="conflict.too-many-jobs")
        now_ms = self._clock.time_ms()
        job = Job("j_" + ulid(now_ms, self._randomness.token(10)), kind, actor.name, now_ms)
        self._jobs[job.id] = job
        job.task = self._group.create_task(self._carry_out(job, work), name=f"job {kind} {job.id}")
        job.task.add_done_callback(lambda _: self._end(job))
        self._forget_oldest()
        return job

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: Never heard of, or forgotten.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"no job has the id {job_id!r} (the latest {JOBS_KEPT_MAX} of this run are kept)")
        return job

    def list(self) -> list[Job]:
        """All that are kept, the latest first."""
        return list(reversed(self._jobs.values()))

    async def cancel(self, job_id: str) -> Job:
        """End a running job and wait until it has ended; of one that has ended, nothing changes.

        Raises:
            NotFound: No such job.
        """
        job = self.get(job_id)
        if job.task is not None and job.state is JobState.RUNNING:
            job.task.cancel()
            await asyncio.wait([job.task])
        return job

    async def wait_finished(self, job_id: str, timeout_s: float) -> Job:
        """The job, once ended or when the time is up.

        Raises:
            NotFound: No such job.
        """
        job = self.get(job_id)
        if job.task is not None and job.state is JobState.RUNNING:
            await asyncio.wait([job.task], timeout=timeout_s)
        return job

    async def _carry_out(self, job: Job, work: Work) -> None:
        try:
            job.result = await work(job)
            job.state = JobState.SUCCEEDED
        except GoVaultError as error:
            self._fail(job, error.specific_code, str(error))
        except Exception as error:  # noqa: BLE001 - an edge: a job that breaks must not take the node along
            _log.exception("job %s %s failed", job.kind, job.id)
            self._fail(job, "internal", f"{type(error).__name__}: {error}")
        finally:
            job.finished_ms = self._clock.time_ms()

    def _end(self, job: Job) -> None:
        """The task has ended, perhaps by a cancellation before its first step."""
        if job.state is JobState.RUNNING:
            job.state, job.error = JobState.CANCELLED, "it was cancelled"
        job.finished_ms = self._clock.time_ms()
        job.task = None

    def _fail(self, job: Job, code: str, message: str) -> None:
        job.state, job.error_code, job.error = JobState.FAILED, code, message
        _log.warning("job %s %s failed: %s", job.kind, job.id, message)

    def _forget_oldest(self) -> None:
        over = len(self._jobs) - JOBS_KEPT_MAX
        for job_id in [job.id for job in self._jobs.values() if job.state is not JobState.RUNNING][: max(over, 0)]:
            del self._jobs[job_id]
