"""Reading many records at once with a plain consumer: catching up at start, and rebuilding.

Faust costs a quarter of a millisecond an event whatever is done with it; a bare consumer hands over whole batches.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from govault.errors import EventLog
from schemas.topics import Topic
from streams.connection import Connection
from streams.records import Record, record_of

_log = logging.getLogger(__name__)

Place = tuple[Topic, int]
RECORDS_PER_BATCH = 250
"""What folding so many leaves in memory stays in a processor's own cache; of 1,000 it does not."""

FETCH_BYTES_MAX = 1024 * 1024
FETCH_TIMEOUT_S = 30.0
_POLL_MS = 1_000
_FETCH_WAIT_MS = 20
"""Only what is in the log is asked for, so a fetch need not wait; at a partition's end it would hold up the others."""

_RETRY_MS = 10
"""Before a new consumer knows who leads a partition it asks again after this, several times in a row at each start."""

Progress = Callable[[int, int], None]


class BulkReader:
    """A consumer without a group over some partitions. Used by one task; close it after use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._consumer: Any = None

    async def __aenter__(self) -> "BulkReader":
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=4 * FETCH_BYTES_MAX,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            check_crcs=True,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            retry_backoff_ms=_RETRY_MS,
            **self._connection.client_settings("govault-bulk"),
        )
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._consumer.stop()
            raise EventLog(f"the log at {self._connection.bootstrap} cannot be read: {error!r}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        # aiokafka cancels a task of its own and awaits it; one that never ran would seem to cancel us.
        await asyncio.sleep(0)
        await self._consumer.stop()

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """(first kept offset, next offset) of each partition.

        Raises:
            EventLog: The log does not say.
        """
        by_name = {self._named(place): place for place in places}
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                first = await self._consumer.beginning_offsets(list(by_name))
                end = await self._consumer.end_offsets(list(by_name))
        except (KafkaError, OSError, TimeoutError) as error:
            raise EventLog(f"the log does not say where its topics begin and end: {error!r}") from error
        return {place: (first[name], end[name]) for name, place in by_name.items()}

    async def read(
        self, starts: Mapping[Place, int], ends: Mapping[Place, int]
    ) -> AsyncIterator[tuple[Place, Sequence[Record]]]:
        """Records of [start, end) of each partition, in order within each, some of one partition at a time.

        Raises:
            EventLog: The log fails, or stays silent before the end.
        """
        wanted = {place: ends[place] for place, start in starts.items() if start < ends[place]}
        names = {self._named(place): place for place in wanted}
        self._consumer.assign(list(names))
        for name, place in names.items():
            self._consumer.seek(name, starts[place])
        while wanted:
            for name, batch in (await self._fetch(list(map(self._named, wanted)))).items():
                place = names[name]
                end = wanted[place]
                for records in _portions(place, batch, end):
                    yield place, records
                if batch[-1].offset >= end - 1:
                    del wanted[place]
                    self._consumer.pause(name)

    async def _fetch(self, names: list[Any]) -> dict[Any, list[Any]]:
        waited_s = 0.0
        while True:
            try:
                found: dict[Any, list[Any]] = await self._consumer.getmany(
                    *names, timeout_ms=_POLL_MS, max_records=RECORDS_PER_BATCH
                )
            except (KafkaError, OSError) as error:
                raise EventLog(f"the log cannot be read on: {error!r}") from error
            if found:
                return found
            waited_s += _POLL_MS / 1000
            if waited_s >= FETCH_TIMEOUT_S:
                raise EventLog(f"the log at {self._connection.bootstrap} gave no record for {FETCH_TIMEOUT_S:g} s")

    def _named(self, place: Place) -> TopicPartition:
        return TopicPartition(self._connection.topic_name(place[0]), place[1])


def _portions(place: Place, batch: list[Any], end: int) -> Iterator[Sequence[Record]]:
    topic, partition = place
    for first in range(0, len(batch), RECORDS_PER_BATCH):
        portion = [
            record_of(topic, partition, one.offset, one.timestamp, one.key, one.value, one.headers)
            for one in batch[first : first + RECORDS_PER_BATCH]
            if one.offset < end
        ]
        if portion:
            yield portion
