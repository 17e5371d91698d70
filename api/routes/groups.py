"""``/groups``: made by administrators, looked after by their managers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.answers import (
    KNOWN_QUERY,
    LIMIT_DEFAULT,
    TELLS_NEXT,
    Cursor,
    Limit,
    page_answer,
    page_document,
    problems,
)
from api.deps import ActorDep
from api.documents import Document, instant
from api.routes.account_deps import AccountsDep, RowDep
from govault.domain.account_rows import GroupRow
from govault.domain.actor import Actor
from govault.errors import NotFound
from govault.services.accounts.assembly import AccountServices
from govault.services.namespace import cursors
from schemas.rest.groups import (
    GroupAsk,
    GroupDocument,
    GroupPatch,
    GroupsPage,
    MemberAsk,
    MembersPage,
)

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])
_GROUPS = ("groups",)


def get_group(
    accounts: AccountsDep,
    actor: ActorDep,
    group: Annotated[
        str, Path(description="The group's id or name.", examples=["editors"], json_schema_extra={"maxLength": 100})
    ],
) -> GroupRow:
    """The group that the path names; who is neither in it nor an administrator hears of none."""
    row = accounts.groups.find(group)
    if not actor.is_admin and not accounts.groups.is_member(row, actor.name):
        raise NotFound(f"there is no group {group!r}", code="not-found.group-unknown")
    return row


GroupDep = Annotated[GroupRow, Depends(get_group)]


@router.get("/groups", operation_id="list_groups", response_model=GroupsPage, responses={**TELLS_NEXT, **problems()})
async def list_groups(
    request: Request, actor: ActorDep, accounts: AccountsDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the groups by id: all for administrators, for everybody else those that he is in."""
    after = cursors.place(_GROUPS, cursor)
    found = _visible(accounts, actor, after, limit + 1)
    following = cursors.make(_GROUPS, found[limit - 1].group_id) if len(found) > limit else ""
    return page_answer(request, page_document([_fields(row) for row in found[:limit]], following))


@router.post(
    "/groups",
    operation_id="create_group",
    status_code=201,
    response_model=GroupDocument,
    responses=problems(403, writes=True),
)
async def create_group(ask: GroupAsk, actor: ActorDep, accounts: AccountsDep) -> GroupDocument:
    """Make a group."""
    return GroupDocument(**_fields(await accounts.groups.create(actor, ask.name, ask.description)))


@router.get("/groups/{group}", operation_id="get_group", response_model=GroupDocument, responses=problems(404))
async def show_group(group: GroupDep) -> GroupDocument:
    """Tell of a group."""
    return GroupDocument(**_fields(group))


@router.patch(
    "/groups/{group}",
    operation_id="change_group",
    response_model=GroupDocument,
    responses=problems(403, 404, writes=True),
)
async def change_group(ask: GroupPatch, group: GroupDep, actor: ActorDep, accounts: AccountsDep) -> GroupDocument:
    """Rename or describe a group; its managers may."""
    changed = await accounts.groups.change(actor, group, ask.name, ask.description, ask.base_revision)
    return GroupDocument(**_fields(changed))


@router.delete(
    "/groups/{group}",
    operation_id="remove_group",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def remove_group(group: GroupDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Remove a group: it counts no more, wherever it was granted something."""
    await accounts.groups.remove(actor, group)
    return Response(status_code=204)


@router.get(
    "/groups/{group}/members",
    operation_id="list_members",
    response_model=MembersPage,
    responses={**TELLS_NEXT, **problems(404)},
)
async def list_members(
    request: Request, group: GroupDep, accounts: AccountsDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """Who is in a group, by account id."""
    bound = ("members", group.group_id)
    found = accounts.groups.members(group, cursors.place(bound, cursor), limit + 1)
    following = cursors.make(bound, found[limit - 1].account_id) if len(found) > limit else ""
    members = [_member(accounts, row.account_id, row.manager) for row in found[:limit]]
    return page_answer(request, page_document(members, following))


@router.put(
    "/groups/{group}/members/{account}",
    operation_id="put_member",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def put_member(ask: MemberAsk, group: GroupDep, row: RowDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Take an account in, or change whether it manages the group."""
    await accounts.groups.put_member(actor, group, row.account_id, manager=ask.manager)
    return Response(status_code=204)


@router.delete(
    "/groups/{group}/members/{account}",
    operation_id="remove_member",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def remove_member(group: GroupDep, row: RowDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Let an account go; everybody may leave."""
    await accounts.groups.remove_member(actor, group, row.account_id)
    return Response(status_code=204)


def _visible(accounts: AccountServices, actor: Actor, after: str, limit: int) -> list[GroupRow]:
    """Groups that count, by id, behind one."""
    if not actor.is_admin:
        mine = (name for name in actor.principals if name.startswith("g_") and name > after)
        return [accounts.groups.find(group_id) for group_id in sorted(mine)][:limit]
    found: list[GroupRow] = []
    while len(found) < limit:
        page = accounts.groups.listed(after, limit)
        found.extend(row for row in page if not row.removed)
        if len(page) < limit:
            break
        after = page[-1].group_id
    return found[:limit]


def _fields(row: GroupRow) -> Document:
    return {
        "id": row.group_id,
        "name": row.name,
        "description": row.description,
        "revision": row.revision,
        "created": instant(row.created_ms),
    }


def _member(accounts: AccountServices, account_id: str, manager: bool) -> Document:
    row = accounts.people.views.accounts().account(account_id)
    personal = None if row is None else accounts.people.opened(row).personal
    return {
        "account": account_id,
        "login": (personal.login or None) if personal else None,
        "display_name": (personal.display_name or None) if personal else None,
        "manager": manager,
    }
