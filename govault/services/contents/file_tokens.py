"""File tokens: made by whoever may do with a file what they allow, and looked at anew whenever one is shown."""

from dataclasses import dataclass
from typing import NamedTuple

from govault.auth.file_tokens import METHODS, FileClaims, FileTokens, Issuer
from govault.auth.token import OPERATOR_IDENTITY, Identity
from govault.domain.access import Level
from govault.domain.actor import OPERATOR, Actor
from govault.domain.rows import FileRow
from govault.errors import AccessDenied, Authentication, Conflict, InvalidRequest, NotFound
from govault.limits import FILE_TOKEN_VALID_S, FILE_TOKEN_VALID_S_MAX
from govault.ports import Clock, Randomness, Views
from govault.services.accounts.authenticator import AccountsAuthenticator
from govault.services.contents.downloads import Downloads, Opened
from govault.services.namespace.targets import ByRef, Located, Targets
from schemas.ids import is_account_id, new_file_token_id

_WRITES = "PUT"


@dataclass(frozen=True, slots=True)
class FileTokenWish:
    """What a token shall allow. ``version`` None: whatever is current when it is used, or what a hash names."""

    methods: tuple[str, ...] = ("GET", "HEAD")
    valid_s: int = FILE_TOKEN_VALID_S
    version: int | None = None


class MadeFileToken(NamedTuple):
    """A fresh token."""

    text: str
    claims: FileClaims


class ShownFileToken(NamedTuple):
    """A token that somebody has shown, and whom the requests by it are of."""

    claims: FileClaims
    identity: Identity


@dataclass(frozen=True, slots=True)
class FileTokenActs:
    """The acts.

    Whatever is wrong with a token has the same answer as a share link that opens nothing: its bearer is nobody, and
    learns nothing of the file or of whoever gave it.
    """

    views: Views
    targets: Targets
    downloads: Downloads
    tokens: FileTokens
    authenticator: AccountsAuthenticator
    clock: Clock
    randomness: Randomness

    def issue(self, actor: Actor, ref: str, wish: FileTokenWish) -> MadeFileToken:
        """A token for the file, or the version or content, that a reference names.

        It needs no event: it says itself what it allows, and ends with the credential by which it was asked for.

        Raises:
            NotFound: No such file or version, as far as the actor may know.
            AccessDenied: He may not write it, and asks for PUT.
            Conflict: It is a folder.
            InvalidRequest: Methods or end are none that a token can have.
            Authentication: This vault has no signing key yet.
        """
        methods = _methods(wish.methods)
        if not 1 <= wish.valid_s <= FILE_TOKEN_VALID_S_MAX:
            raise InvalidRequest(
                f"a file token is valid for 1 to {FILE_TOKEN_VALID_S_MAX} seconds; make a share link for longer",
                rule="file-token-expires",
            )
        opened = self.downloads.open_ref(actor, ref, wish.version)
        is_one = wish.version is not None or "@" in ref or opened.by_hash
        if _WRITES in methods:
            if is_one:
                raise InvalidRequest(
                    "what was committed never changes: a token for a version reads only", rule="file-token-version"
                )
            self.targets.file(actor, ByRef(opened.file.entity_id), Level.WRITE)
        issued_ms = self._now_ms(actor)
        claims = FileClaims(
            token_id=new_file_token_id(issued_ms, self.randomness.token(10)),
            issuer=_issuer(actor),
            file_id=opened.file.entity_id,
            version=opened.content.number if is_one else None,
            methods=methods,
            issued_ms=issued_ms,
            expires_s=issued_ms // 1000 + wish.valid_s,
        )
        return MadeFileToken(self.tokens.issue(claims), claims)

    def show(self, text: str) -> ShownFileToken:
        """Who asks by a token.

        Raises:
            NotFound: It is none, or counts no more: its end has come, or the account, session or API token by which it
                was made lets nobody in any more.
            ViewsLagging: This node does not know lately enough whom the vault lets in.
        """
        claims = self.tokens.check(text, self.clock.time_ms() // 1000)
        if claims is None:
            raise closed()
        try:
            return ShownFileToken(claims, self._identity(claims))
        except Authentication as error:
            raise closed() from error

    def content(self, actor: Actor, claims: FileClaims) -> Opened:
        """The content that a token reads now.

        Raises:
            NotFound: There is none, or whoever made the token may not read it any more.
        """
        try:
            return self.downloads.open_ref(actor, claims.file_id, claims.version)
        except (NotFound, AccessDenied, Conflict) as error:
            raise closed() from error

    def writable(self, actor: Actor, claims: FileClaims) -> tuple[Located, FileRow]:
        """The file that a token writes, and where it is now.

        Raises:
            NotFound: It is not there, or whoever made the token may not write it any more.
        """
        try:
            return self.targets.file(actor, ByRef(claims.file_id), Level.WRITE)
        except (NotFound, AccessDenied, Conflict) as error:
            raise closed() from error

    def _identity(self, claims: FileClaims) -> Identity:
        """Who made a token, as he is now.

        Raises:
            Authentication: Nobody who may ask.
        """
        issuer = claims.issuer
        if issuer.credential == "operator":
            return OPERATOR_IDENTITY
        if issuer.credential == "session":
            identity = self.authenticator.of_session(issuer.name, issuer.credential_id)
        else:
            identity = self.authenticator.of_api_token(issuer.name, issuer.credential_id)
        row = self.views.accounts().account(issuer.name)
        # API tokens outlive a logout everywhere; what was made by them before does not.
        if row is None or claims.issued_ms <= row.sessions_from_ms:
            raise Authentication("whoever made the token has logged out everywhere since")
        return identity

    def _now_ms(self, actor: Actor) -> int:
        """The time of a token that is made now: in any case after the last end of its account's sessions."""
        row = self.views.accounts().account(actor.name) if is_account_id(actor.name) else None
        return max(self.clock.time_ms(), 0 if row is None else row.sessions_from_ms + 1)


def closed() -> NotFound:
    """What is said of a token that opens nothing, whatever the reason."""
    return NotFound(
        "the address is unknown or has ended, or who made it may no more; ask for a new one",
        code="not-found.file-token-closed",
    )


def _methods(wished: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [method for method in wished if method not in METHODS]
    if unknown or not wished:
        raise InvalidRequest(
            f"a file token is for some of {', '.join(METHODS)}, not for {', '.join(unknown)[:80] or 'nothing'}",
            rule="file-token-methods",
        )
    return tuple(method for method in METHODS if method in wished)


def _issuer(actor: Actor) -> Issuer:
    """By which credential somebody asks.

    Raises:
        AccessDenied: By none that can be looked at again.
    """
    if actor.name == OPERATOR:
        return Issuer(OPERATOR, "operator")
    if actor.session_id:
        return Issuer(actor.name, "session", actor.session_id)
    if actor.api_token_id:
        return Issuer(actor.name, "api-token", actor.api_token_id)
    raise AccessDenied("file tokens are made by who has logged in; log in first", code="access-denied.file-token")
