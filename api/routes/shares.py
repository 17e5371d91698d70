"""``/files/{ref}/shares`` and ``/shares``: links, made and taken back by who owns what they lead to."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.answers import (
    KNOWN_QUERY,
    LIMIT_DEFAULT,
    TELLS_NEXT,
    Cursor,
    Limit,
    answer,
    page_answer,
    page_document,
    problems,
)
from api.deps import ActorDep, RefParam
from api.documents import Document, instant
from govault.services.namespace import cursors
from govault.services.namespace.shares import Shared, Shares, ShareWish
from govault.services.namespace.targets import ByRef
from schemas.rest.shares import NewShareDocument, ShareAsk, SharesDocument, SharesPage

router = APIRouter(tags=["access"], dependencies=[KNOWN_QUERY])
_BOUND = ("shares",)


def get_shares(request: Request) -> Shares:
    """The node's share links."""
    shares = request.app.state.services.shares
    assert isinstance(shares, Shares)
    return shares


SharesDep = Annotated[Shares, Depends(get_shares)]


@router.get("/shares", operation_id="list_shares", response_model=SharesPage, responses={**TELLS_NEXT, **problems()})
async def list_shares(
    request: Request, actor: ActorDep, shares: SharesDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the links to everything that you own."""
    after = cursors.place(_BOUND, cursor)
    found = shares.all(actor)
    if after:
        found = _behind(found, after)
    page = list(islice(found, limit + 1))
    following = cursors.make(_BOUND, page[limit - 1].share.share_id) if len(page) > limit else ""
    return page_answer(request, page_document([_document(one) for one in page[:limit]], following))


@router.get(
    "/files/{ref}/shares", operation_id="shares_of", response_model=SharesDocument, responses=problems(403, 404, 409)
)
async def shares_of(ref: RefParam, actor: ActorDep, shares: SharesDep) -> Response:
    """The links to a file or folder. For its owner."""
    return answer({"items": [_document(one) for one in shares.at(actor, ByRef(ref))]})


@router.post(
    "/files/{ref}/shares",
    operation_id="create_share",
    status_code=201,
    response_model=NewShareDocument,
    responses=problems(403, 404, writes=True),
)
async def create_share(ref: RefParam, ask: ShareAsk, actor: ActorDep, shares: SharesDep) -> Response:
    """Make a link: whoever has it reads the file or folder, or drops new files into the folder. It is told once.

    By `GET /s/{token}` a file comes as from `GET /files/{ref}`, with ranges, and a folder's entries are listed, its
    files below; `archive=zip` sends all of it. With `upload`, `PUT /s/{token}/{name}` takes a new file.
    """
    wish = ShareWish(ask.mode, ask.name, ask.expires_s, ask.uses, ask.password)
    made, token = await shares.create(actor, ByRef(ref), wish)
    document = {**_document(made), "token": token, "url": f"/s/{token}"}
    return answer(document, 201, {"location": f"/files/{ref}/shares", "cache-control": "no-store"})


@router.delete(
    "/files/{ref}/shares/{share}",
    operation_id="revoke_share",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def revoke_share(
    ref: RefParam,
    share: Annotated[str, Path(description="The link's id.", json_schema_extra={"maxLength": 40})],
    actor: ActorDep,
    shares: SharesDep,
) -> Response:
    """Take a link back: it opens nothing any more."""
    await shares.revoke(actor, ByRef(ref), share)
    return Response(status_code=204)


def _behind(found: Iterator[Shared], after: str) -> Iterator[Shared]:
    for one in found:
        if one.share.share_id == after:
            break
    yield from found


def _document(shared: Shared) -> Document:
    share, located = shared.share, shared.located
    return {
        "id": share.share_id,
        "space": located.space.name,
        "path": located.path,
        "target": located.entity.entity_id,
        "mode": share.mode,
        "name": share.name,
        "password": bool(share.verifier),
        "created": instant(share.created_ms),
        "created_by": share.created_by,
        "expires": None if share.expires_ms is None else instant(share.expires_ms),
        "uses": share.uses,
        "uses_max": share.uses_max,
    }
