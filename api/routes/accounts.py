"""``/accounts`` and ``/invites``: what administrators do about accounts."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
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
from api.deps import ActorDep
from api.documents import Document, instant
from api.routes.account_deps import (
    AccountsDep,
    KeptRowDep,
    RowDep,
    account_document,
    account_fields,
    new_token_document,
    quota_of,
    token_document,
)
from govault.auth.account_sealing import Personal
from govault.auth.secrets import new_secret
from govault.domain.account_rows import InviteRow
from govault.errors import InvalidRequest
from govault.services.accounts.registry import Change, NewAccount
from govault.services.namespace import cursors
from schemas.rest.accounts import (
    AccountAsk,
    AccountDocument,
    AccountPatch,
    AccountsPage,
    FreshPassword,
    InviteAsk,
    InvitesPage,
    NewAccountDocument,
    NewInviteDocument,
    NewTokenDocument,
    TokenAsk,
    TokensDocument,
)

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])
_ACCOUNTS, _INVITES = ("accounts",), ("invites",)
_PASSWORD_CHARS = 24


@router.get(
    "/accounts", operation_id="list_accounts", response_model=AccountsPage, responses={**TELLS_NEXT, **problems(403)}
)
async def list_accounts(
    request: Request, accounts: AccountsDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the accounts by id, the oldest first; erased ones too, for the log names them."""
    found = accounts.people.listed(cursors.place(_ACCOUNTS, cursor), limit + 1)
    following = cursors.make(_ACCOUNTS, found[limit - 1].row.account_id) if len(found) > limit else ""
    items = [account_fields(accounts, one, listed=True) for one in found[:limit]]
    return page_answer(request, page_document(items, following))


@router.post(
    "/accounts",
    operation_id="create_account",
    status_code=201,
    response_model=NewAccountDocument,
    responses=problems(403, writes=True),
)
async def create_account(ask: AccountAsk, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Make an account. A person without a password gets a fresh one, which must be changed at the first login."""
    if ask.kind == "service" and ask.password is not None:
        raise InvalidRequest("a service has no password: give it an API token", rule="accounts.service-password")
    fresh = new_secret(accounts.registry.randomness)[:_PASSWORD_CHARS]
    told = fresh if ask.kind == "person" and ask.password is None else None
    wish = NewAccount(
        Personal(login=ask.login, display_name=ask.display_name, email=ask.email),
        told or ask.password,
        kind=ask.kind,
        roles=ask.roles,
        must_change=told is not None,
        quota=quota_of(ask.quota),
    )
    made = await accounts.registry.create(actor, wish)
    document = {**account_fields(accounts, made), "password": told}
    return answer(document, 201, {"location": f"/accounts/{made.row.account_id}", "cache-control": "no-store"})


@router.get(
    "/accounts/{account}", operation_id="get_account", response_model=AccountDocument, responses=problems(403, 404)
)
async def get_account(row: RowDep, accounts: AccountsDep) -> AccountDocument:
    """Tell of an account."""
    return account_document(accounts, accounts.people.opened(row))


@router.patch(
    "/accounts/{account}",
    operation_id="change_account",
    response_model=AccountDocument,
    responses=problems(403, 404, writes=True),
)
async def change_account(ask: AccountPatch, row: RowDep, actor: ActorDep, accounts: AccountsDep) -> AccountDocument:
    """Change an account, its roles, how much it may own, or whether anybody comes in by it.

    Disabling ends its sessions. A quota may be less than what the account owns: it refuses growth only.
    """
    wish = Change(ask.login, ask.display_name, ask.email, ask.roles, ask.disabled, quota_of(ask.quota))
    return account_document(accounts, await accounts.registry.change(actor, row, wish, ask.base_revision))


@router.delete(
    "/accounts/{account}",
    operation_id="erase_account",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def erase_account(row: RowDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Erase an account for good: its key is destroyed, and nobody reads login, name, e-mail or password any more.

    Its id stays in the history of what it did. What it owns stays where it is: hand it over first.
    """
    await accounts.registry.erase(actor, row)
    return Response(status_code=204)


@router.post(
    "/accounts/{account}/password",
    operation_id="reset_password",
    response_model=FreshPassword,
    responses=problems(403, 404, writes=True),
)
async def reset_password(row: RowDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Give an account a fresh password, to be changed at the next login. Its sessions end."""
    password = await accounts.registry.reset_password(actor, row)
    return answer({"password": password}, headers={"cache-control": "no-store"})


@router.delete(
    "/accounts/{account}/sessions",
    operation_id="end_sessions",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def end_sessions(row: KeptRowDep, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Log an account out everywhere."""
    await accounts.registry.end_sessions(actor, row)
    return Response(status_code=204)


@router.get(
    "/accounts/{account}/tokens",
    operation_id="list_tokens",
    response_model=TokensDocument,
    responses=problems(403, 404),
)
async def list_tokens(row: KeptRowDep, accounts: AccountsDep) -> TokensDocument:
    """An account's API tokens."""
    return TokensDocument(items=tuple(token_document(token) for token in accounts.credentials.tokens_of(row)))


@router.post(
    "/accounts/{account}/tokens",
    operation_id="make_api_token",
    status_code=201,
    response_model=NewTokenDocument,
    responses=problems(403, 404, writes=True),
)
async def make_token(ask: TokenAsk, row: KeptRowDep, actor: ActorDep, accounts: AccountsDep) -> NewTokenDocument:
    """Make an API token for an account, such as a service. It is told once."""
    token, text = await accounts.credentials.issue_token(actor, row, ask.name, ask.scopes, ask.expires_s)
    return new_token_document(token, text)


@router.delete(
    "/accounts/{account}/tokens/{token}",
    operation_id="revoke_api_token",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def revoke_token(
    token: Annotated[str, Path(description="The token's id.", json_schema_extra={"maxLength": 40})],
    row: KeptRowDep,
    actor: ActorDep,
    accounts: AccountsDep,
) -> Response:
    """Take an account's API token back."""
    await accounts.credentials.revoke_token(actor, row, token)
    return Response(status_code=204)


@router.get(
    "/invites", operation_id="list_invites", response_model=InvitesPage, responses={**TELLS_NEXT, **problems(403)}
)
async def list_invites(
    request: Request, accounts: AccountsDep, cursor: Cursor = "", limit: Limit = LIMIT_DEFAULT
) -> Response:
    """List the invites by hash; used and revoked ones too."""
    found = accounts.credentials.invites(cursors.place(_INVITES, cursor), limit + 1)
    following = cursors.make(_INVITES, found[limit - 1].invite_hash) if len(found) > limit else ""
    now_ms = accounts.sessions.clock.time_ms()
    return page_answer(request, page_document([_invite(row, now_ms) for row in found[:limit]], following))


@router.post(
    "/invites",
    operation_id="make_invite",
    status_code=201,
    response_model=NewInviteDocument,
    responses=problems(403, writes=True),
)
async def make_invite(ask: InviteAsk, actor: ActorDep, accounts: AccountsDep) -> Response:
    """Make an invite: whoever has it may make one account. It is told once."""
    row, text = await accounts.credentials.issue_invite(actor, ask.roles, ask.expires_s)
    document = {**_invite(row, accounts.sessions.clock.time_ms()), "invite": text}
    return answer(document, 201, {"cache-control": "no-store"})


@router.delete(
    "/invites/{invite}",
    operation_id="revoke_invite",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def revoke_invite(
    invite: Annotated[str, Path(description="The invite's hash.", pattern="^[0-9a-f]{64}$")],
    actor: ActorDep,
    accounts: AccountsDep,
) -> Response:
    """Withdraw an invite that nobody has used."""
    await accounts.credentials.revoke_invite(actor, invite)
    return Response(status_code=204)


def _invite(row: InviteRow, now_ms: int) -> Document:
    used = row.spent_by not in ("", "revoked")
    state = "used" if used else "revoked" if row.spent_by else "expired" if now_ms > row.expires_ms else "open"
    return {
        "hash": row.invite_hash,
        "state": state,
        "roles": row.roles,
        "issued": instant(row.issued_ms),
        "expires": instant(row.expires_ms),
        "account": row.spent_by if used else None,
    }
