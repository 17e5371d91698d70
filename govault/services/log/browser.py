"""The log for people: where each partition stands, and its events decoded, dumped or followed."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from govault.errors import NotFound
from govault.limits import LOG_RECORDS_PER_REQUEST_MAX
from govault.ports import LogReader, LogRecord, ViewsMaintenance
from schemas.codec import MalformedEvent, verify_mac
from schemas.envelope import MAC_HEADER
from schemas.topics import Topic

_QUEUE = 64
_STOPPING_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class LogPartition:
    """One partition of the log.

    Attributes:
        begin: First kept offset; ``end`` the next one to be written.
        applied: Last offset folded into the views; None for topics that no view folds.
        lag: Records that the views have not applied; None as above.
        size_bytes: On disk; None where the log cannot say.
    """

    topic: str
    partition: int
    begin: int
    end: int
    applied: int | None
    lag: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class LogSlice:
    """Which records to read.

    Attributes:
        topic: None for all topics.
        partition: None for all partitions.
        start: First offset, in every partition that is read; ``stop`` the one to end before.
        since_ms: First append time; ``until_ms`` the append time to end before.
        last: Only that many at the end of each partition.
        limit: At most so many records altogether.
        follow: Go on with what is appended later.
    """

    topic: Topic | None = None
    partition: int | None = None
    start: int | None = None
    stop: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    last: int | None = None
    limit: int = LOG_RECORDS_PER_REQUEST_MAX
    follow: bool = False


class LogBrowser:
    """Reads the log record by record, beside the views."""

    def __init__(
        self,
        reader: LogReader,
        views: ViewsMaintenance,
        mac_key: bytes,
        sizes: Callable[[], Mapping[tuple[Topic, int], int]] = dict,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Args:
        mac_key: The vault's event key, to tell authentic records.
        sizes: Bytes each partition takes, where the log can say; blocks.
        stopping: Whether the node shuts down: then nothing is followed any more.
        """
        self._sizes = sizes
        self._stopping = stopping
        self._reader = reader
        self._views = views
        self._mac_key = mac_key

    async def status(self) -> list[LogPartition]:
        """Every partition of every topic.

        Raises:
            EventLog: The log cannot be reached.
        """
        applied = {(row.topic, row.partition): row.applied for row in self._views.status()}
        all_bounds = await asyncio.gather(*(self._reader.bounds(topic) for topic in Topic))
        sizes = await asyncio.to_thread(self._sizes)
        found: list[LogPartition] = []
        for topic, bounds in zip(Topic, all_bounds, strict=True):
            for partition, (begin, end) in sorted(bounds.items()):
                at = applied.get((topic, partition))
                lag = None if at is None else max(0, end - 1 - at)
                found.append(LogPartition(topic.value, partition, begin, end, at, lag, sizes.get((topic, partition))))
        return found

    async def records(self, asked: LogSlice) -> AsyncGenerator[bytes]:
        """One JSON document a record, each with a newline; merged by append time, and in order within a partition.

        Raises:
            NotFound: There is no such partition; before the first record.
            EventLog: The log cannot be reached.
        """
        spans = await self._spans(asked)
        return self._lines(self._followed(spans) if asked.follow else self._merged(spans), asked.limit)

    async def _lines(self, records: AsyncGenerator[LogRecord], limit: int) -> AsyncGenerator[bytes]:
        async with aclosing(records):
            async for record in records:
                yield self.describe(record)
                limit -= 1
                if limit <= 0:
                    return

    def describe(self, record: LogRecord) -> bytes:
        """A record as one line of JSON: where it stands and its event, or why it is none of ours."""
        document: dict[str, object] = {
            "position": str(record.position),
            "topic": record.position.topic.value,
            "partition": record.position.partition,
            "offset": record.position.offset,
            "time_ms": record.time_ms,
        }
        given = dict(record.headers).get(MAC_HEADER)
        try:
            verify_mac(self._mac_key, record.position.topic, record.position.partition, record.key, record.value, given)
            document["event"] = orjson.loads(record.value)
        except (MalformedEvent, orjson.JSONDecodeError) as error:
            document["malformed"] = str(error)
            document["key"] = base64.b64encode(record.key).decode()
            document["value"] = base64.b64encode(record.value).decode()
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)

    async def _spans(self, asked: LogSlice) -> list[tuple[Topic, int, int, int | None]]:
        spans: list[tuple[Topic, int, int, int | None]] = []
        topics = tuple(Topic) if asked.topic is None else (asked.topic,)
        all_bounds = await asyncio.gather(*(self._reader.bounds(topic) for topic in topics))
        for topic, bounds in zip(topics, all_bounds, strict=True):
            for partition, (begin, end) in sorted(bounds.items()):
                if asked.partition is not None and partition != asked.partition:
                    continue
                start = begin if asked.start is None else max(begin, asked.start)
                if asked.since_ms is not None:
                    at = await self._reader.offset_at(topic, partition, asked.since_ms)
                    start = max(start, end if at is None else at)
                stop = end if asked.stop is None else min(end, asked.stop)
                if asked.until_ms is not None:
                    at = await self._reader.offset_at(topic, partition, asked.until_ms)
                    stop = stop if at is None else min(stop, at)
                if asked.last is not None:
                    start = max(start, stop - asked.last)
                if asked.follow:
                    spans.append((topic, partition, start, None))
                elif start < stop:
                    spans.append((topic, partition, start, stop))
        if asked.partition is not None and not any(asked.partition in bounds for bounds in all_bounds):
            raise NotFound(f"there is no partition {asked.partition} there", code="not-found.partition")
        return spans

    async def _merged(self, spans: list[tuple[Topic, int, int, int | None]]) -> AsyncGenerator[LogRecord]:
        """Records of all spans by append time; each partition keeps its own order."""
        streams = [self._reader.read(*span) for span in spans]
        try:
            heads: list[tuple[LogRecord, AsyncGenerator[LogRecord]]] = []
            for stream in streams:
                head = await anext(stream, None)
                if head is not None:
                    heads.append((head, stream))
            while heads:
                index = min(range(len(heads)), key=lambda i: heads[i][0].time_ms)
                record, stream = heads[index]
                yield record
                following = await anext(stream, None)
                if following is None:
                    heads.pop(index)
                else:
                    heads[index] = (following, stream)
        finally:
            for stream in streams:
                await stream.aclose()

    async def _followed(self, spans: list[tuple[Topic, int, int, int | None]]) -> AsyncGenerator[LogRecord]:
        queue: asyncio.Queue[LogRecord] = asyncio.Queue(_QUEUE)

        async def follow(span: tuple[Topic, int, int, int | None]) -> None:
            async with aclosing(self._reader.read(*span)) as stream:
                async for record in stream:
                    await queue.put(record)

        tasks = [asyncio.create_task(follow(span)) for span in spans]
        taking = asyncio.create_task(queue.get())
        try:
            while not self._stopping():
                await asyncio.wait([taking, *tasks], timeout=_STOPPING_POLL_S, return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    yield taking.result()
                    taking = asyncio.create_task(queue.get())
                for task in tasks:
                    if task.done():
                        task.result()
                        return
        finally:
            taking.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(taking, *tasks, return_exceptions=True)
