"""The outermost layer: request ids, the access log, metrics, and the last word on every error."""

import asyncio
import re
import time
from collections.abc import Callable

import structlog

from api.errors import PROBLEM_MEDIA_TYPE, document, problem
from api.middleware.access import AccessEntry, AccessLog, loggable_path
from api.middleware.metrics import HttpMetrics
from api.types import App, Message, Receive, Scope, Send, header, respond
from govault.errors import GoVaultError

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
_log = structlog.get_logger("govault.http")

CLIENT_GONE_STATUS = 499
POURED_BYTES = "poured_bytes"
"""In the request's state: bytes of the body that went another way than ``send``."""


class ClientGone(Exception):
    """The client went away before its request or our response was complete; there is nobody to answer."""


class Edge:
    """Gives every request an id (its own ``X-Request-Id`` where it is sane) and an end that is logged and counted."""

    def __init__(
        self, app: App, metrics: HttpMetrics, access_log: AccessLog, new_request_id: Callable[[], str]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id")
        request_id = given if given and _REQUEST_ID.match(given) else self._new_request_id()
        exchange = _Exchange(receive, send, request_id)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        self._metrics.began()
        try:
            await self._answer(scope, exchange)
        finally:
            self._tell(scope, exchange)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientGone:
            exchange.status = CLIENT_GONE_STATUS
        except GoVaultError as error:
            if exchange.started:
                _log.error("http.aborted", request_id=exchange.request_id, code=error.specific_code, error=str(error))
                raise
            status, headers, body = problem(error, exchange.request_id)
            if status >= 500:
                _log.warning("http.failed", request_id=exchange.request_id, code=error.specific_code, error=str(error))
            await respond(exchange.send, status, headers, body if scope["method"] != "HEAD" else b"")
        except asyncio.CancelledError:
            # The node is going down and waits no longer. What the request asked for may or may not have happened.
            if not exchange.started:
                detail = "the node is stopping; repeat the request, with the same Idempotency-Key if it had one"
                body = document(503, "stopping", detail, exchange.request_id, {"retryable": True})
                headers = [(b"content-type", PROBLEM_MEDIA_TYPE.encode()), (b"retry-after", b"5")]
                await respond(exchange.send, 503, headers, body)
            raise
        except Exception:
            _log.exception("http.crashed", request_id=exchange.request_id)
            if exchange.started:
                raise
            detail = "the server failed to answer; its log tells why under this request id"
            body = document(500, "internal", detail, exchange.request_id, {"retryable": False})
            await respond(exchange.send, 500, [(b"content-type", PROBLEM_MEDIA_TYPE.encode())], body)

    def _tell(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = time.perf_counter() - exchange.began_s
        state = scope["state"]
        route = state.get("route", "none")
        sent = exchange.sent + state.get(POURED_BYTES, 0)
        self._metrics.ended(scope["method"], route, exchange.status, seconds, exchange.received, sent)
        self._access_log(
            AccessEntry(
                exchange.request_id,
                scope["method"],
                loggable_path(scope["raw_path"].decode("ascii", "backslashreplace")),
                route,
                exchange.status,
                state.get("actor_name", ""),
                (scope.get("client") or ("",))[0],
                round(seconds, 6),
                exchange.received,
                sent,
            )
        )


class _Exchange:
    """One request and its response as they pass: counts, status, and the request id on the way out."""

    __slots__ = ("_receive", "_send", "began_s", "received", "request_id", "sent", "started", "status")

    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self.began_s = time.perf_counter()
        self.received = 0
        self.sent = 0
        self.started = False
        self.status = CLIENT_GONE_STATUS

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)
