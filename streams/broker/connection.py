"""One client connection: frames in, answers out in the order of the requests.

Requests are taken one at a time, as Kafka does, except that a Produce does not wait for the
commit of the one before it: both join the same cycle and their answers keep their order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from streams.broker.apis.catalogue import api_versions
from streams.broker.apis.fetch import fetch
from streams.broker.apis.produce import produce
from streams.broker.codes import Code
from streams.broker.failures import BrokerFailure
from streams.broker.frames import Frames, FrameTooLarge
from streams.broker.limits import (
    AUTHENTICATION_TIMEOUT_S,
    FRAME_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    PENDING_BYTES_MAX,
    REQUESTS_IN_FLIGHT_MAX,
)
from streams.broker.login import Login
from streams.broker.protocol import (
    API_VERSIONS,
    FETCH,
    PRODUCE,
    Head,
    Malformed,
    Request,
    VersionUnsupported,
    check_version,
    decode_body,
    encode_answer,
    parse_head,
    response_schema,
)

if TYPE_CHECKING:
    from streams.broker.broker import Broker
    from streams.broker.server import Server

Buffers = list[bytes | memoryview]
Answer = bytes | Buffers | None
"""None: the client wants no answer."""


class Connection(asyncio.Protocol):
    """The protocol object of a connection."""

    def __init__(self, broker: Broker, server: Server) -> None:
        self._broker = broker
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._login = Login(broker.credentials)
        self._waiting: deque[bytes] = deque()
        self._answers: deque[asyncio.Future[Any] | Answer] = deque()
        self._task: asyncio.Task[None] | None = None
        self._open: asyncio.Future[Any] | None = None
        """An answer that later requests wait for (a long poll)."""
        self._writable = True
        self._paused = False
        self._pumping = False
        self._transport: asyncio.Transport
        self._since = self._loop.time()
        self._opened = self._since

    # Transport -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.forget(self)
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
        if self._open is not None:
            self._open.cancel()
        self._answers.clear()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._pump()

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        self._since = self._loop.time()
        try:
            self._frames.feed(data, self._login.frame_size_max)
        except FrameTooLarge as problem:
            self._reject(str(problem))
            return
        self._waiting.extend(self._frames.take())
        self._pump()

    def abort(self) -> None:
        """End the connection without answering."""
        self._transport.abort()

    def check_patience(self, now: float) -> None:
        """End it when it has kept us waiting: no login, half a frame, nothing at all."""
        quiet_s = now - self._since
        if self._login.principal is None and now - self._opened > AUTHENTICATION_TIMEOUT_S:
            self._reject("no login in time")
        elif self._paused:
            return  # It is we who do not read.
        elif self._frames.is_partial and quiet_s > FRAME_TIMEOUT_S:
            self._reject("a frame was not finished in time")
        elif self._frames.is_partial and self._frames.age(now) > FRAME_TIMEOUT_S * 4:
            self._reject("a frame came too slowly")
        elif quiet_s > IDLE_TIMEOUT_S and not self._answers and self._task is None:
            self._transport.close()

    def _reject(self, why: str) -> None:
        self._server.note_rejected(why)
        self._transport.abort()

    # Requests --------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Take requests while none has to be waited for."""
        if self._pumping:
            return  # An answer that was ready at once brought us here again.
        self._pumping = True
        try:
            while self._waiting and self._may_take():
                self._take(self._waiting.popleft())
            self._pace()
        except Malformed as problem:
            self._reject(str(problem))
        except BrokerFailure:
            pass  # It was reported; nobody is answered any more.
        except Exception as problem:  # noqa: BLE001 - the edge: one bad request must not end the broker
            self._broker.journal.error("request failed", error=repr(problem))
            self._transport.abort()
        finally:
            self._pumping = False

    def _may_take(self) -> bool:
        if self._task is not None or self._open is not None or not self._writable:
            return False
        if self._broker.store.pending_bytes > PENDING_BYTES_MAX:
            self._broker.committer.committed().add_done_callback(lambda _: self._pump())
            return False
        return len(self._answers) < REQUESTS_IN_FLIGHT_MAX

    def _pace(self) -> None:
        """Stop reading from a client that is ahead of its answers."""
        full = len(self._waiting) + len(self._answers) >= REQUESTS_IN_FLIGHT_MAX
        if full != self._paused and not self._transport.is_closing():
            self._paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._since = self._loop.time()
                self._transport.resume_reading()

    def _take(self, frame: bytes) -> None:
        if self._login.takes_raw_tokens:
            self._queue(self._login.raw_token(frame))
            return
        head = parse_head(frame)
        try:
            check_version(head)
        except VersionUnsupported:
            self._queue(_unsupported(head))
            return
        if (answer := self._login.answer(head, frame)) is not None:
            self._queue(answer)
            if self._login.failed:
                self._transport.close()
            return
        if self._login.principal is None:
            raise Malformed(f"API {head.api_key} before a login")
        request = Request(head, decode_body(head, frame), self._login.principal)
        self._dispatch(request)

    def _dispatch(self, request: Request) -> None:
        match request.head.api_key:
            case key if key == PRODUCE:
                made = produce(self._broker, request)
                if made is not None:
                    self._queue(made)
            case key if key == FETCH:
                found = fetch(self._broker, request)
                if isinstance(found, asyncio.Future):
                    self._open = found
                    found.add_done_callback(self._closed)
                self._queue(found)
            case key if key == API_VERSIONS:
                self._queue(encode_answer(request.head, api_versions()))
            case key:
                from streams.broker.apis.table import HANDLERS, RUN_TO_THE_END

                tree = HANDLERS[key](self._broker, request)
                if isinstance(tree, Awaitable):
                    if key in RUN_TO_THE_END:
                        tree = self._broker.run_to_the_end(tree)
                    self._task = self._loop.create_task(self._await(request, tree))
                else:
                    self._queue(encode_answer(request.head, tree))

    async def _await(self, request: Request, tree: Awaitable[Any]) -> None:
        try:
            answer = encode_answer(request.head, await tree)
        except BrokerFailure:
            return  # It was reported; nobody is answered any more.
        except Exception as problem:  # noqa: BLE001 - the edge, as in `_pump`
            self._broker.journal.error("request failed", error=repr(problem), api_key=request.head.api_key)
            self._transport.abort()
            return
        self._task = None
        self._queue(answer)
        self._pump()

    def _closed(self, _: object) -> None:
        self._open = None
        self._pump()

    # Answers ---------------------------------------------------------------------------------

    def _queue(self, answer: asyncio.Future[Any] | Answer) -> None:
        self._answers.append(answer)
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(self._flush)
        else:
            self._flush(None)

    def _flush(self, _: object) -> None:
        """Write the answers that are ready, in order."""
        out: Buffers = []
        while self._answers:
            first = self._answers[0]
            if isinstance(first, asyncio.Future):
                if not first.done() or first.cancelled():
                    break
                first = first.result()
            self._answers.popleft()
            parts: Buffers = [first] if isinstance(first, bytes) else first or []
            out.append(sum(map(len, parts)).to_bytes(4, "big"))
            out.extend(parts)
        if out and not self._transport.is_closing():
            self._transport.writelines(out)
        if self._paused:
            self._pump()


def _unsupported(head: Head) -> bytes:
    """The protocol's own answer to a version that is not served."""
    if head.api_key == API_VERSIONS:
        # Answered in version 0, which every client can read, with what is served.
        oldest = Head(head.api_key, 0, head.correlation_id, head.client_id, head.body_at)
        return encode_answer(oldest, api_versions(Code.UNSUPPORTED_VERSION))
    try:
        schema = response_schema(head.api_key, head.version)
    except Exception as problem:
        raise Malformed(f"API {head.api_key} has no version {head.version}") from problem
    if "error_code" not in schema.__dataclass_fields__:
        raise Malformed(f"API {head.api_key} version {head.version} is not served")
    return encode_answer(head, {"error_code": Code.UNSUPPORTED_VERSION})
