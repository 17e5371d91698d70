"""``/spaces/{space}/access`` and ``/files/{ref}/access``: who may do what there, and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from api.answers import KNOWN_QUERY, TELLS_ETAG, IdempotencyKey, IfMatch, answer, problems
from api.deps import ActorDep, RefParam, ServicesDep, SpaceParam
from api.documents import Document
from api.etags import base_revision
from govault.domain.paths import decode_segment
from govault.services.namespace.access import AtSpace, Changed, Explained, Granted, Shown
from govault.services.namespace.targets import ByRef
from schemas.rest.access import (
    PRINCIPAL_PATTERN,
    AccessChange,
    AccessDocument,
    AccessExplanation,
    LevelAsk,
    OwnerAsk,
    RoleAsk,
)


class _PrincipalConvertor(Convertor[str]):
    """One segment, but not the one that explains: nobody is called so."""

    regex = "(?!explain$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("principal", _PrincipalConvertor())
router = APIRouter(tags=["access"], dependencies=[KNOWN_QUERY])
_ANSWERS = {**TELLS_ETAG, **problems(403, 404, 409)}
_WRITES = {**TELLS_ETAG, **problems(403, 404, writes=True)}
_EXAMPLE = "a_01JCZ8M5T4Q9V2W3X4Y5Z6A7C1"


async def _principal(
    principal: Annotated[
        str,
        Path(
            description="An account (a_…), a group (g_…), `users` (any account) or `public` (anybody).",
            examples=[_EXAMPLE],
            json_schema_extra={"pattern": PRINCIPAL_PATTERN},
        ),
    ],
) -> str:
    return decode_segment(principal.encode("latin-1", "backslashreplace"))


PrincipalParam = Annotated[str, Depends(_principal)]
PrincipalQuery = Annotated[
    str | None,
    Query(
        max_length=64,
        description="Of whom; absent: of yourself.",
        examples=[_EXAMPLE],
        json_schema_extra={"pattern": PRINCIPAL_PATTERN},
    ),
]


@router.get(
    "/spaces/{space}/access", operation_id="get_space_access", response_model=AccessDocument, responses=_ANSWERS
)
async def get_space_access(space: SpaceParam, actor: ActorDep, services: ServicesDep) -> Response:
    """Tell the roles that are granted at a space. For its managers."""
    return _shown_answer(services.namespace.access.show(actor, AtSpace(space)))


@router.get(
    "/spaces/{space}/access/explain",
    operation_id="explain_space_access",
    response_model=AccessExplanation,
    responses=problems(403, 404),
)
async def explain_space_access(
    space: SpaceParam, actor: ActorDep, services: ServicesDep, principal: PrincipalQuery = None
) -> Response:
    """Tell what somebody may do in a whole space and why. Of others: for its managers."""
    return answer(_explained(services.namespace.access.explain(actor, AtSpace(space), principal)))


@router.put(
    "/spaces/{space}/access/{principal:principal}",
    operation_id="grant_role",
    response_model=AccessChange,
    responses=_WRITES,
)
async def grant_role(
    space: SpaceParam,
    principal: PrincipalParam,
    ask: RoleAsk,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Give a principal a role at a space, instead of the one it had. For its managers."""
    base = base_revision(if_match)
    changed = await services.namespace.access.grant(actor, AtSpace(space), principal, ask.level, base)
    return _changed_answer(changed, principal, ask.level)


@router.delete(
    "/spaces/{space}/access/{principal:principal}",
    operation_id="revoke_role",
    response_model=AccessChange,
    responses=_WRITES,
)
async def revoke_role(
    space: SpaceParam,
    principal: PrincipalParam,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Take back the role that a principal has at a space; none is fine. For its managers."""
    base = base_revision(if_match)
    changed = await services.namespace.access.revoke(actor, AtSpace(space), principal, base)
    return _changed_answer(changed, principal, None)


@router.get("/files/{ref}/access", operation_id="get_access", response_model=AccessDocument, responses=_ANSWERS)
async def get_access(ref: RefParam, actor: ActorDep, services: ServicesDep) -> Response:
    """Tell what is granted at a file or folder, and what it inherits. For its owner."""
    return _shown_answer(services.namespace.access.show(actor, ByRef(ref)))


@router.get(
    "/files/{ref}/access/explain",
    operation_id="explain_access",
    response_model=AccessExplanation,
    responses=problems(403, 404, 409),
)
async def explain_access(
    ref: RefParam, actor: ActorDep, services: ServicesDep, principal: PrincipalQuery = None
) -> Response:
    """Tell what somebody may do with a file or folder, and every grant and owner that counts. Of others: for its owner.

    Reading needs `read`; changing, moving and trashing `write`; granting, purging and ending versions `owner`.
    """
    return answer(_explained(services.namespace.access.explain(actor, ByRef(ref), principal)))


@router.put(
    "/files/{ref}/access/{principal:principal}", operation_id="grant", response_model=AccessChange, responses=_WRITES
)
async def grant(
    ref: RefParam,
    principal: PrincipalParam,
    ask: LevelAsk,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Let a principal read or write a file, or a folder and all that is in it. For its owner."""
    base = base_revision(if_match)
    changed = await services.namespace.access.grant(actor, ByRef(ref), principal, ask.level, base)
    return _changed_answer(changed, principal, ask.level)


@router.delete(
    "/files/{ref}/access/{principal:principal}", operation_id="revoke", response_model=AccessChange, responses=_WRITES
)
async def revoke(
    ref: RefParam,
    principal: PrincipalParam,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Take back what a principal was granted at a file or folder. What it has from above stays. For its owner."""
    changed = await services.namespace.access.revoke(actor, ByRef(ref), principal, base_revision(if_match))
    return _changed_answer(changed, principal, None)


@router.put(
    "/files/{ref}/owner",
    operation_id="change_owner",
    response_model=AccessChange,
    responses={**TELLS_ETAG, **problems(403, 404, 507, writes=True)},
)
async def change_owner(
    ref: RefParam,
    ask: OwnerAsk,
    actor: ActorDep,
    services: ServicesDep,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Give a file or folder to another account. For its owner, who keeps nothing but what is granted to him.

    It counts towards the quota of the account that gets it; only administrators give what does not fit.
    """
    changed = await services.namespace.access.change_owner(actor, ByRef(ref), ask.owner, base_revision(if_match))
    return _changed_answer(changed, ask.owner, "owner")


def _shown_answer(shown: Shown) -> Response:
    document = {
        **_place(shown.here),
        "space": shown.space.name,
        "decided": shown.decided,
        "inherited": [_place(place) for place in shown.above],
    }
    return answer(document, headers={"etag": f'"r{shown.here.revision}"'})


def _changed_answer(changed: Changed, principal: str, level: str | None) -> Response:
    document = {"id": changed.target_id, "principal": principal, "level": level, "revision": changed.revision}
    return answer(document, headers={"etag": f'"r{changed.revision}"'})


def _place(place: Granted) -> Document:
    return {
        "id": place.target_id,
        "type": place.kind,
        "path": place.path,
        "owner": place.owner or None,
        "grants": [{"principal": principal, "level": level} for principal, level in place.grants],
        "revision": place.revision,
    }


def _explained(explained: Explained) -> Document:
    here = explained.shown.here
    return {
        "id": here.target_id,
        "space": explained.shown.space.name,
        "path": here.path,
        "principal": explained.principal,
        "counted_as": explained.counted_as,
        "decided": explained.shown.decided,
        "administers": explained.administers,
        "level": explained.level.name.lower(),
        "steps": [
            {
                "id": place.target_id,
                "type": place.kind,
                "path": place.path,
                "principal": step.principal,
                "word": step.word,
                "level": step.level.name.lower(),
            }
            for place, step in explained.steps
        ],
    }
