"""``/spaces/{space}/folders/{path}``: made, listed, moved, made trash."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import (
    KNOWN_QUERY,
    LIMIT_DEFAULT,
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
from api.asks import located_document, move_wish
from api.deps import ActorDep, FolderPathParam, ServicesDep, SpaceParam
from api.documents import entity_document, folder_document, top_document, trashed_answer
from api.etags import file_conditions
from govault.domain.access import Level
from govault.services.namespace.targets import ByPath, only_folder
from schemas.rest.namespace import FolderDocument, FolderPage, FolderPatch, TrashedAnswer

router = APIRouter(tags=["folders"], dependencies=[KNOWN_QUERY])
_PATH = "/spaces/{space}/folders/{path:path}"


@router.put(
    _PATH,
    operation_id="make_folder",
    status_code=201,
    response_model=FolderDocument,
    responses={200: {"model": FolderDocument, "description": "It exists already."}, **problems(404, writes=True)},
)
async def make_folder(
    space: SpaceParam, path: FolderPathParam, actor: ActorDep, services: ServicesDep, _key: IdempotencyKey = None
) -> Response:
    """Make a folder, and those on the way. One that exists is fine."""
    if not path:
        return answer(top_document(services.namespace.targets.space_for(actor, space, Level.WRITE)))
    made = await services.namespace.folders.make(actor, space, path)
    document = folder_document(made.folder, made.space.name, path)
    return answer(document, 201 if made.created else 200, {"location": f"/spaces/{space}/folders/{quote(path)}"})


@router.get(
    _PATH,
    operation_id="list_folder",
    response_model=FolderPage,
    responses={200: {"content": {"application/zip": {}}}, **problems(404, 409)},
)
async def list_folder(
    request: Request,
    space: SpaceParam,
    path: FolderPathParam,
    actor: ActorDep,
    services: ServicesDep,
    recursive: Annotated[bool, Query(description="Everything below it, depth first.")] = False,
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
    archive: Annotated[
        Literal["zip"] | None, Query(description="Stream the folder as an archive instead of listing it.")
    ] = None,
) -> Response:
    """List a folder: its entries in byte order of their names, a folder's as `name/`.

    Where you may not read the folder, you see of it what is yours or granted to you, and what leads there.
    """
    page = await services.namespace.listing.folder(actor, space, path, cursor, limit, recursive)
    folder = top_document(page.space) if page.folder is None else folder_document(page.folder, space, path)
    items = [entity_document(found.row, space, found.path) for found in page.items]
    return page_answer(request, page_document(items, page.next_cursor, folder=folder))


@router.patch(
    _PATH, operation_id="move_folder", response_model=FolderDocument, responses=problems(404, 413, writes=True)
)
async def move_folder(
    space: SpaceParam,
    path: FolderPathParam,
    ask: FolderPatch,
    actor: ActorDep,
    services: ServicesDep,
    replace: Replace = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Move or rename a folder. Within a space this is one event however much is in it; else a copy, then trash."""
    guard, match = file_conditions(if_match)
    wish = move_wish(ask, replace, match)
    assert wish is not None
    moved = await services.namespace.moves.move(actor, ByPath(space, path), wish, only_folder(guard))
    return answer(located_document(moved))


@router.delete(_PATH, operation_id="trash_folder", response_model=TrashedAnswer, responses=problems(404, writes=True))
async def trash_folder(
    space: SpaceParam,
    path: FolderPathParam,
    actor: ActorDep,
    services: ServicesDep,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Make a folder trash, with all in it: one event however much that is."""
    guard, match = file_conditions(if_match)
    trashing = await services.namespace.trash.trash(
        actor, ByPath(space, path), match, guard=only_folder(guard), dry_run=dry_run
    )
    return answer(trashed_answer(trashing, dry_run))
