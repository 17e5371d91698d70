"""``/auth``: logging in, going on, logging out, registering; and the keys that sign access tokens."""

from collections.abc import Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from fastapi import APIRouter, Request, Response

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep, SettingsDep
from api.routes.account_deps import AccountsDep, account_document, session_tokens
from api.settings import ACCESS_COOKIE, REFRESH_COOKIE, ApiSettings
from govault.auth.account_sealing import Personal
from govault.auth.secrets import read_invite
from govault.errors import AccessDenied
from govault.limits import SESSION_VALID_S
from govault.services.accounts.registry import NewAccount
from govault.services.accounts.sessions import LoggedIn
from schemas.rest.accounts import (
    AccountDocument,
    JwksDocument,
    LoginAsk,
    RefreshAsk,
    RegisterAsk,
    SessionTokens,
)

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])
_REFRESH_PATH = "/auth"


@router.post("/auth/login", operation_id="log_in", response_model=SessionTokens, responses=problems(429))
async def log_in(
    ask: LoginAsk, request: Request, actor: ActorDep, accounts: AccountsDep, settings: SettingsDep, response: Response
) -> SessionTokens:
    """Open a session by login and password.

    The access token is short-lived and goes with every request; the refresh token gives the next pair, once. With
    `cookie` both are put into cookies that scripts cannot read, and requests that change something then need a header
    `GoVault-CSRF` of any value, which no form of another site can send.
    """
    logged_in = await accounts.sessions.log_in(actor, ask.login, ask.password)
    # For the audit trail, which sees the request on its way out.
    request.scope["state"]["actor"] = replace(actor, name=logged_in.account.account_id)
    return answer_tokens(
        response, settings, logged_in, session_tokens(accounts, logged_in, hidden=ask.cookie), ask.cookie
    )


@router.post("/auth/refresh", operation_id="refresh_session", response_model=SessionTokens, responses=problems())
async def refresh(
    ask: RefreshAsk, request: Request, accounts: AccountsDep, settings: SettingsDep, response: Response
) -> SessionTokens:
    """Go on with a session. A refresh token that was used before ends the session: somebody has a copy of it."""
    hidden = not ask.refresh_token
    if hidden and "govault-csrf" not in request.headers:
        raise AccessDenied("a request with a cookie needs the header GoVault-CSRF", code="access-denied.csrf")
    text = ask.refresh_token or cookies_of(request.headers).get(REFRESH_COOKIE, "")
    logged_in = await accounts.sessions.refresh(text)
    return answer_tokens(response, settings, logged_in, session_tokens(accounts, logged_in, hidden=hidden), hidden)


@router.post("/auth/logout", operation_id="log_out", status_code=204, response_class=Response, responses=problems())
async def log_out(actor: ActorDep, accounts: AccountsDep, response: Response) -> Response:
    """End the session that asks: its access tokens and its refresh token count no more, on every node."""
    if actor.session_id:
        await accounts.sessions.log_out(actor.session_id)
    done = Response(status_code=204)
    done.delete_cookie(ACCESS_COOKIE, path="/")
    done.delete_cookie(REFRESH_COOKIE, path=_REFRESH_PATH)
    return done


@router.post(
    "/auth/register",
    operation_id="register",
    status_code=201,
    response_model=AccountDocument,
    responses=problems(403, 409, 429),
)
async def register(ask: RegisterAsk, actor: ActorDep, accounts: AccountsDep) -> AccountDocument:
    """Make an account for oneself, where the vault's configuration allows it (`accounts.registration`)."""
    invite_hash = ""
    if ask.invite:
        invite_hash = read_invite(ask.invite) or ""
        if not invite_hash:
            raise AccessDenied("the invite is unknown, used, revoked or expired; ask for a new one")
    accounts.sessions.throttle.check("register", actor.address)
    personal = Personal(login=ask.login, display_name=ask.display_name, email=ask.email)
    made = await accounts.register(NewAccount(personal, ask.password, invite_hash=invite_hash))
    accounts.sessions.throttle.succeeded("register", actor.address, counts=True)
    return account_document(accounts, made)


@router.get("/.well-known/jwks.json", operation_id="jwks", response_model=JwksDocument)
async def jwks(accounts: AccountsDep) -> JwksDocument:
    """The public keys that access tokens are signed with."""
    return JwksDocument(**accounts.tokens.published())


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request; none where they are malformed."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def answer_tokens(
    response: Response, settings: ApiSettings, logged_in: LoggedIn, tokens: SessionTokens, cookie: bool
) -> SessionTokens:
    """Tell tokens, or put them into cookies."""
    response.headers["cache-control"] = "no-store"
    if cookie:
        set_session_cookies(response, logged_in, tokens.expires_in, secure=settings.tls)
    return tokens


def set_session_cookies(response: Response, logged_in: LoggedIn, access_age_s: int, *, secure: bool) -> None:
    """Give a browser its session, out of its scripts' reach."""
    kept = (
        (ACCESS_COOKIE, logged_in.access.text, "/", access_age_s),
        (REFRESH_COOKIE, logged_in.refresh, _REFRESH_PATH, SESSION_VALID_S),
    )
    for name, value, path, age_s in kept:
        response.set_cookie(name, value, max_age=age_s, path=path, secure=secure, httponly=True, samesite="strict")
