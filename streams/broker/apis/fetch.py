"""Fetch: durable batches at once, or as soon as enough of them are there.

Fetch sessions are not kept: session id 0 in the answer tells clients to name all partitions
every time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any

from streams.broker.batches import BatchInvalid
from streams.broker.codes import Code
from streams.broker.limits import FETCH_BYTES_MAX, FETCH_PARTITIONS_MAX, FETCH_WAIT_S_MAX
from streams.broker.partition import OffsetOutOfRange, Partition
from streams.broker.protocol import Request, answer_head
from streams.broker.wire import string, uvarint

if TYPE_CHECKING:
    from streams.broker.broker import Broker

Buffers = list[bytes | memoryview]

_INT32 = Struct(">i")
_TOP = Struct(">ihi")  # throttle, error, session id
_MARKS = Struct(">ihqq")  # index, error, high watermark, last stable offset
_INT64 = Struct(">q")
_NOTHING = memoryview(b"")
_NO_REPLICA = b"\xff\xff\xff\xff"


@dataclass(slots=True, frozen=True)
class Wanted:
    """A partition that a fetch asks for."""

    topic: str
    index: int
    offset: int
    max_bytes: int
    partition: Partition | None


@dataclass(slots=True, frozen=True)
class Found:
    """The answer for one partition."""

    error: Code
    durable_offset: int = -1
    log_start: int = -1
    data: memoryview = _NOTHING


def fetch(broker: Broker, request: Request) -> Buffers | asyncio.Future[Buffers]:
    """Answer at once when enough is there, otherwise with the batch that makes it enough."""
    body = request.body
    wanted = [
        Wanted(
            t.topic, p.partition, p.fetch_offset, p.partition_max_bytes, broker.store.partition(t.topic, p.partition)
        )
        for t in body.topics
        for p in t.partitions
    ]
    if len(wanted) > FETCH_PARTITIONS_MAX:
        return [_answer_error(request, Code.INVALID_REQUEST)]
    wait_s = min(body.max_wait.total_seconds(), FETCH_WAIT_S_MAX)
    if wait_s <= 0 or _is_enough(wanted, body.min_bytes):
        return _answer(request, wanted)
    return _Waiter(request, wanted, wait_s).future


class _Waiter:
    """A fetch that waits for bytes or for its time to run out."""

    def __init__(self, request: Request, wanted: list[Wanted], wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._request = request
        self._wanted = wanted
        self._scheduled = False
        self.future: asyncio.Future[Buffers] = loop.create_future()
        self.future.add_done_callback(self._ended)
        self._timer = loop.call_later(wait_s, self._answer)
        for want in wanted:
            if want.partition is not None:
                want.partition.watch(self._wake)

    def _wake(self) -> None:
        # All partitions of a cycle become durable in one step: look once, after it.
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._scheduled = False
        if not self.future.done() and _is_enough(self._wanted, self._request.body.min_bytes):
            self._answer()

    def _answer(self) -> None:
        if not self.future.done():
            self.future.set_result(_answer(self._request, self._wanted))

    def _ended(self, _: object) -> None:
        self._timer.cancel()
        for want in self._wanted:
            if want.partition is not None:
                want.partition.unwatch(self._wake)


def _is_enough(wanted: list[Wanted], min_bytes: int) -> bool:
    """Whether `min_bytes` lie ready, or an error has to be told."""
    total = 0
    for want in wanted:
        partition = want.partition
        if partition is None or partition.deleted:
            return True
        if not partition.log_start <= want.offset <= partition.durable_offset:
            return True
        try:
            total += partition.durable_bytes_from(want.offset)
        except (BatchInvalid, OSError):
            return True
    return total >= min_bytes


def _answer(request: Request, wanted: list[Wanted]) -> Buffers:
    left = min(getattr(request.body, "max_bytes", FETCH_BYTES_MAX), FETCH_BYTES_MAX)
    found: list[tuple[Wanted, Found]] = []
    got_any = False
    for want in wanted:
        # The first batch is given even when it is larger than the bounds, so that nobody is stuck.
        room = min(want.max_bytes, left) if got_any else max(min(want.max_bytes, left), 1)
        one = _read(want, room)
        got_any = got_any or len(one.data) > 0
        left -= len(one.data)
        found.append((want, one))
    return _encoded(request, found)


def _read(want: Wanted, room: int) -> Found:
    partition = want.partition
    if partition is None or partition.deleted:
        return Found(Code.UNKNOWN_TOPIC_OR_PARTITION)
    end, start = partition.durable_offset, partition.log_start
    try:
        data = partition.read(want.offset, room) if room > 0 else _NOTHING
    except OffsetOutOfRange:
        return Found(Code.OFFSET_OUT_OF_RANGE, end, start)
    except (BatchInvalid, OSError):
        return Found(Code.KAFKA_STORAGE_ERROR, end, start)
    return Found(Code.NONE, end, start, data)


def _answer_error(request: Request, code: Code) -> bytes:
    flexible = request.version >= 12
    top = _TOP.pack(0, code, 0) if request.version >= 7 else b"\0\0\0\0"
    return answer_head(request.head) + top + (b"\x01\0" if flexible else b"\0\0\0\0")


def _encoded(request: Request, found: list[tuple[Wanted, Found]]) -> Buffers:
    """Encode by hand; records go out as views of what was read, without a copy."""
    version = request.version
    flexible = version >= 12
    aborted = _aborted(request.body, flexible)
    topics = _by_topic(found)
    text = [answer_head(request.head), _TOP.pack(0, 0, 0) if version >= 7 else b"\0\0\0\0"]
    text.append(uvarint(len(topics) + 1) if flexible else _INT32.pack(len(topics)))
    out: Buffers = []
    for topic, rows in topics:
        text.append(string(topic, flexible=flexible))
        text.append(uvarint(len(rows) + 1) if flexible else _INT32.pack(len(rows)))
        for want, one in rows:
            text.append(_MARKS.pack(want.index, one.error, one.durable_offset, one.durable_offset))
            if version >= 5:
                text.append(_INT64.pack(one.log_start))
            text.append(aborted)
            if version >= 11:
                text.append(_NO_REPLICA)
            text.append(uvarint(len(one.data) + 1) if flexible else _INT32.pack(len(one.data)))
            if len(one.data):
                out.append(b"".join(text))
                out.append(one.data)
                text = []
            if flexible:
                text.append(b"\0")
        if flexible:
            text.append(b"\0")
    if flexible:
        text.append(b"\0")
    if text:
        out.append(b"".join(text))
    return out


def _aborted(body: Any, flexible: bool) -> bytes:
    """No aborted transactions: null for readers of everything, an empty list for the others."""
    if body.isolation_level == 0:
        return b"\0" if flexible else b"\xff\xff\xff\xff"
    return b"\x01" if flexible else b"\0\0\0\0"


def _by_topic(found: list[tuple[Wanted, Found]]) -> list[tuple[str, list[tuple[Wanted, Found]]]]:
    topics: list[tuple[str, list[tuple[Wanted, Found]]]] = []
    for pair in found:
        if not topics or topics[-1][0] != pair[0].topic:
            topics.append((pair[0].topic, []))
        topics[-1][1].append(pair)
    return topics
