"""Headers that every response carries: against sniffing, framing and leaking, and CORS where it is configured."""

from api.middleware.rates import RATE_FIELDS
from api.types import App, Headers, Message, Receive, Scope, Send, header, respond

_SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
_API_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_METHODS = b"GET, HEAD, PUT, POST, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"authorization, content-type, content-digest, repr-digest, idempotency-key, if-match, if-none-match, "
    b"if-modified-since, if-unmodified-since, if-range, range, x-request-id, govault-at-least, govault-mtime, "
    b"govault-executable, govault-kind, govault-content, govault-tags, govault-description"
)
_EXPOSED = (
    b"etag, location, content-range, content-disposition, repr-digest, last-modified, x-request-id, "
    b"govault-position, retry-after, ratelimit, ratelimit-policy, link"
)
_PREFLIGHT_AGE_S = b"600"


class ResponseHeaders:
    """Adds the security headers, and answers CORS for the configured origins."""

    def __init__(self, app: App, cors_origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = frozenset(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a dressed ``send``."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cors = self._cors(scope) if self._origins else []
        if cors and scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method"):
            await respond(send, 204, [*cors, *_preflight()])
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_SECURITY, *cors]
                if fields := scope["state"].get(RATE_FIELDS):
                    headers.extend(fields)
                if not _has_policy(headers):
                    headers.append(_API_POLICY)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, dressed)

    def _cors(self, scope: Scope) -> Headers:
        origin = header(scope, b"origin")
        if origin is None or not ({origin, "*"} & self._origins):
            return [(b"vary", b"origin")]
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        ]


def _preflight() -> Headers:
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", _PREFLIGHT_AGE_S),
    ]


def _has_policy(headers: Headers) -> bool:
    """Pages say their own policy; so do contents, which are sandboxed."""
    for name, value in headers:
        if name == b"content-security-policy" or (name == b"content-type" and value.startswith(b"text/html")):
            return True
    return False
