"""``/spaces`` and ``/spaces/{space}``."""

import asyncio
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
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
    answer,
    page_answer,
    page_document,
    problems,
)
from api.deps import ActorDep, ServicesDep, SpaceParam
from api.documents import Document, emptied_document, space_document
from api.etags import base_revision
from govault.limits import PURGE_ENTITIES_PER_REQUEST_MAX
from govault.services.maintenance.purges import PurgeBudget
from govault.services.namespace import cursors
from govault.services.namespace.spaces import SpaceState, SpaceWish
from schemas.events.files import Quota, Replication, Retention
from schemas.rest.namespace import RemovalDocument
from schemas.rest.spaces import SpaceAsk, SpaceDocument, SpacePatch, SpacesPage

router = APIRouter(tags=["spaces"], dependencies=[KNOWN_QUERY])
_BOUND = ("spaces",)


@router.get("/spaces", operation_id="list_spaces", response_model=SpacesPage, responses={**TELLS_NEXT, **problems()})
async def list_spaces(
    request: Request, actor: ActorDep, services: ServicesDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List by name the spaces in which something is yours or granted to you."""
    after = cursors.place(_BOUND, cursor)
    seen = services.namespace.spaces.seen
    states = await asyncio.to_thread(lambda: list(islice(seen(actor, after), limit + 1)))
    following = cursors.make(_BOUND, states[limit - 1].row.name) if len(states) > limit else ""
    return page_answer(request, page_document([_document(state) for state in states[:limit]], following))


@router.post(
    "/spaces",
    operation_id="create_space",
    status_code=201,
    response_model=SpaceDocument,
    responses=problems(403, writes=True),
)
async def create_space(ask: SpaceAsk, actor: ActorDep, services: ServicesDep, _key: IdempotencyKey = None) -> Response:
    """Make a space. Of two requests for one name the first in the log wins; the other gets a 409."""
    state = await services.namespace.spaces.create(actor, ask.name, _wish(ask))
    return answer(_document(state), 201, {"location": f"/spaces/{ask.name}", "etag": _etag(state)})


@router.get(
    "/spaces/{space}", operation_id="get_space", response_model=SpaceDocument, responses={**TELLS_ETAG, **problems(404)}
)
async def get_space(space: SpaceParam, actor: ActorDep, services: ServicesDep) -> Response:
    """Tell a space's settings and totals. The ETag is the settings' revision."""
    state = services.namespace.spaces.see(actor, space)
    return answer(_document(state), headers={"etag": _etag(state)})


@router.patch(
    "/spaces/{space}",
    operation_id="change_space",
    response_model=SpaceDocument,
    responses={**TELLS_ETAG, **problems(403, 404, writes=True)},
)
async def change_space(
    space: SpaceParam,
    ask: SpacePatch,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Change a space's description, retention, replication or quota (administrators only)."""
    state = await services.namespace.spaces.change(actor, space, _wish(ask), base_revision(if_match))
    return answer(_document(state), headers={"etag": _etag(state)})


@router.delete(
    "/spaces/{space}",
    operation_id="remove_space",
    status_code=204,
    response_class=Response,
    responses={
        200: {"model": RemovalDocument, "description": "With `dry_run`: what would be removed."},
        **problems(404, writes=True),
    },
)
async def remove_space(
    space: SpaceParam,
    actor: ActorDep,
    services: ServicesDep,
    force: Annotated[bool, Query(description="Also where it is not empty: all that is in it ends for ever.")] = False,
    dry_run: DryRun = False,
    _key: IdempotencyKey = None,
) -> Response:
    """Remove a space: an empty one, or with `force` all that is in it too.

    202: it takes no more requests, and what was in it is still being purged.
    """
    if dry_run:
        return answer(emptied_document(services.namespace.spaces.removable(actor, space, force)))
    budget = PurgeBudget(PURGE_ENTITIES_PER_REQUEST_MAX)
    if await services.namespace.spaces.remove(actor, space, force, budget):
        return Response(status_code=204)
    state = services.namespace.spaces.get(space)
    return answer(_document(state), 202, {"location": f"/spaces/{space}"})


def _document(state: SpaceState) -> Document:
    return space_document(state.row, state.settings, state.totals, state.replicas, state.quota)


def _etag(state: SpaceState) -> str:
    return f'"r{0 if state.settings is None else state.settings.revision}"'


def _wish(ask: SpaceAsk | SpacePatch) -> SpaceWish:
    return SpaceWish(
        description=ask.description,
        retention=None if ask.retention is None else Retention(**ask.retention.model_dump()),
        replication=None if ask.replication is None else Replication(**ask.replication.model_dump()),
        quota=None if ask.quota is None else Quota(**ask.quota.model_dump()),
    )
