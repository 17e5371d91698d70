"""``/files`` (list and search) and ``/files/{ref}`` (changed, made trash). Bytes have doors of their own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import JsonValue
from starlette.responses import Response

from api.answers import (
    KNOWN_QUERY,
    LIMIT_DEFAULT,
    TELLS_ETAG,
    TELLS_NEXT,
    Cursor,
    DryRun,
    IdempotencyKey,
    IfMatch,
    Limit,
    Replace,
    answer,
    page_answer,
    page_document,
    problems,
)
from api.asks import changed_answer, instant_ms, metadata_wish, move_wish
from api.deps import ActorDep, RefParam, ServicesDep
from api.documents import file_document, trashed_answer
from api.etags import file_conditions
from govault.services.namespace.listing import FilesQuery
from govault.services.namespace.targets import ByRef
from schemas.rest.namespace import EntityDocument, FilePatch, FilesPage, SpaceName, TrashedAnswer

router = APIRouter(tags=["files"], dependencies=[KNOWN_QUERY])
Sort = Literal["", "path", "name", "size", "modified", "created", "-path", "-name", "-size", "-modified", "-created"]


Instant = Annotated[str | None, Query(max_length=40)]
_DATE_TIME: dict[str, JsonValue] = {"format": "date-time"}


async def files_query(
    space: Annotated[SpaceName | None, Query(description="Only in this space.")] = None,
    prefix: Annotated[str, Query(max_length=1024, description="Only paths that begin so.")] = "",
    delimiter: Annotated[Literal["", "/"], Query(description="Roll up what lies deeper into `prefixes`.")] = "",
    name: Annotated[str, Query(max_length=255, description="A glob on the name: `*`, `?`, `[…]`.")] = "",
    q: Annotated[str, Query(max_length=255, description="Words of name, description and tags; all must occur.")] = "",
    tag: Annotated[str, Query(max_length=128, description="Only with this tag.")] = "",
    media_type: Annotated[
        str, Query(alias="type", max_length=255, description="A media type (`image/png`) or its front (`image/`).")
    ] = "",
    since: Annotated[Instant, Query(description="Modified at or after.", json_schema_extra=_DATE_TIME)] = None,
    until: Annotated[Instant, Query(description="Modified before.", json_schema_extra=_DATE_TIME)] = None,
    larger: Annotated[int | None, Query(ge=0, le=2**53, description="Of more bytes than this.")] = None,
    smaller: Annotated[int | None, Query(ge=0, le=2**53, description="Of fewer bytes than this.")] = None,
    owner: Annotated[str, Query(max_length=255, description="Who committed the current version.")] = "",
    sort: Annotated[Sort, Query(description="`-` in front reverses; absent: the cheapest order.")] = "",
) -> FilesQuery:
    """The filters of ``GET /files``."""
    return FilesQuery(
        space=space,
        prefix=prefix,
        delimiter=delimiter,
        name=name,
        words=q,
        tag=tag,
        media_type=media_type,
        since_ms=instant_ms(since, "since"),
        until_ms=instant_ms(until, "until"),
        larger=larger,
        smaller=smaller,
        owner=owner,
        sort=sort,
    )


@router.get("/files", operation_id="list_files", response_model=FilesPage, responses={**TELLS_NEXT, **problems(404)})
async def list_files(
    request: Request,
    actor: ActorDep,
    services: ServicesDep,
    query: Annotated[FilesQuery, Depends(files_query)],
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List files that you may read, or search them: all filters that are given must hold.

    A page looks at a bounded number of files: it may be short, or empty, and still have a next one.
    """
    page = await services.namespace.listing.files(actor, query, cursor, limit)
    names = services.namespace.targets.space_names(file.space_id for file, _ in page.items)
    items = [file_document(file, names[file.space_id], path) for file, path in page.items]
    return page_answer(request, page_document(items, page.next_cursor, prefixes=page.prefixes))


@router.patch(
    "/files/{ref}",
    operation_id="change_file",
    response_model=EntityDocument,
    responses={**TELLS_ETAG, **problems(404, 413, writes=True)},
)
async def change_file(
    ref: RefParam,
    ask: FilePatch,
    actor: ActorDep,
    services: ServicesDep,
    replace: Replace = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Move or rename a file or folder, or change what is said about a file.

    `If-Match` takes the ETag of its metadata, or that of its content.
    """
    guard, match = file_conditions(if_match)
    changed = await services.namespace.changes.change(
        actor, ByRef(ref), move_wish(ask, replace, match), metadata_wish(ask), guard
    )
    return changed_answer(changed)


@router.delete(
    "/files/{ref}", operation_id="trash_file", response_model=TrashedAnswer, responses=problems(404, writes=True)
)
async def trash_file(
    ref: RefParam,
    actor: ActorDep,
    services: ServicesDep,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Make a file or folder trash. `If-Match` takes the ETag of its content, or that of its metadata."""
    guard, match = file_conditions(if_match)
    trashed = await services.namespace.trash.trash(actor, ByRef(ref), match, guard, dry_run)
    return answer(trashed_answer(trashed, dry_run))
