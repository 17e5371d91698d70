"""uvicorn's HTTP protocol where it is more trusting than a node at an open door can be (RFC 9112, RFC 9110)."""

import asyncio
import re
import secrets
from http import HTTPStatus

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import PROBLEM_MEDIA_TYPE, document
from govault.limits import HTTP_HEAD_BYTES_MAX, HTTP_HEAD_WAIT_S

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Za-z.:%_~-]+\])(?::[0-9]*)?")
_AROUND_A_FIELD_BYTES = len(": \r\n")
_TRAILERS_TAKEN = frozenset({b"content-digest", b"repr-digest"})

_log = structlog.get_logger("govault.http")


class Refusal(Exception):
    """This request is not taken, and nothing can follow it on its connection."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class RequestProtocol(HttpToolsProtocol):
    """One connection whose heads have an end in bytes and time, whose framing is understood or refused.

    An offer to speak another protocol is not taken up and changes nothing, its request's body included. A client that
    says all and then closes its side for writing gets its answer.
    """

    _head_bytes = 0
    _unparsed_bytes = 0
    _in_head = True
    _replaying = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HTTP_HEAD_WAIT_S, self._head_too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the way back open where a whole request still waits for its answer."""
        cycle = self.cycle
        if self.scheme != "http" or cycle is None or cycle.response_complete or cycle.more_body:
            return None
        cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unparsed_bytes += len(data)
        try:
            self._feed(data)
            # The parser keeps a field until it has all of it: what comes of none is counted here.
            if self._unparsed_bytes - len(data) > HTTP_HEAD_BYTES_MAX:
                raise _too_large()
        except Refusal as refusal:
            self._refuse(refusal)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refusal) else _malformed(cause or error))
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            # What came began no request: an empty line, or the rest of a body that nobody wants any more.
            self.timeout_keep_alive_task = self.loop.call_later(HTTP_HEAD_WAIT_S, self.timeout_keep_alive_handler)

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self._go_on_as_before()
            else:
                return

    def _go_on_as_before(self) -> None:
        """After an offer of another protocol: a parser that has seen the head without it, at the start of the body.

        Java's client makes the offer with the first request of every connection, whatever its method.
        """
        framing = b"".join(
            b"%s: %s\r\n" % field for field in self.headers if field[0] in (b"content-length", b"transfer-encoding")
        )
        self.parser = httptools.HttpRequestParser(self)
        self._replaying = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing)
        self.parser.feed_data(b"\r\n")

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HTTP_HEAD_WAIT_S, self._head_too_slow)

    def on_url(self, url: bytes) -> None:
        if self._replaying:
            return
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; of what follows a body only digests, which a client knows no sooner."""
        if self._replaying:
            return
        self._count(len(name) + len(value) + _AROUND_A_FIELD_BYTES)
        name = name.lower()
        if self._in_head:
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
        elif name in _TRAILERS_TAKEN:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._unparsed_bytes = 0
        if self._replaying:
            self._replaying = False
            return
        self._stop_head_timer()
        self._in_head = False
        self._check_head(self.parser.get_http_version())
        self.begin_request()

    def begin_request(self) -> None:
        """Answer the request, whose head is whole and right."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        # With an offer of another protocol the parser takes every message for one without a body.
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > HTTP_HEAD_BYTES_MAX:
            raise _too_large()

    def _check_head(self, version: str) -> None:
        if version not in ("1.1", "1.0"):
            raise Refusal(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
                "invalid-request.http-version",
                f"this is HTTP/{version[:8]}; speak HTTP/1.1",
            )
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or version == "1.1"):
            raise _bad_head("a request needs exactly one Host")
        if hosts and not _HOST.fullmatch(hosts[0]):
            raise _bad_head("Host must be a name or an address, and perhaps a port")
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                raise Refusal(
                    HTTPStatus.NOT_IMPLEMENTED,
                    "invalid-request.transfer-encoding",
                    "of transfer encodings there is only 'chunked' here; send the content as it is",
                )

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._unparsed_bytes:
            detail = f"the head of the request did not end within {HTTP_HEAD_WAIT_S:.0f} s"
            self._refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "invalid-request.idle", detail))
        else:
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, unless a response is on its way, into which it would break; then close."""
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answering and not self.pipeline:
            request_id = secrets.token_hex(8)
            client = self.client[0] if self.client else ""
            _log.info(
                "http.refused", request_id=request_id, status=int(refusal.status), client=client, detail=str(refusal)
            )
            body = document(refusal.status, refusal.code, str(refusal), request_id, {"retryable": False})
            head = (
                f"HTTP/1.1 {refusal.status} {refusal.status.phrase}\r\ncontent-type: {PROBLEM_MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def _too_large() -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "invalid-request.head-too-large",
        f"the head of the request has more than {HTTP_HEAD_BYTES_MAX} bytes",
    )


def _malformed(error: BaseException) -> Refusal:
    return _bad_head(f"this is not HTTP/1.1 as it should be: {error}")


def _bad_head(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid-request.malformed", detail)
