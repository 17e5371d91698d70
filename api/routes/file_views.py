"""``/files/{ref}/…``: metadata, versions, copies and history."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
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
from api.asks import changed_answer, copy_wish, located_document, metadata_answer
from api.deps import ActorDep, RefParam, ServicesDep
from api.documents import fact_document, version_document
from api.etags import content_match
from govault.services.namespace import cursors
from govault.services.namespace.targets import ByRef
from schemas.rest.namespace import (
    CopyAsk,
    CopyDocument,
    EntityDocument,
    FileDocument,
    HistoryPage,
    VersionDocument,
    VersionRemoval,
    VersionsPage,
)

router = APIRouter(tags=["files"], dependencies=[KNOWN_QUERY])
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number.")]


@router.get(
    "/files/{ref}/metadata",
    operation_id="get_metadata",
    response_model=EntityDocument,
    responses={**TELLS_ETAG, 304: {"description": "The client has it."}, **problems(404, 409)},
)
async def get_metadata(
    ref: RefParam,
    actor: ActorDep,
    services: ServicesDep,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", max_length=4096)] = None,
) -> Response:
    """Tell what is known of a file or folder. The ETag is that of the metadata, not of the content."""
    return metadata_answer(services.namespace.targets.find(actor, ByRef(ref)), if_none_match)


@router.get(
    "/files/{ref}/versions",
    operation_id="list_versions",
    response_model=VersionsPage,
    responses={**TELLS_NEXT, **problems(404, 409)},
)
async def list_versions(
    request: Request,
    ref: RefParam,
    actor: ActorDep,
    services: ServicesDep,
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List the retained versions of a file, newest first."""
    _, file = services.namespace.targets.file(actor, ByRef(ref))
    bound = ("versions", file.entity_id)
    before = cursors.number(bound, cursor)
    contents = list(islice(services.namespace.versions.listed(file, before), limit + 1))
    following = cursors.make(bound, str(contents[limit - 1].number)) if len(contents) > limit else ""
    items = [version_document(content, content.number == file.current.number) for content in contents[:limit]]
    return page_answer(request, page_document(items, following))


@router.get(
    "/files/{ref}/versions/{number}",
    operation_id="get_version",
    response_model=VersionDocument,
    responses=problems(404, 409),
)
async def get_version(ref: RefParam, number: Number, actor: ActorDep, services: ServicesDep) -> Response:
    """Tell what is known of one version."""
    _, file = services.namespace.targets.file(actor, ByRef(ref))
    content = services.namespace.versions.get(file, number)
    return answer(version_document(content, number == file.current.number))


@router.delete(
    "/files/{ref}/versions/{number}",
    operation_id="remove_version",
    response_model=VersionRemoval,
    responses=problems(404, writes=True),
)
async def remove_version(
    ref: RefParam,
    number: Number,
    actor: ActorDep,
    services: ServicesDep,
    dry_run: DryRun = False,
    _key: IdempotencyKey = None,
) -> Response:
    """End a version for ever; never the current one."""
    file = await services.namespace.versions.remove(actor, ByRef(ref), number, dry_run)
    return answer({"dry_run": dry_run, "file_id": file.entity_id, "version": number})


@router.post(
    "/files/{ref}/versions/{number}/restore",
    operation_id="restore_version",
    response_model=FileDocument,
    responses={**TELLS_ETAG, **problems(404, 507, writes=True)},
)
async def restore_version(
    ref: RefParam,
    number: Number,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Make an old version's content the next version."""
    restored = await services.namespace.versions.restore(actor, ByRef(ref), number, content_match(if_match))
    return changed_answer(restored)


@router.post(
    "/files/{ref}/copy",
    operation_id="copy_file",
    status_code=201,
    response_model=CopyDocument,
    responses=problems(404, 507, writes=True),
)
async def copy_file(
    ref: RefParam,
    ask: CopyAsk,
    actor: ActorDep,
    services: ServicesDep,
    replace: Replace = False,
    _key: IdempotencyKey = None,
) -> Response:
    """Copy a file, one of its versions, or a folder, also to another space. No bytes move."""
    copied = await services.namespace.copies.copy(actor, ByRef(ref), copy_wish(ask, replace))
    document = {
        "copied": located_document(copied.located),
        "files": copied.files,
        "folders": copied.folders,
        "size_bytes": copied.size_bytes,
        "more": bool(copied.next_cursor),
        "next_cursor": copied.next_cursor or None,
    }
    return answer(document, 201)


@router.get(
    "/files/{ref}/history",
    operation_id="get_history",
    response_model=HistoryPage,
    responses={**TELLS_NEXT, **problems(404, 409)},
)
async def get_history(
    request: Request,
    ref: RefParam,
    actor: ActorDep,
    services: ServicesDep,
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Tell what happened to a file or folder, trash included, as far as the folded state still knows. Newest first."""
    _, entity = services.namespace.targets.retained(actor, ByRef(ref))
    bound = ("history", entity.entity_id)
    skip = cursors.number(bound, cursor) or 0
    facts = list(islice(services.namespace.history.of(entity), skip, skip + limit + 1))
    following = cursors.make(bound, str(skip + limit)) if len(facts) > limit else ""
    items = [fact_document(fact) for fact in facts[:limit]]
    return page_answer(request, page_document(items, following, id=entity.entity_id))
