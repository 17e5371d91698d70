"""Which door a request takes: raw ASGI for bytes, FastAPI for the rest. Decided on the raw path, undecoded."""

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote

from api.middleware.edge import ClientGone
from api.middleware.gate import fingerprint
from api.raw import Door, RawRequest
from api.types import App, Message, Receive, Scope, Send, header
from govault.domain.actor import Actor
from govault.errors import InvalidRequest, TooLarge
from govault.limits import SMALL_BODY_BYTES_MAX, UPLOAD_IDLE_TIMEOUT_S

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_QUERY_FIELDS_MAX = 100


@dataclass(frozen=True, slots=True)
class RawRoute:
    """One raw door in the routing table.

    Attributes:
        template: As in the OpenAPI document; ``{path}`` last takes all remaining segments.
        query: The query fields it knows; others are refused, so that a misspelt one is never ignored.
        only_if: A query field that must be there for this route; ``unless``: one that must not.
    """

    methods: tuple[str, ...]
    template: str
    door: Door
    query: tuple[str, ...] = ()
    only_if: str = ""
    unless: str = ""


class Dispatcher:
    """Routes on raw segments. FastAPI sees the raw path too, so that an encoded slash never becomes a separator."""

    def __init__(self, routes: tuple[RawRoute, ...], rest: App) -> None:
        self._routes = [(route, route.template.strip("/").split("/")) for route in routes]
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the door that the request names."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        raw_path: bytes = scope["raw_path"]
        method = scope["method"]
        segments = raw_path[1:].decode("latin-1").split("/")
        names = _names(scope.get("query_string", b""))
        for route, shape in self._routes:
            if method in route.methods and (params := _match(shape, segments)) is not None and _wants(route, names):
                query = parse_query(scope.get("query_string", b""))
                scope["state"]["route"] = route.template
                _refuse_unknown(query, route)
                await route.door(RawRequest(scope, receive, send, params, query))
                return
        await self._through_framework(scope, receive, send, raw_path.decode("latin-1"))

    def methods_at(self, raw_path: str) -> set[str]:
        """What the raw doors answer at a path, for ``Allow``."""
        segments = raw_path[1:].split("/")
        return {
            method
            for route, shape in self._routes
            if not route.only_if and _match(shape, segments) is not None
            for method in route.methods
        }

    async def _through_framework(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        inner = {**scope, "path": path}
        if scope["method"] in _UNSAFE:
            body = await read_small_body(scope, receive)
            actor = scope["state"].get("actor")
            if isinstance(actor, Actor) and actor.idempotency_key is not None:
                scope["state"]["actor"] = replace(actor, request_hash=fingerprint(scope, body))
            receive = _replay(body, receive)
        if scope["method"] == "HEAD":
            inner["method"] = "GET"
            head = _HeadOnly(receive, send)
            receive, send = head.receive, head.send
        try:
            await self._rest(inner, receive, send)
        finally:
            route = inner.get("route")
            scope["state"]["route"] = getattr(route, "path", "none")


class _HeadOnly:
    """The answer of a GET without its body (RFC 9110, 9.3.2). Whoever streams one hears that the client has gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._answered = False

    async def receive(self) -> Message:
        return {"type": "http.disconnect"} if self._answered else await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered = True
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b""})


def parse_query(query_string: bytes) -> dict[str, str]:
    """The query's fields, each once.

    Raises:
        InvalidRequest: A field comes twice, or there are too many.
    """
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=_QUERY_FIELDS_MAX
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest("the query is not valid UTF-8, or has too many fields", rule="query") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidRequest("a query field comes twice", rule="query-twice")
    return fields


async def read_small_body(scope: Scope, receive: Receive) -> bytes:
    """A whole body of at most SMALL_BODY_BYTES_MAX.

    Raises:
        TooLarge: It is larger.
        ClientGone: It ended early.
        InvalidRequest: It had not come after UPLOAD_IDLE_TIMEOUT_S.
    """
    try:
        async with asyncio.timeout(UPLOAD_IDLE_TIMEOUT_S):
            return await _small_body(scope, receive)
    except TimeoutError as error:
        raise InvalidRequest(
            f"the body did not come within {UPLOAD_IDLE_TIMEOUT_S:.0f} s; nothing was done",
            code="invalid-request.idle",
        ) from error


async def _small_body(scope: Scope, receive: Receive) -> bytes:
    announced = header(scope, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > SMALL_BODY_BYTES_MAX:
        raise TooLarge(f"the body may have at most {SMALL_BODY_BYTES_MAX} bytes", limit_bytes=SMALL_BODY_BYTES_MAX)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > SMALL_BODY_BYTES_MAX:
            raise TooLarge(f"the body may have at most {SMALL_BODY_BYTES_MAX} bytes", limit_bytes=SMALL_BODY_BYTES_MAX)
    return bytes(body)


def ensure_raw_path(scope: Scope) -> None:
    """Servers may leave ``raw_path`` out: then the decoded path is encoded again, segment separators kept."""
    if not scope.get("raw_path"):
        scope["raw_path"] = quote(scope["path"], safe="/").encode()


def _match(shape: list[str], segments: list[str]) -> dict[str, str] | None:
    takes_rest = shape[-1] == "{path}"
    if len(segments) < len(shape) or (len(segments) > len(shape) and not takes_rest):
        return None
    params: dict[str, str] = {}
    for index, part in enumerate(shape):
        if part == "{path}":
            params["path"] = "/".join(segments[index:])
        elif part.startswith("{"):
            params[part[1:-1]] = segments[index]
        elif part != segments[index]:
            return None
    return params


def _refuse_unknown(query: dict[str, str], route: RawRoute) -> None:
    unknown = [name for name in query if name not in route.query]
    if unknown:
        raise InvalidRequest(
            f"unknown query field {unknown[0][:40]!r}; known are: {', '.join(route.query) or 'none'}",
            rule="query-unknown",
        )


def _wants(route: RawRoute, names: frozenset[bytes]) -> bool:
    return (not route.only_if or route.only_if.encode() in names) and (
        not route.unless or route.unless.encode() not in names
    )


def _names(query_string: bytes) -> frozenset[bytes]:
    """The names in a query, unread: enough to choose a route."""
    if not query_string:
        return frozenset()
    return frozenset(field.partition(b"=")[0] for field in query_string.split(b"&"))


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
