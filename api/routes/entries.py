"""``/spaces/{space}/files/{path}``: what is not bytes. The bytes go through the raw doors."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api.answers import KNOWN_QUERY, TELLS_ETAG, DryRun, IdempotencyKey, IfMatch, Replace, answer, problems
from api.asks import changed_answer, metadata_answer, metadata_wish, move_wish
from api.deps import ActorDep, PathParam, ServicesDep, SpaceParam
from api.documents import trashed_answer
from api.etags import file_conditions
from govault.services.namespace.targets import ByPath, only_file
from schemas.rest.namespace import FileDocument, FilePatch, TrashedAnswer

router = APIRouter(tags=["files"], dependencies=[KNOWN_QUERY])
_PATH = "/spaces/{space}/files/{path:path}"


@router.get(_PATH, include_in_schema=False)
async def get_metadata_at(
    space: SpaceParam,
    path: PathParam,
    actor: ActorDep,
    services: ServicesDep,
    metadata: Annotated[str, Query()] = "",
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """Tell the metadata of the file at a path. The raw door's part of the OpenAPI document describes it."""
    located, _ = services.namespace.targets.file(actor, ByPath(space, path))
    return metadata_answer(located, if_none_match)


@router.patch(
    _PATH,
    operation_id="change_file_at",
    response_model=FileDocument,
    responses={**TELLS_ETAG, **problems(404, writes=True)},
)
async def change_file_at(
    space: SpaceParam,
    path: PathParam,
    ask: FilePatch,
    actor: ActorDep,
    services: ServicesDep,
    replace: Replace = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Move or rename the file at a path, or change what is said about it."""
    guard, match = file_conditions(if_match)
    changed = await services.namespace.changes.change(
        actor, ByPath(space, path), move_wish(ask, replace, match), metadata_wish(ask), only_file(guard)
    )
    return changed_answer(changed)


@router.delete(_PATH, operation_id="trash_file_at", response_model=TrashedAnswer, responses=problems(404, writes=True))
async def trash_file_at(
    space: SpaceParam,
    path: PathParam,
    actor: ActorDep,
    services: ServicesDep,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Make the file at a path trash."""
    guard, match = file_conditions(if_match)
    trashed = await services.namespace.trash.trash(actor, ByPath(space, path), match, only_file(guard), dry_run)
    return answer(trashed_answer(trashed, dry_run))
