"""The log for people: where it stands, and its events decoded."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.answers import KNOWN_QUERY, problems
from api.routes.upkeep_deps import UpkeepDep
from govault.errors import EventLog
from govault.limits import LOG_RECORDS_PER_REQUEST_MAX
from govault.services.log.browser import LogSlice
from schemas.rest.admin import LogPartitionDocument, LogStatusDocument
from schemas.topics import Topic

router = APIRouter(prefix="/admin/log", tags=["administration"], dependencies=[KNOWN_QUERY])

_OFFSET_MAX = 2**53


@router.get("", summary="Where the log stands", response_model=LogStatusDocument)
async def get_log(upkeep: UpkeepDep) -> LogStatusDocument:
    """Offsets, sizes and lag of every partition of every topic."""
    rows = await upkeep.logs.status()
    return LogStatusDocument(partitions=tuple(LogPartitionDocument.model_validate(row) for row in rows))


@router.get(
    "/records",
    summary="Events of the log, one JSON document a line",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One record a line: its position and its event, or why it is malformed.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
async def get_records(
    upkeep: UpkeepDep,
    topic: Annotated[Topic | None, Query(description="Only this topic.")] = None,
    partition: Annotated[int | None, Query(ge=0, le=100_000, description="Only this partition.")] = None,
    start: Annotated[int | None, Query(ge=0, le=_OFFSET_MAX, description="First offset, of every partition.")] = None,
    stop: Annotated[int | None, Query(ge=0, le=_OFFSET_MAX, description="Offset to end before.")] = None,
    since_ms: Annotated[int | None, Query(ge=0, le=_OFFSET_MAX, description="First append time.")] = None,
    until_ms: Annotated[int | None, Query(ge=0, le=_OFFSET_MAX, description="Append time to end before.")] = None,
    last: Annotated[
        int | None,
        Query(ge=0, le=LOG_RECORDS_PER_REQUEST_MAX, description="Only so many at the end of each partition."),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=LOG_RECORDS_PER_REQUEST_MAX, description="At most so many records.")
    ] = LOG_RECORDS_PER_REQUEST_MAX,
    # Told in words instead of as a parameter: generic clients and testers wait for the end of every answer.
    follow: Annotated[bool, Query(include_in_schema=False)] = False,
) -> StreamingResponse:
    """Merged by append time; in order within a partition.

    With `follow=true` the answer goes on with what is appended later, and ends when the client goes away.
    """
    asked = LogSlice(topic, partition, start, stop, since_ms, until_ms, last, limit, follow)
    lines = await upkeep.logs.records(asked)
    return StreamingResponse(_guarded(lines), media_type="application/x-ndjson")


async def _guarded(lines: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(lines):
        try:
            async for line in lines:
                yield line
        except EventLog as error:
            # The status went out long ago: the last line says why there are no more.
            yield orjson.dumps({"error": error.code, "detail": str(error)}, option=orjson.OPT_APPEND_NEWLINE)
