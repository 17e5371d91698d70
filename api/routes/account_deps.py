"""What the routes of accounts depend on, and the documents they share."""

from typing import Annotated, Any

from fastapi import Depends, Path, Request

from api.deps import ActorDep
from api.documents import instant
from govault.domain.account_rows import AccountRow, ApiTokenRow
from govault.domain.actor import Actor
from govault.errors import AccessDenied, NotFound
from govault.services.accounts.assembly import AccountServices
from govault.services.accounts.personal import Account
from govault.services.accounts.sessions import LoggedIn
from schemas.events.accounts import AccountQuota
from schemas.rest.accounts import (
    AccountDocument,
    AccountQuotaDocument,
    NewTokenDocument,
    SessionTokens,
    TokenDocument,
)

BOUND = "accounts"


def get_accounts(request: Request) -> AccountServices:
    """The node's accounts."""
    accounts = request.app.state.services.accounts
    assert isinstance(accounts, AccountServices)
    return accounts


AccountsDep = Annotated[AccountServices, Depends(get_accounts)]


def get_person(actor: ActorDep, accounts: AccountsDep) -> AccountRow:
    """The account that asks, in a session: an API token must not make itself more than it is.

    Raises:
        AccessDenied: The operator's token asks, or an API token.
    """
    row = accounts.people.views.accounts().account(actor.name)
    if row is None:
        raise AccessDenied(
            "the operator's token belongs to no account; log in as one (`govault login`)", code="access-denied.operator"
        )
    if actor.scopes is not None:
        raise AccessDenied("this takes a login; an API token cannot do it", code="access-denied.scope")
    return row


PersonDep = Annotated[AccountRow, Depends(get_person)]


def get_row(
    accounts: AccountsDep,
    account: Annotated[
        str, Path(description="The account's id or login.", examples=["ada"], json_schema_extra={"maxLength": 100})
    ],
) -> AccountRow:
    """The account that the path names."""
    return accounts.people.find(account)


RowDep = Annotated[AccountRow, Depends(get_row)]


def get_kept_row(row: RowDep) -> AccountRow:
    """The account that the path names, if it was not erased.

    Raises:
        NotFound: It was: there is nothing of it but its id.
    """
    if row.erased:
        raise NotFound(f"the account {row.account_id} was erased", code="not-found.account-unknown")
    return row


KeptRowDep = Annotated[AccountRow, Depends(get_kept_row)]


def account_fields(accounts: AccountServices, account: Account, *, listed: bool = False) -> dict[str, Any]:
    """What is told of an account; among many, not how much it owns, which takes a read for every partition."""
    row, personal = account.row, account.personal
    reader = accounts.people.views.accounts()
    groups = (reader.group(member.group_id) for member in reader.memberships(row.account_id))
    return {
        "id": row.account_id,
        "kind": row.kind,
        "login": personal.login or None,
        "display_name": personal.display_name or None,
        "email": personal.email or None,
        "roles": row.roles,
        "groups": tuple(sorted(group.name for group in groups if group is not None and not group.removed)),
        "state": account.state,
        "must_change_password": row.must_change,
        "linked": bool(row.identity_hash),
        "quota": {"bytes_max": row.quota_bytes, "files_max": row.quota_files},
        "owns": None if listed else _owns(accounts, row.account_id),
        "revision": row.revision,
        "created": instant(row.created_ms),
    }


def _owns(accounts: AccountServices, account_id: str) -> dict[str, int]:
    _, logical_bytes, files = accounts.people.views.owned(account_id)
    return {"logical_bytes": logical_bytes, "files": files}


def quota_of(document: AccountQuotaDocument | None) -> AccountQuota | None:
    """A quota as an event has it; None where none was asked for."""
    return None if document is None else AccountQuota(bytes_max=document.bytes_max, files_max=document.files_max)


def account_document(accounts: AccountServices, account: Account) -> AccountDocument:
    """An account as it is answered."""
    return AccountDocument(**account_fields(accounts, account))


def session_tokens(accounts: AccountServices, logged_in: LoggedIn, *, hidden: bool) -> SessionTokens:
    """What a login or a refresh answers. ``hidden``: the tokens go into cookies."""
    now_s = accounts.sessions.clock.time_ms() // 1000
    return SessionTokens(
        access_token=None if hidden else logged_in.access.text,
        expires_in=logged_in.access.expires_s - now_s,
        refresh_token=None if hidden else logged_in.refresh,
        session_id=logged_in.session.session_id,
        must_change_password=logged_in.account.must_change,
        account=account_document(accounts, accounts.people.opened(logged_in.account)),
    )


def token_fields(row: ApiTokenRow) -> dict[str, Any]:
    """What is told of an API token."""
    return {
        "id": row.token_id,
        "name": row.name,
        "scopes": row.scopes,
        "issued": instant(row.issued_ms),
        "expires": None if row.expires_ms is None else instant(row.expires_ms),
    }


def token_document(row: ApiTokenRow) -> TokenDocument:
    """An API token as it is answered."""
    return TokenDocument(**token_fields(row))


def new_token_document(row: ApiTokenRow, text: str) -> NewTokenDocument:
    """A fresh API token."""
    return NewTokenDocument(**token_fields(row), token=text)


def need_admin_scope(actor: Actor) -> None:
    """Raises:
    AccessDenied: An API token asks that is not for administration.
    """
    if actor.scopes is not None and "admin" not in actor.scopes:
        raise AccessDenied("this API token is not for administration", code="access-denied.scope")
