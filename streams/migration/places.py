"""One partition as a migration reads it: exactly, with what a reader of events may overlook."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from blake3 import blake3

from govault.errors import EventLog
from schemas.topics import Topic
from streams.connection import Connection

FILLER_KEY = b"govault-no-record"
"""Key of the empty records that stand where the source has no record any more (expired, compacted)."""
FETCH_TIMEOUT_S = 30.0
_FETCH_BYTES_MAX = 4 * 1024 * 1024
_POLL_MS = 1_000
_FETCH_WAIT_MS = 20

Place = tuple[Topic, int]
Bounds = tuple[int, int]


class ExactRecord(NamedTuple):
    """A record as it stands: a missing key or value (a tombstone) is not an empty one."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def is_filler(self) -> bool:
        """Whether it only holds a place."""
        return self.key == FILLER_KEY and self.value is None

    def hash(self) -> bytes:
        """BLAKE3 over every field, each behind its length."""
        hashed = blake3(b"%d %d" % (self.offset, self.time_ms))
        fields = [self.key, self.value]
        for name, content in self.headers:
            fields += (name.encode(), content)
        for field in fields:
            hashed.update(b" -" if field is None else b" %d:" % len(field) + field)
        return hashed.digest()


class PlaceReader:
    """A consumer without a group that reads one partition at a time. Used by one task; close it after use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES_MAX,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            **self._connection.client_settings("govault-migration"),
        )
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._consumer.stop()
            raise EventLog(f"the log at {self._connection.bootstrap} cannot be reached: {error!r}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def bounds(self, places: Sequence[Place]) -> Mapping[Place, Bounds]:
        """(first kept offset, next offset) of each partition.

        Raises:
            EventLog: The log does not say.
        """
        by_name = {self.named(place): place for place in places}
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                first = await self._consumer.beginning_offsets(list(by_name))
                end = await self._consumer.end_offsets(list(by_name))
        except (KafkaError, OSError, TimeoutError) as error:
            raise EventLog(
                f"the log at {self._connection.bootstrap} does not say where its topics begin and end: {error!r}"
            ) from error
        return {place: (first[name], end[name]) for name, place in by_name.items()}

    async def read(self, place: Place, start: int, end: int) -> AsyncIterator[list[ExactRecord]]:
        """Records of [start, end) in order, some at a time; offsets without a record are left out.

        Raises:
            EventLog: The log fails, or stays silent before the end.
        """
        if start >= end:
            return
        name = self.named(place)
        self._consumer.assign([name])
        self._consumer.seek(name, start)
        silent_s = 0.0
        while await self._consumer.position(name) < end:
            try:
                batch = (await self._consumer.getmany(name, timeout_ms=_POLL_MS)).get(name, [])
            except (KafkaError, OSError) as error:
                raise EventLog(f"{name.topic}/{name.partition} cannot be read on: {error!r}") from error
            silent_s = 0.0 if batch else silent_s + _POLL_MS / 1000
            if silent_s >= FETCH_TIMEOUT_S:
                raise EventLog(f"{name.topic}/{name.partition} gave no record for {silent_s:g} s")
            records = [
                ExactRecord(one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
                for one in batch
                if one.offset < end
            ]
            if records:
                yield records

    def named(self, place: Place) -> TopicPartition:
        """The partition's name in the log."""
        return TopicPartition(self._connection.topic_name(place[0]), place[1])
