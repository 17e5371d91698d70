"""What the routes of upkeep depend on, and the encodings they share."""

import dataclasses
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from govault.services.maintenance.assembly import Upkeep
from govault.services.maintenance.jobs import Job
from schemas.rest.admin import JobDocument


def get_upkeep(request: Request) -> Upkeep:
    """The node's upkeep."""
    upkeep = request.app.state.services.upkeep
    assert isinstance(upkeep, Upkeep)
    return upkeep


UpkeepDep = Annotated[Upkeep, Depends(get_upkeep)]


def job_document(job: Job) -> JobDocument:
    """A job as it is answered."""
    return JobDocument(
        id=job.id,
        kind=job.kind,
        state=job.state.value,
        actor=job.actor,
        started_ms=job.started_ms,
        finished_ms=job.finished_ms,
        done=job.done,
        total=job.total,
        unit=job.unit,
        text=job.text,
        result=_plain(job.result),
        error=job.error,
        error_code=job.error_code,
    )


def accepted_job(job: Job, response: Response) -> JobDocument:
    """The answer to a request that began a job: 202, and where to look."""
    response.headers["Location"] = f"/admin/jobs/{job.id}"
    return job_document(job)


def _plain(result: object) -> dict[str, Any] | None:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return dataclasses.asdict(result)
    return None
