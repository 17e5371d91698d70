"""Logging in at an identity provider: authorisation code with PKCE (RFC 6749, RFC 7636, RFC 9700).

What must be remembered until somebody comes back lies sealed in a cookie of his browser, so any node can go on. An
account belongs to an issuer's subject, and to nothing else that a provider says: by e-mail address or login alone,
whoever may choose those at a provider could take an account over.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from govault.auth.account_sealing import Personal
from govault.auth.sealed_notes import SealedNotes
from govault.auth.secrets import new_secret
from govault.domain.account_rows import AccountRow
from govault.domain.actor import Actor, system
from govault.errors import AccessDenied, Authentication, Conflict, IdentityProvider, InvalidRequest
from govault.limits import OIDC_CODE_VALID_S, OIDC_FLOW_VALID_S
from govault.services.accounts.identity_provider import Json, OidcSettings, Provider, Somebody
from govault.services.accounts.personal import NAME_CHARS_MAX
from govault.services.accounts.registry import AccountRegistry, NewAccount
from govault.services.accounts.sessions import LoggedIn, SessionActs

RETURN_TO_CHARS_MAX = 1024
CHALLENGE_PATTERN = r"^[A-Za-z0-9_-]{43}$"
CLI_PORT_MIN = 1024
CLI_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Wish:
    """Where somebody wants to be when he has logged in.

    Attributes:
        return_to: A path of this vault.
        cli_port: Of a command that listens on the loopback address of his machine; 0: none.
        cli_challenge: SHA-256 of that command's secret, base64url.
    """

    return_to: str = "/"
    cli_port: int = 0
    cli_challenge: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send a browser, and what it must bring back."""

    address: str
    note: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a browser brings back from the provider: fields of its address; empty where there was none."""

    code: str = ""
    state: str = ""
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody whom the provider knows, with his account.

    Attributes:
        go_to: Where he wanted to be.
        session: None where a command opens one by the code that ``go_to`` carries.
    """

    account_id: str
    go_to: str
    session: LoggedIn | None


class OidcLogins:
    """The acts."""

    def __init__(self, provider: Provider, sessions: SessionActs, flow_key: bytes, code_key: bytes) -> None:
        """Args:
        flow_key: Seals what browsers bring back, 32 bytes.
        code_key: Seals the codes that commands redeem, 32 bytes.
        """
        self._provider = provider
        self._sessions = sessions
        self._flows = SealedNotes(flow_key, "oidc login")
        self._codes = SealedNotes(code_key, "oidc code")

    @property
    def settings(self) -> OidcSettings:
        """What is configured."""
        return self._provider.settings

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the vault by HTTPS."""
        return self.settings.redirect_uri.startswith("https:")

    async def begin(self, wish: Wish) -> Begun:
        """Begin a login.

        Raises:
            InvalidRequest: It would end elsewhere than in this vault.
            IdentityProvider: The provider is away.
        """
        _check_wish(wish)
        state, nonce, verifier = (new_secret(self._sessions.randomness) for _ in range(3))
        address = await self._provider.address(state, nonce, challenge_of(verifier))
        note: dict[str, str | int] = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": wish.return_to,
            "cli_port": wish.cli_port,
            "cli_challenge": wish.cli_challenge,
        }
        return Begun(address, self._flows.seal(note, self._sessions.clock.time_ms() + OIDC_FLOW_VALID_S * 1000))

    async def finish(self, actor: Actor, note: str, back: CameBack) -> Arrived:
        """Let somebody in who comes back from the provider.

        Raises:
            Authentication: This browser began no such login, or the provider vouches for nobody.
            AccessDenied: He has no account here and gets none, or it is disabled.
            TooManyRequests: Too many attempts from the address.
            IdentityProvider: The provider is away.
        """
        flow = self._flows.open(note, self._sessions.clock.time_ms())
        if flow is None or not hmac.compare_digest(str(flow["state"]).encode(), back.state.encode()):
            raise Authentication(
                "this browser began no such login, or too long ago; begin again at "
                f"{self.settings.redirect_uri.removesuffix('callback')}start",
                code="authentication.identity-state",
            )
        nonce = str(flow["nonce"])
        # Each login is a pair of its own, so that nobody of a shared address waits for another's failures.
        self._sessions.throttle.check(nonce, actor.address)
        try:
            row = await self._account(actor, back, str(flow["verifier"]), nonce)
        except IdentityProvider:
            self._sessions.throttle.succeeded(nonce, actor.address, counts=True)
            raise
        if not row.is_live:
            raise AccessDenied("the account is disabled; ask an administrator", code="access-denied.account-disabled")
        self._sessions.throttle.succeeded(nonce, actor.address)
        if flow["cli_port"]:
            code = self._code(row, str(flow["cli_challenge"]))
            return Arrived(row.account_id, f"http://127.0.0.1:{flow['cli_port']}/?{urlencode({'code': code})}", None)
        return Arrived(row.account_id, str(flow["return_to"]), await self._sessions.open(row))

    async def redeem(self, code: str, verifier: str) -> LoggedIn:
        """Open a command's session by the code that its browser brought it; a code opens one session, ever.

        Raises:
            Authentication: The code is unknown, used or too old, or of another command.
        """
        note = self._codes.open(code, self._sessions.clock.time_ms())
        if note is None or not hmac.compare_digest(str(note["challenge"]), challenge_of(verifier)):
            raise _void_code()
        row = self._sessions.people.views.accounts().account(str(note["account_id"]))
        if row is None or row.sessions_from_ms != note.get("sessions_from_ms"):
            raise _void_code()
        # The log opens a session once: of two that bring the same code, the second finds it taken, or ended already.
        return await self._sessions.open(row, str(note["session_id"]), _void_code())

    def _code(self, row: AccountRow, challenge: str) -> str:
        note: dict[str, str | int] = {
            "account_id": row.account_id,
            "session_id": self._sessions.randomness.token(16).hex(),
            "challenge": challenge,
            "sessions_from_ms": row.sessions_from_ms,
        }
        return self._codes.seal(note, self._sessions.clock.time_ms() + OIDC_CODE_VALID_S * 1000)

    async def _account(self, actor: Actor, back: CameBack, verifier: str, nonce: str) -> AccountRow:
        if back.issuer not in ("", self.settings.issuer):
            raise Authentication("another provider answers than was asked (iss)", code="authentication.identity-state")
        if back.error or not back.code:
            word = back.error[:100] if back.error.isprintable() else ""
            raise Authentication(
                f"the identity provider let nobody in ({word or 'no code'}); begin again",
                code="authentication.identity-refused",
            )
        who = await self._provider.redeem(back.code, verifier, nonce)
        if self.settings.email_domains:
            await self._check_domain(who)
        people = self._sessions.people
        identity_hash = people.sealing.identity_hash(self.settings.issuer, who.subject)
        row = people.views.accounts().account_of_identity(identity_hash)
        if row is not None:
            return row
        if not self.settings.create_accounts:
            raise AccessDenied(
                f"no account of this vault belongs to {who.subject!r} of {self.settings.name}: ask an administrator to "
                "make and link one (`govault user link`)",
                code="access-denied.identity-unknown",
                subject=who.subject,
            )
        return await self._made(self._sessions.registry, actor, who, identity_hash)

    async def _made(self, registry: AccountRegistry, actor: Actor, who: Somebody, identity_hash: str) -> AccountRow:
        asked = self.settings
        claims = await self._provider.about(who, (asked.login_claim, asked.name_claim, asked.email_claim))
        personal = Personal(
            login=_text(claims, asked.login_claim),
            display_name=_text(claims, asked.name_claim)[:NAME_CHARS_MAX],
            email=_text(claims, asked.email_claim),
        )
        by = system("oidc")
        try:
            made = await registry.create(
                Actor(by.name, request_id=actor.request_id, address=actor.address),
                NewAccount(personal, identity_hash=identity_hash),
            )
        except InvalidRequest as error:
            raise AccessDenied(
                f"no account can be made of what {asked.name} says (accounts.oidc.login_claim "
                f"{asked.login_claim!r}): {error}",
                code="access-denied.identity-claims",
            ) from error
        except Conflict as error:
            # He may have come in by two doors at once; the log let him in by one.
            row = registry.people.views.accounts().account_of_identity(identity_hash)
            if row is not None:
                return row
            raise Conflict(
                f"another account has the login {personal.login!r}; if it is yours, ask an administrator to link it "
                f"(`govault user link {personal.login} --subject {who.subject}`)",
                code=error.specific_code,
                subject=who.subject,
            ) from error
        return made.row

    async def _check_domain(self, who: Somebody) -> None:
        claims = await self._provider.about(who, (self.settings.email_claim, "email_verified"))
        domain = _text(claims, self.settings.email_claim).rpartition("@")[2].casefold()
        if claims.get("email_verified") is not True or domain not in self.settings.email_domains:
            raise AccessDenied(
                "only people with a verified e-mail address of certain domains come in here "
                "(accounts.oidc.email_domains)",
                code="access-denied.identity-domain",
            )


def challenge_of(verifier: str) -> str:
    """The PKCE challenge of a verifier: SHA-256, base64url (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_wish(wish: Wish) -> None:
    path = wish.return_to
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    if not local or len(path) > RETURN_TO_CHARS_MAX or not path.isascii() or not path.isprintable():
        raise InvalidRequest(
            f"return_to must be a path of this vault like /files, of at most {RETURN_TO_CHARS_MAX} characters",
            rule="oidc.return-to",
        )
    if not wish.cli_port and not wish.cli_challenge:
        return
    if not CLI_PORT_MIN <= wish.cli_port <= CLI_PORT_MAX or not re.fullmatch(CHALLENGE_PATTERN, wish.cli_challenge):
        raise InvalidRequest(
            f"cli_port ({CLI_PORT_MIN} to {CLI_PORT_MAX}) and cli_challenge (SHA-256, base64url) belong together",
            rule="oidc.cli",
        )


def _text(claims: Json, name: str) -> str:
    said = claims.get(name)
    return said if isinstance(said, str) else ""


def _void_code() -> Authentication:
    return Authentication(
        "the code is unknown, used or too old; log in again (`govault login --oidc`)", code="authentication.code"
    )
