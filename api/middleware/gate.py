"""The gate: who asks, which state the answer must have seen, and which state it has seen."""

from collections.abc import Callable
from hashlib import blake2b

from api.types import App, Message, Receive, Scope, Send, header
from govault.auth.token import Authenticator
from govault.domain.actor import Actor
from govault.errors import InvalidRequest
from govault.limits import AT_LEAST_WAIT_S, IDEMPOTENCY_KEY_BYTES_MAX
from govault.ports import Views

PUBLIC_PATHS = frozenset({"/", "/health", "/livez", "/readyz", "/openapi.json", "/docs", "/favicon.ico"})
PUBLIC_PREFIXES = ("/static/",)
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


class Gate:
    """Lets nobody past without an identity, except to the public routes; puts the ``Actor`` into the request's state.

    Answers of authenticated requests carry ``GoVault-Position``; ``GoVault-At-Least`` is waited for, bounded.
    """

    def __init__(
        self, app: App, authenticator: Authenticator, views: Callable[[], Views], metrics_public: bool
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._views = views
        self._public = PUBLIC_PATHS | ({"/metrics"} if metrics_public else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or self._is_public(scope["raw_path"]):
            await self._app(scope, receive, send)
            return
        scope["state"]["actor"] = actor = await self._actor(scope)
        scope["state"]["actor_name"] = actor.name
        views = self._views()
        at_least = header(scope, b"govault-at-least")
        if at_least is not None:
            await views.wait_for_token(at_least, AT_LEAST_WAIT_S)

        async def positioned(message: Message) -> None:
            if message["type"] == "http.response.start":
                position = (b"govault-position", views.position_token().encode())
                message["headers"] = [*message.get("headers", ()), position]
            await send(message)

        await self._app(scope, receive, positioned)

    def _is_public(self, raw_path: bytes) -> bool:
        path = raw_path.decode("latin-1")
        return path in self._public or path.startswith(PUBLIC_PREFIXES)

    async def _actor(self, scope: Scope) -> Actor:
        identity = await self._authenticator.authenticate(header(scope, b"authorization"))
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
