"""``/me``: what everybody may do about the account that asks."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep
from api.documents import instant
from api.routes.account_deps import (
    AccountsDep,
    PersonDep,
    account_document,
    new_token_document,
    token_document,
)
from govault.errors import Authentication, GoVaultError, NotFound
from govault.services.accounts.registry import Change
from schemas.rest.accounts import (
    AccountDocument,
    MyPatch,
    NewTokenDocument,
    PasswordAsk,
    SessionDocument,
    SessionsDocument,
    TokenAsk,
    TokensDocument,
    WhoDocument,
)

router = APIRouter(prefix="/me", tags=["accounts"], dependencies=[KNOWN_QUERY])


@router.get("", operation_id="who_am_i", response_model=WhoDocument, responses=problems())
async def who_am_i(actor: ActorDep, accounts: AccountsDep) -> WhoDocument:
    """Tell who asks, and with what."""
    row = accounts.people.views.accounts().account(actor.name)
    return WhoDocument(
        actor=actor.name,
        principals=actor.principals,
        credential="session" if actor.session_id else "token" if actor.scopes is not None else "operator",
        scopes=actor.scopes,
        account=None if row is None else account_document(accounts, accounts.people.opened(row)),
    )


@router.patch("", operation_id="change_me", response_model=AccountDocument, responses=problems(403, writes=True))
async def change_me(ask: MyPatch, actor: ActorDep, person: PersonDep, accounts: AccountsDep) -> AccountDocument:
    """Change one's login, display name or e-mail address."""
    wish = Change(login=ask.login, display_name=ask.display_name, email=ask.email)
    return account_document(accounts, await accounts.registry.change(actor, person, wish))


@router.post(
    "/password",
    operation_id="change_my_password",
    status_code=204,
    response_class=Response,
    responses=problems(403, writes=True),
)
async def change_my_password(ask: PasswordAsk, actor: ActorDep, person: PersonDep, accounts: AccountsDep) -> Response:
    """Change one's password. Every session ends, this one too: log in again."""
    throttle = accounts.sessions.throttle
    throttle.check(person.login_hash, actor.address)
    try:
        await accounts.registry.change_own_password(actor, ask.current, ask.new)
    except Authentication:
        raise
    except GoVaultError:
        # It was not for a wrong guess that it was refused.
        throttle.undecided(person.login_hash, actor.address)
        raise
    throttle.succeeded(person.login_hash, actor.address)
    return Response(status_code=204)


@router.get("/sessions", operation_id="my_sessions", response_model=SessionsDocument, responses=problems(403))
async def my_sessions(actor: ActorDep, person: PersonDep, accounts: AccountsDep) -> SessionsDocument:
    """Where one is logged in."""
    return SessionsDocument(
        items=tuple(
            SessionDocument(
                id=session.session_id,
                opened=instant(session.opened_ms),
                used=instant(session.used_ms),
                expires=instant(session.expires_ms),
                this=session.session_id == actor.session_id,
            )
            for session in accounts.table.of_account(person.account_id)
        )
    )


@router.delete(
    "/sessions",
    operation_id="end_my_sessions",
    status_code=204,
    response_class=Response,
    responses=problems(403, writes=True),
)
async def end_my_sessions(actor: ActorDep, person: PersonDep, accounts: AccountsDep) -> Response:
    """Log out everywhere, here too."""
    await accounts.registry.end_sessions(actor, person)
    return Response(status_code=204)


@router.delete(
    "/sessions/{session}",
    operation_id="end_my_session",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def end_my_session(
    session: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The session's id.")],
    person: PersonDep,
    accounts: AccountsDep,
) -> Response:
    """End one of one's sessions."""
    found = accounts.table.find(session)
    if found is None or found.account_id != person.account_id:
        raise NotFound("you have no such session", code="not-found.session-unknown")
    await accounts.sessions.log_out(session)
    return Response(status_code=204)


@router.get("/tokens", operation_id="my_tokens", response_model=TokensDocument, responses=problems(403))
async def my_tokens(person: PersonDep, accounts: AccountsDep) -> TokensDocument:
    """One's API tokens."""
    return TokensDocument(items=tuple(token_document(row) for row in accounts.credentials.tokens_of(person)))


@router.post(
    "/tokens",
    operation_id="make_my_token",
    status_code=201,
    response_model=NewTokenDocument,
    responses=problems(403, writes=True),
)
async def make_my_token(ask: TokenAsk, actor: ActorDep, person: PersonDep, accounts: AccountsDep) -> NewTokenDocument:
    """Make an API token for programs: it may what the account may, within its scopes. It is told once."""
    row, text = await accounts.credentials.issue_token(actor, person, ask.name, ask.scopes, ask.expires_s)
    return new_token_document(row, text)


@router.delete(
    "/tokens/{token}",
    operation_id="revoke_my_token",
    status_code=204,
    response_class=Response,
    responses=problems(403, 404, writes=True),
)
async def revoke_my_token(
    token: Annotated[str, Path(description="The token's id.", json_schema_extra={"maxLength": 40})],
    actor: ActorDep,
    person: PersonDep,
    accounts: AccountsDep,
) -> Response:
    """Take an API token back."""
    await accounts.credentials.revoke_token(actor, person, token)
    return Response(status_code=204)
