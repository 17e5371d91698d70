"""``/auth/oidc``: logging in at an identity provider."""

import html
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep, SettingsDep
from api.routes.account_deps import AccountsDep, session_tokens
from api.routes.auth import answer_tokens, cookies_of, set_session_cookies
from api.settings import OIDC_COOKIE
from govault.domain.actor import Actor
from govault.errors import NotFound
from govault.limits import OIDC_FLOW_VALID_S
from govault.services.accounts.oidc import CHALLENGE_PATTERN, CameBack, OidcLogins, Wish
from schemas.rest.accounts import RedeemAsk, SessionTokens

router = APIRouter(tags=["accounts"])
_PATH = "/auth/oidc"
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>GoVault</title>
<meta http-equiv="refresh" content="0;url={address}">
<p>You are logged in. <a href="{address}">Go on</a></p></html>
"""


async def get_logins(accounts: AccountsDep) -> OidcLogins:
    """The logins at the identity provider.

    Raises:
        NotFound: None is configured.
    """
    if accounts.oidc is None:
        raise NotFound(
            "this vault has no identity provider (accounts.oidc.issuer); log in with a password",
            code="not-found.identity-provider",
        )
    return accounts.oidc


LoginsDep = Annotated[OidcLogins, Depends(get_logins)]
Text = Annotated[str, Query(max_length=4000, json_schema_extra={"pattern": "^[ -~]*$"})]
"""What a provider sends: printable ASCII (RFC 6749, appendix A)."""


@router.get(
    "/auth/oidc/start",
    operation_id="start_oidc",
    status_code=302,
    response_class=Response,
    responses=problems(404, 503),
    dependencies=[KNOWN_QUERY],
)
async def start(
    request: Request,
    logins: LoginsDep,
    return_to: Annotated[
        str,
        Query(
            description="The path to go to after the login.",
            examples=["/"],
            json_schema_extra={"pattern": r"^/(?:[!-.0-\[\]-~][!-\[\]-~]{0,200})?$"},
        ),
    ] = "/",
    cli_port: Annotated[
        int, Query(description="Of a command that listens on 127.0.0.1, and is brought a code; 0: none.")
    ] = 0,
    cli_challenge: Annotated[
        str,
        Query(
            description="SHA-256 of the command's secret, base64url; with `cli_port`.",
            json_schema_extra={"pattern": f"^$|{CHALLENGE_PATTERN}"},
        ),
    ] = "",
    moved: Annotated[bool, Query(description="The browser was sent here from another address of the vault.")] = False,
) -> Response:
    """Send a browser to the identity provider (authorisation code, PKCE). It comes back to `/auth/oidc/callback`.

    What the vault must know then goes along in a sealed cookie, for ten minutes. The cookie is of the address that the
    provider sends browsers back to (`accounts.oidc.public_url`): who begins at another is sent there first, once.
    """
    if not moved and request.headers.get("host", "").lower() != urlsplit(logins.settings.redirect_uri).netloc.lower():
        asked = {"return_to": return_to, "cli_port": cli_port, "cli_challenge": cli_challenge, "moved": "true"}
        there = f"{logins.settings.redirect_uri.removesuffix('callback')}start?{urlencode(asked)}"
        return Response(status_code=302, headers={"location": there, "cache-control": "no-store"})
    begun = await logins.begin(Wish(return_to, cli_port, cli_challenge))
    sent = Response(status_code=302, headers={"location": begun.address, "cache-control": "no-store"})
    sent.set_cookie(
        OIDC_COOKIE,
        begun.note,
        max_age=OIDC_FLOW_VALID_S,
        path=_PATH,
        secure=logins.is_secure,
        httponly=True,
        # It comes along when the provider sends the browser back, which a strict one does not.
        samesite="lax",
    )
    return sent


@router.get(
    "/auth/oidc/callback",
    operation_id="finish_oidc",
    response_class=Response,
    responses={
        200: {"description": "Logged in; the page goes on to `return_to`.", "content": {"text/html": {}}},
        302: {"description": "Logged in; a code is brought to the command that began it."},
        **problems(403, 404, 409, 429, 503),
    },
)
async def callback(
    request: Request,
    actor: ActorDep,
    accounts: AccountsDep,
    logins: LoginsDep,
    settings: SettingsDep,
    code: Text = "",
    state: Text = "",
    iss: Text = "",
    error: Text = "",
) -> Response:
    """Where the identity provider sends a browser back to. Opens a session in cookies, as `POST /auth/login` does.

    Whatever else the provider adds to the address is ignored.
    """
    note = cookies_of(request.headers).get(OIDC_COOKIE, "")
    arrived = await logins.finish(actor, note, CameBack(code, state, iss, error))
    _note_actor(request, actor, arrived.account_id)
    if arrived.session is None:
        done = Response(status_code=302, headers={"location": arrived.go_to})
    else:
        # A page and no redirect: what another site has begun carries no strict cookies to where it is sent on.
        page = _PAGE.format(address=html.escape(arrived.go_to, quote=True))
        done = Response(page, media_type="text/html", headers={"content-security-policy": _POLICY})
        age_s = session_tokens(accounts, arrived.session, hidden=True).expires_in
        set_session_cookies(done, arrived.session, age_s, secure=settings.tls or logins.is_secure)
    done.headers["cache-control"] = "no-store"
    done.delete_cookie(OIDC_COOKIE, path=_PATH)
    return done


@router.post(
    "/auth/oidc/redeem",
    operation_id="redeem_oidc",
    response_model=SessionTokens,
    responses=problems(404),
    dependencies=[KNOWN_QUERY],
)
async def redeem(
    ask: RedeemAsk,
    request: Request,
    actor: ActorDep,
    accounts: AccountsDep,
    logins: LoginsDep,
    settings: SettingsDep,
    response: Response,
) -> SessionTokens:
    """Open a command's session by the code that its browser brought to it. A code counts once, for a minute."""
    logged_in = await logins.redeem(ask.code, ask.verifier)
    _note_actor(request, actor, logged_in.account.account_id)
    return answer_tokens(response, settings, logged_in, session_tokens(accounts, logged_in, hidden=False), cookie=False)


def _note_actor(request: Request, actor: Actor, account_id: str) -> None:
    """For the audit trail, which sees the request on its way out."""
    request.scope["state"]["actor"] = replace(actor, name=account_id)
