"""Jobs: long work, with its progress, result and cancellation."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.answers import KNOWN_QUERY, problems
from api.routes.upkeep_deps import UpkeepDep, job_document
from schemas.rest.admin import JobDocument, JobsDocument

router = APIRouter(prefix="/admin/jobs", tags=["administration"], dependencies=[KNOWN_QUERY])

JobId = Annotated[str, Path(description="The job's id.", examples=["j_01JD3V8Q6H4T9M2K7RX5WZ0ABC"])]


@router.get("", summary="The latest jobs", response_model=JobsDocument)
async def list_jobs(upkeep: UpkeepDep) -> JobsDocument:
    """Running jobs and the latest that ended, the newest first; kept until the node stops."""
    return JobsDocument(jobs=tuple(job_document(job) for job in upkeep.jobs.list()))


@router.get("/{job_id}", summary="One job", response_model=JobDocument, responses=problems(404))
async def get_job(job_id: JobId, upkeep: UpkeepDep) -> JobDocument:
    """Its state and progress, and its result once it has ended."""
    return job_document(upkeep.jobs.get(job_id))


@router.delete("/{job_id}", summary="Cancel a job", response_model=JobDocument, responses=problems(404))
async def cancel_job(job_id: JobId, upkeep: UpkeepDep) -> JobDocument:
    """End a running job. What it did stays; every job may be cancelled at any point without harm."""
    return job_document(await upkeep.jobs.cancel(job_id))
