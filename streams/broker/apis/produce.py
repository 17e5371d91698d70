"""Produce: batches go into the next commit cycle; the answer waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from streams.broker.batches import BatchCorrupt, BatchFormatUnsupported, BatchInvalid
from streams.broker.codes import Code
from streams.broker.partition import BatchTooLarge
from streams.broker.producers import DuplicateForgotten, OutOfOrder, ProducerFenced
from streams.broker.protocol import Malformed, Request, answer_head
from streams.broker.records import CodecUnsupported
from streams.broker.wire import string, uvarint

if TYPE_CHECKING:
    from streams.broker.broker import Broker

_INT32 = Struct(">i")
_RESULT = Struct(">ihq")  # index, error, base offset
_TIMES = Struct(">qq")  # append time, log start
_INT64 = Struct(">q")

_ERRORS: dict[type[Exception], Code] = {
    BatchTooLarge: Code.MESSAGE_TOO_LARGE,
    BatchFormatUnsupported: Code.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    BatchCorrupt: Code.CORRUPT_MESSAGE,
    BatchInvalid: Code.INVALID_RECORD,
    CodecUnsupported: Code.UNSUPPORTED_COMPRESSION_TYPE,
    DuplicateForgotten: Code.DUPLICATE_SEQUENCE_NUMBER,
    OutOfOrder: Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ProducerFenced: Code.INVALID_PRODUCER_EPOCH,
}


@dataclass(slots=True, frozen=True)
class Result:
    """The answer for one partition."""

    index: int
    error: Code
    base_offset: int = -1
    time_ms: int = -1
    log_start: int = -1
    message: str | None = None


Results = list[tuple[str, list[Result]]]


def produce(broker: Broker, request: Request) -> bytes | asyncio.Future[bytes] | None:
    """Append every partition's batch; None when the producer wants no answer (acks=0)."""
    body = request.body
    refused = _refusal(request)
    results: Results = []
    appended = False
    for topic in body.topic_data:
        rows = []
        for data in topic.partition_data:
            row = refused(data.index) if refused else _append(broker, topic.name, data.index, data.records)
            appended = appended or row.error is Code.NONE
            rows.append(row)
        results.append((topic.name, rows))
    if body.acks == 0:
        if appended:
            broker.committer.committed()
        refusals = [row for _, rows in results for row in rows if row.error is not Code.NONE]
        if refusals:
            # The only way to tell a producer that wants no answers.
            raise Malformed(f"produce without acknowledgement: {refusals[0].error.name}")
        return None
    done = broker.committer.settled() if appended else None
    if done is None:
        return answer(request, results)
    return _after(done, request, results)


def _refusal(request: Request) -> Callable[[int], Result] | None:
    """What to answer for every partition when nothing of the request is taken."""
    if not request.may_write:
        return lambda index: Result(index, Code.TOPIC_AUTHORIZATION_FAILED)
    if request.body.acks not in (-1, 0, 1):
        return lambda index: Result(index, Code.INVALID_REQUIRED_ACKS)
    return None


def _append(broker: Broker, topic: str, index: int, records: bytes | None) -> Result:
    partition = broker.store.partition(topic, index)
    if partition is None:
        return Result(index, Code.UNKNOWN_TOPIC_OR_PARTITION)
    if not records:
        return Result(index, Code.INVALID_RECORD, message="no record batch")
    if not broker.space.take(len(records)) and not partition.is_repeat(records):
        return Result(index, Code.POLICY_VIOLATION, message="no space left for the log: free some and send again")
    try:
        place = broker.store.append(partition, records, broker.now_ms())
    except tuple(_ERRORS) as problem:
        return Result(index, _ERRORS[type(problem)], message=str(problem))
    return Result(index, Code.NONE, place.base_offset, place.time_ms, partition.log_start)


def _after(done: asyncio.Future[None], request: Request, results: Results) -> asyncio.Future[bytes]:
    out: asyncio.Future[bytes] = done.get_loop().create_future()

    def resolve(done: asyncio.Future[None]) -> None:
        # After a failure nobody is answered: what was sent may be lost.
        if not out.done() and done.exception() is None:
            out.set_result(answer(request, results))

    done.add_done_callback(resolve)
    return out


def answer(request: Request, results: Results) -> bytes:
    """Encode the answer by hand: this is the hot path of every write."""
    version = request.version
    flexible = version >= 9
    out = [answer_head(request.head), _count(len(results), flexible)]
    for topic, rows in results:
        out.append(string(topic, flexible=flexible))
        out.append(_count(len(rows), flexible))
        out.extend(_row(row, version) for row in rows)
        if flexible:
            out.append(b"\0")
    if version >= 1:
        out.append(b"\0\0\0\0")
    if flexible:
        out.append(b"\0")
    return b"".join(out)


def _count(count: int, flexible: bool) -> bytes:
    return uvarint(count + 1) if flexible else _INT32.pack(count)


def _row(row: Result, version: int) -> bytes:
    data = _RESULT.pack(row.index, row.error, row.base_offset)
    if version >= 5:
        data += _TIMES.pack(row.time_ms, row.log_start)
    elif version >= 2:
        data += _INT64.pack(row.time_ms)
    if version >= 9:
        # No record errors, the message, no tagged fields.
        data += b"\x01" + (b"\0" if row.message is None else string(row.message, flexible=True)) + b"\0"
    elif version == 8:
        data += b"\0\0\0\0" + (b"\xff\xff" if row.message is None else string(row.message, flexible=False))
    return data
