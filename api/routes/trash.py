"""``/trash``: listed, emptied, brought back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.answers import (
    KNOWN_QUERY,
    LIMIT_DEFAULT,
    TELLS_ETAG,
    TELLS_NEXT,
    Cursor,
    DryRun,
    IdempotencyKey,
    Limit,
    Replace,
    answer,
    page_answer,
    page_document,
    problems,
)
from api.asks import changed_answer
from api.deps import ActorDep, ServicesDep
from api.documents import Document, removal_document, trashed_document
from govault.domain.paths import normalise_path
from govault.domain.rows import Entity
from govault.limits import PURGE_ENTITIES_PER_REQUEST_MAX
from govault.services.catalog import Services
from govault.services.maintenance.purges import PurgeBudget
from schemas.ids import ENTITY_ID_PATTERN
from schemas.rest.namespace import EntityDocument, RemovalDocument, RestoreAsk, SpaceName, TrashPage

router = APIRouter(tags=["trash"], dependencies=[KNOWN_QUERY])
TrashId = Annotated[str, Path(alias="id", pattern=ENTITY_ID_PATTERN, description="The id of something in the trash.")]
OfSpace = Annotated[SpaceName | None, Query(description="Only of this space.")]


@router.get("/trash", operation_id="list_trash", response_model=TrashPage, responses={**TELLS_NEXT, **problems(404)})
async def list_trash(
    request: Request,
    actor: ActorDep,
    services: ServicesDep,
    space: OfSpace = None,
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """List the trash that you may read, by id: roots only, a folder stands for all that is in it."""
    namespace = services.namespace
    page = namespace.trash.seen(actor, space, cursor, limit)
    items = [_document(services, root) for root in page.roots]
    return page_answer(request, page_document(items, page.next_cursor))


@router.delete(
    "/trash", operation_id="empty_trash", response_model=RemovalDocument, responses=problems(404, writes=True)
)
async def empty_trash(
    actor: ActorDep,
    services: ServicesDep,
    space: OfSpace = None,
    older_than: Annotated[
        int | None, Query(ge=0, le=2**40, description="Only what has been trash for this many seconds.")
    ] = None,
    dry_run: DryRun = False,
    _key: IdempotencyKey = None,
) -> Response:
    """End trash for ever. One request does a bounded amount: while `more`, repeat it."""
    budget = PurgeBudget(PURGE_ENTITIES_PER_REQUEST_MAX, dry_run=dry_run)
    await services.namespace.trash.empty(actor, space, older_than, budget)
    return answer(removal_document(budget))


@router.delete(
    "/trash/{id}",
    operation_id="purge_trash",
    response_model=RemovalDocument,
    responses=problems(404, writes=True),
)
async def purge_trash(
    entity_id: TrashId, actor: ActorDep, services: ServicesDep, dry_run: DryRun = False, _key: IdempotencyKey = None
) -> Response:
    """End one piece of trash for ever."""
    budget = PurgeBudget(PURGE_ENTITIES_PER_REQUEST_MAX, dry_run=dry_run)
    await services.namespace.trash.purge_one(actor, entity_id, budget)
    return answer(removal_document(budget))


@router.post(
    "/trash/{id}/restore",
    operation_id="restore_trash",
    response_model=EntityDocument,
    responses={**TELLS_ETAG, **problems(404, writes=True)},
)
async def restore_trash(
    entity_id: TrashId,
    actor: ActorDep,
    services: ServicesDep,
    ask: RestoreAsk = RestoreAsk(),
    replace: Replace = False,
    _key: IdempotencyKey = None,
) -> Response:
    """Bring trash back, where it was or to a path. Folders on the way are made."""
    to_path = None if ask.path is None else normalise_path(ask.path).path
    restored = await services.namespace.trash.restore(actor, entity_id, to_path, ask.replace or replace)
    return changed_answer(restored)


def _document(services: Services, root: Entity) -> Document:
    space = services.views.space(root.space_id)
    settings = services.views.space_settings(root.space_id)
    expires_after_s = None if settings is None else settings.trash_expires_after_s
    return trashed_document(root, "" if space is None else space.name, expires_after_s)
