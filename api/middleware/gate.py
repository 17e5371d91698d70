"""The gate: who asks, which state the answer must have seen, and which state it has seen."""

from collections.abc import Callable
from hashlib import blake2b

from api.middleware.permits import check_permit, is_for_anybody
from api.middleware.rates import Rates
from api.settings import ACCESS_COOKIE
from api.types import App, Message, Receive, Scope, Send, header
from govault.auth.file_tokens import METHODS
from govault.auth.token import Authenticator, Identity
from govault.domain.actor import ANYBODY, OPERATOR, Actor
from govault.errors import AccessDenied, Authentication, InvalidRequest, NotFound
from govault.limits import AT_LEAST_WAIT_S, IDEMPOTENCY_KEY_BYTES_MAX
from govault.ports import Views
from govault.services.contents.file_tokens import FileTokenActs

PUBLIC_PATHS = frozenset({"/", "/health", "/livez", "/readyz", "/openapi.json", "/docs", "/favicon.ico"})
PUBLIC_ROUTES = PUBLIC_PATHS | {
    "/auth/login",
    "/auth/refresh",
    "/auth/register",
    "/auth/oidc/start",
    "/auth/oidc/callback",
    "/auth/oidc/redeem",
    "/.well-known/jwks.json",
}
"""What answers without an identity; ``PUBLIC_PATHS`` also where the REST door is closed."""
PUBLIC_PREFIXES = ("/static/",)
_PROBES = frozenset({"/health", "/livez", "/readyz", "/metrics"})
"""Whoever watches the node is never turned away."""
_SHARES = "/s/"
"""Share links bring their own secret; the door behind looks at it, and counts their requests."""
FILE_TOKEN_ROUTE = "/content/{token}"
"""File tokens bring their issuer's identity, to this route and no other."""
_FILE_TOKENS = FILE_TOKEN_ROUTE.partition("{")[0]
SECRETS_IN_PATH = (_SHARES, _FILE_TOKENS)
"""Routes whose path is the credential: they ask for no other."""
FILE_CLAIMS = "file_claims"
"""In the request's state: what the file token says by which it came."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BEFORE_CHANGE = frozenset({("GET", "/me"), ("POST", "/me/password"), ("POST", "/auth/logout")})
"""What an account may do before it has changed its first password."""
_FINGERPRINTED = (
    b"if-match",
    b"if-none-match",
    b"if-unmodified-since",
    b"content-length",
    b"content-type",
    b"content-digest",
    b"repr-digest",
)
_FINGERPRINTED_PREFIX = b"govault-"
_NOT_FINGERPRINTED = b"govault-at-least"
_ANYBODY = Identity(ANYBODY, ("public",))


class Gate:
    """Lets nobody past without an identity, except to the public routes; puts the ``Actor`` into the request's state.

    Answers of authenticated requests carry ``GoVault-Position``; ``GoVault-At-Least`` is waited for, bounded.
    """

    def __init__(
        self,
        app: App,
        authenticator: Authenticator,
        views: Callable[[], Views],
        rates: Rates,
        metrics_public: bool,
        file_tokens: FileTokenActs | None = None,
    ) -> None:
        self._app = app
        self._file_tokens = file_tokens
        self._authenticator = authenticator
        self._views = views
        self._rates = rates
        self._public = PUBLIC_ROUTES | ({"/metrics"} if metrics_public else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_public(scope["raw_path"]):
            self._count_public(scope)
            scope["state"]["actor"] = _actor_of(_ANYBODY, scope)
            await self._app(scope, receive, send)
            return
        token = _file_token(scope)
        if token is not None and self._file_tokens is not None:
            self._enter_by_file_token(scope, self._file_tokens, token)
            await self._app(scope, receive, send)
            return
        authorization = _authorization(scope)
        if authorization is None and is_for_anybody(scope["method"], scope["raw_path"].decode("latin-1")):
            await self._pass_anybody(scope, receive, send)
            return
        self._let_in(scope, await self._identity(scope, authorization))
        if await self._has_waited(scope):
            # Who may do what is part of the state that was waited for: an account that ended there ends here.
            self._let_in(scope, await self._authenticator.authenticate(authorization))
        await self._pass(scope, receive, send)

    def _let_in(self, scope: Scope, identity: Identity) -> None:
        """Put the actor into the request's state.

        Raises:
            AccessDenied: Not for this request.
        """
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        if identity.must_change and (method, path) not in _BEFORE_CHANGE:
            raise AccessDenied(
                "change the password first (POST /me/password, `govault user password`)",
                code="access-denied.password-change",
            )
        scopes = identity.scopes
        if scopes is not None and not {"write", "admin"} & set(scopes) and method not in _SAFE_METHODS:
            raise AccessDenied("this API token may only read", code="access-denied.scope")
        scope["state"]["actor"] = actor = _actor_of(identity, scope)
        scope["state"]["actor_name"] = actor.name
        check_permit(actor, method, path)

    def _enter_by_file_token(self, scope: Scope, file_tokens: FileTokenActs, token: str) -> None:
        """Let whoever shows a file token ask as the one who made it, for what it says; other credentials count nothing.

        Raises:
            NotFound: It opens nothing.
            AccessDenied: It is not for this method.
        """
        scope["state"]["route"] = FILE_TOKEN_ROUTE
        try:
            claims, identity = file_tokens.show(token)
        except NotFound:
            self._rates.count_address(scope)
            raise
        scope["state"]["actor_name"] = identity.name
        scope["state"][FILE_CLAIMS] = claims
        if identity.name == OPERATOR:
            # He has no rate, and an address goes from hand to hand.
            self._rates.count_link(scope, claims.token_id)
        else:
            self._rates.count_account(scope, identity.name)
        scope["state"]["actor"] = _actor_of(identity, scope)
        if scope["method"] not in claims.methods:
            raise AccessDenied(
                f"the address is for {', '.join(claims.methods)} only", code="access-denied.file-token-method"
            )

    async def _pass_anybody(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let somebody without a credential do what is granted to ``public``; for anything else he is asked for one.

        Raises:
            Authentication: It is not granted, or not there: the two look alike.
        """
        self._rates.count_address(scope)
        scope["state"]["actor"] = _actor_of(_ANYBODY, scope)
        scope["state"]["actor_name"] = ANYBODY
        try:
            await self._has_waited(scope)
            await self._pass(scope, receive, send)
        except (AccessDenied, NotFound) as error:
            raise Authentication("a valid bearer token is needed") from error

    async def _has_waited(self, scope: Scope) -> bool:
        """Wait for what ``GoVault-At-Least`` asks for; whether it was not there at once.

        Raises:
            InvalidRequest: It is not a position of this vault.
            ViewsLagging: Not in time.
        """
        at_least = header(scope, b"govault-at-least")
        return at_least is not None and await self._views().wait_for_token(at_least, AT_LEAST_WAIT_S)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        views = self._views()

        async def positioned(message: Message) -> None:
            if message["type"] == "http.response.start":
                position = (b"govault-position", views.position_token().encode())
                message["headers"] = [*message.get("headers", ()), position]
            await send(message)

        await self._app(scope, receive, positioned)

    def _is_public(self, raw_path: bytes) -> bool:
        path = raw_path.decode("latin-1")
        return path in self._public or path.startswith((*PUBLIC_PREFIXES, _SHARES))

    def _count_public(self, scope: Scope) -> None:
        path = scope["raw_path"].decode("latin-1")
        if path not in _PROBES and not path.startswith(_SHARES):
            self._rates.count_address(scope)

    async def _identity(self, scope: Scope, authorization: str | None) -> Identity:
        try:
            identity = await self._authenticator.authenticate(authorization)
        except Authentication:
            self._rates.count_address(scope)
            raise
        self._rates.count_account(scope, identity.name)
        return identity


def _file_token(scope: Scope) -> str | None:
    """The token in ``/content/{token}``; None where it is another route."""
    path = scope["raw_path"].decode("latin-1")
    if not path.startswith(_FILE_TOKENS) or scope["method"] not in METHODS:
        return None
    token = path.removeprefix(_FILE_TOKENS)
    return token if token and "/" not in token else None


def _authorization(scope: Scope) -> str | None:
    """The ``Authorization`` header, or a browser's cookie as one.

    A form of another site can send the cookie along, but no header of its own: what changes something needs one.

    Raises:
        AccessDenied: A request with a cookie changes something and has no ``GoVault-CSRF``.
    """
    given = header(scope, b"authorization")
    if given is not None:
        return given
    cookies = header(scope, b"cookie") or ""
    found = [part.strip().partition("=") for part in cookies.split(";")]
    token = next((value for name, _, value in found if name == ACCESS_COOKIE), "")
    if not token:
        return None
    if scope["method"] not in _SAFE_METHODS and header(scope, b"govault-csrf") is None:
        raise AccessDenied("a request with a cookie needs the header GoVault-CSRF", code="access-denied.csrf")
    return f"Bearer {token}"


def _actor_of(identity: Identity, scope: Scope) -> Actor:
    """The actor of a request.

    Raises:
        InvalidRequest: Its Idempotency-Key is too long.
    """
    key = header(scope, b"idempotency-key")
    if key is not None and not 0 < len(key) <= IDEMPOTENCY_KEY_BYTES_MAX:
        raise InvalidRequest(
            f"Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes, it has {len(key)}",
            rule="idempotency-key-length",
        )
    client = scope.get("client")
    return Actor(
        name=identity.name,
        principals=identity.principals,
        request_id=scope["state"]["request_id"],
        address=client[0] if client else "",
        idempotency_key=key,
        request_hash=fingerprint(scope) if key is not None else "",
        session_id=identity.session_id,
        scopes=identity.scopes,
        api_token_id=identity.api_token_id,
    )


def fingerprint(scope: Scope, body: bytes = b"") -> str:
    """What makes a request the same as another: method, target, conditions, announced content; ``body`` if small."""
    digest = blake2b(digest_size=16, person=b"govault-request"[:16])
    digest.update(b"\0".join((scope["method"].encode(), scope["raw_path"], scope.get("query_string", b""))))
    for name, value in sorted(scope["headers"]):
        if name in _FINGERPRINTED or (name.startswith(_FINGERPRINTED_PREFIX) and name != _NOT_FINGERPRINTED):
            # A form's boundary differs in every repeat.
            said = value.partition(b";")[0] if name == b"content-type" else value
            digest.update(b"\0" + name + b"\0" + said)
    digest.update(b"\0\0" + body)
    return digest.hexdigest()
