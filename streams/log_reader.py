"""``KafkaLogReader``: records of the log for people, checks and backups, each read on a consumer of its own."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from govault.domain.position import Position
from govault.errors import EventLog
from govault.ports import LogRecord
from schemas.topics import TOPICS, Topic
from streams.connection import Connection

REQUEST_TIMEOUT_S = 30.0
RECORDS_PER_FETCH = 500
_FETCH_BYTES_MAX = 4 * 1024 * 1024
_POLL_MS = 1_000


class KafkaLogReader:
    """``LogReader`` on aiokafka. Holds nothing between calls."""

    def __init__(self, connection: Connection, files_partitions: int) -> None:
        self._connection = connection
        self._partitions = {spec.topic: spec.partitions or files_partitions for spec in TOPICS}

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        names = [self._named(topic, partition) for partition in range(self._partitions[topic])]
        async with _Consumer(self._connection) as consumer:
            first = await _answer(consumer.beginning_offsets(names))
            end = await _answer(consumer.end_offsets(names))
        return {name.partition: (first[name], end[name]) for name in names}

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        name = self._named(topic, partition)
        async with _Consumer(self._connection) as consumer:
            found = (await _answer(consumer.offsets_for_times({name: time_ms}))).get(name)
        return None if found is None else int(found.offset)

    async def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        name = self._named(topic, partition)
        async with _Consumer(self._connection) as consumer:
            end = stop
            if stop is not None:
                end = min(stop, (await _answer(consumer.end_offsets([name])))[name])
                if start >= end:
                    return
            consumer.assign([name])
            consumer.seek(name, start)
            silent_s = 0.0
            while end is None or await consumer.position(name) < end:
                batch = (await _poll(consumer, name)).get(name, [])
                silent_s = 0.0 if batch else silent_s + _POLL_MS / 1000
                if stop is not None and silent_s >= REQUEST_TIMEOUT_S:
                    raise EventLog(f"the log gave no record of {name.topic}/{name.partition} for {silent_s:g} s")
                for one in batch:
                    if end is not None and one.offset >= end:
                        return
                    yield LogRecord(
                        Position(topic, partition, one.offset),
                        one.timestamp,
                        one.key or b"",
                        one.value or b"",
                        tuple((key, value) for key, value in one.headers),
                    )

    def _named(self, topic: Topic, partition: int) -> TopicPartition:
        return TopicPartition(self._connection.topic_name(topic), partition)


class _Consumer:
    """A started consumer without a group, stopped on the way out."""

    def __init__(self, connection: Connection) -> None:
        self._consumer: Any = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES_MAX,
            **connection.client_settings("govault-reader"),
        )

    async def __aenter__(self) -> Any:
        try:
            await _answer(self._consumer.start())
        except BaseException:
            # Also where it was cancelled: nobody else would stop a consumer that is half started.
            await self._consumer.stop()
            raise
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()


async def _answer(request: Any) -> Any:
    """An answer of the log in time.

    Raises:
        EventLog: There was none.
    """
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            return await request
    except (KafkaError, OSError, TimeoutError) as error:
        raise EventLog(f"the log does not answer: {error!r}") from error


async def _poll(consumer: Any, name: TopicPartition) -> dict[TopicPartition, list[Any]]:
    try:
        found: dict[TopicPartition, list[Any]] = await consumer.getmany(
            name, timeout_ms=_POLL_MS, max_records=RECORDS_PER_FETCH
        )
    except (KafkaError, OSError) as error:
        raise EventLog(f"the log cannot be read on: {error!r}") from error
    return found
