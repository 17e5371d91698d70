"""Jobs: long work with progress, a result, cancellation, and bounds."""

import asyncio
import contextlib
from dataclasses import dataclass

import pytest

from govault.domain.actor import Actor
from govault.errors import Cluster, Conflict, NotFound, StorageFull
from govault.limits import JOBS_AT_ONCE_MAX, JOBS_KEPT_MAX
from govault.services.maintenance.jobs import Job, Jobs, JobState
from tests.unit.services.maintenance.fakes import FakeClock, FakeRandomness

ADMIN = Actor("admin")


@dataclass(frozen=True)
class Sum:
    total: int


@contextlib.asynccontextmanager
async def running():
    jobs = Jobs(FakeClock(), FakeRandomness())
    task = asyncio.create_task(jobs.run())
    await asyncio.sleep(0)
    try:
        yield jobs
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def for_ever(job: Job) -> object:
    await asyncio.Event().wait()
    return None


async def test_a_job_tells_its_progress_and_keeps_its_result() -> None:
    go = asyncio.Event()

    async def work(job: Job) -> Sum:
        job.advance(3, 7, "things", "adding")
        await go.wait()
        return Sum(7)

    async with running() as jobs:
        job = jobs.start("sum", ADMIN, work)
        await asyncio.sleep(0)
        seen = jobs.get(job.id)
        assert (seen.state, seen.done, seen.total, seen.unit, seen.text) == (JobState.RUNNING, 3, 7, "things", "adding")
        go.set()
        assert (await jobs.wait_finished(job.id, 5)).result == Sum(7)
        assert jobs.get(job.id).state is JobState.SUCCEEDED


async def test_a_job_that_fails_says_why_and_leaves_the_node_alone() -> None:
    async def full(job: Job) -> object:
        raise StorageFull("no space left; free some")

    async def broken(job: Job) -> object:
        raise ZeroDivisionError("odd")

    async with running() as jobs:
        first = await jobs.wait_finished(jobs.start("a", ADMIN, full).id, 5)
        assert (first.state, first.error_code, first.error) == (
            JobState.FAILED,
            "storage-full",
            "no space left; free some",
        )
        second = await jobs.wait_finished(jobs.start("b", ADMIN, broken).id, 5)
        assert (second.error_code, second.error) == ("internal", "ZeroDivisionError: odd")


async def test_a_running_job_can_be_cancelled_and_a_finished_one_stays_as_it_is() -> None:
    async with running() as jobs:
        job = jobs.start("a", ADMIN, for_ever)
        assert (await jobs.cancel(job.id)).state is JobState.CANCELLED
        assert (await jobs.cancel(job.id)).state is JobState.CANCELLED
        assert job.finished_ms is not None
        again = jobs.start("a", ADMIN, for_ever)
        await asyncio.sleep(0)
        assert (await jobs.cancel(again.id)).state is JobState.CANCELLED


async def test_only_one_job_of_a_kind_and_a_bounded_number_run_at_once() -> None:
    async with running() as jobs:
        first = jobs.start("kind0", ADMIN, for_ever)
        with pytest.raises(Conflict) as refused:
            jobs.start("kind0", ADMIN, for_ever)
        assert refused.value.details["job"] == first.id
        for number in range(1, JOBS_AT_ONCE_MAX):
            jobs.start(f"kind{number}", ADMIN, for_ever)
        with pytest.raises(Conflict, match="the most at once"):
            jobs.start("one-more", ADMIN, for_ever)


async def test_the_latest_jobs_are_kept_newest_first_and_running_ones_always() -> None:
    async def work(job: Job) -> object:
        return Sum(1)

    async with running() as jobs:
        old = jobs.start("old", ADMIN, for_ever)
        for _ in range(JOBS_KEPT_MAX + 5):
            await jobs.wait_finished(jobs.start("a", ADMIN, work).id, 5)
        listed = jobs.list()
        assert len(listed) == JOBS_KEPT_MAX
        assert listed[-1].id == old.id
        assert [job.id for job in listed] == sorted((job.id for job in listed), reverse=True)
        with pytest.raises(NotFound):
            jobs.get("j_unknown")


async def test_stopping_the_node_cancels_its_jobs_and_takes_no_more() -> None:
    async with running() as jobs:
        job = jobs.start("a", ADMIN, for_ever)
        await asyncio.sleep(0)
    assert job.state is JobState.CANCELLED
    with pytest.raises(Cluster):
        jobs.start("b", ADMIN, for_ever)
