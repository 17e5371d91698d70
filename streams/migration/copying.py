"""Copying partitions: each record at its offset, in order, with its time; what is there already stays."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from govault.errors import EventLog
from schemas.topics import TOPICS, Topic
from streams.connection import Connection
from streams.migration.comparing import compare
from streams.migration.places import FILLER_KEY, Bounds, ExactRecord, Place, PlaceReader
from streams.topics import MESSAGE_BYTES_MAX

SENT_AT_ONCE_MAX = 2_000
SENT_BYTES_AT_ONCE_MAX = 8 * 1024 * 1024
SEND_TIMEOUT_S = 60.0
_BATCH_BYTES = 256 * 1024
_LINGER_MS = 5
_KEPT_FOR_EVER = {spec.topic for spec in TOPICS if spec.retention_ms == -1 and not spec.compacted}

Said = Callable[[int, int, str], None]


async def check_beginning(source: PlaceReader, target: PlaceReader, place: Place, of: Bounds, there: Bounds) -> None:
    """What the target has of a partition must be the beginning of what the source has.

    Raises:
        EventLog: It is not (``event-log.foreign``), or a log cannot be read.
    """
    (first, end), (first_there, end_there) = of, there
    if end_there > end or (first_there > first and place[0] in _KEPT_FOR_EVER):
        raise EventLog(
            f"the target has records {first_there} to {end_there} of {place[0].value}/{place[1]}, this vault has "
            f"{first} to {end}: the target is not a copy of this vault, or was written to already. Migrate to another "
            "cluster, or remove those topics there first if nobody needs them",
            code="event-log.foreign",
        )
    if end_there > first_there:
        await compare(source, target, place, max(first, first_there), end_there)


async def copy_partition(
    source: PlaceReader, target: PlaceReader, producer: AIOKafkaProducer, place: Place, of: Bounds, there: Bounds
) -> int:
    """Bring the target's partition, whose beginning was checked, to the source's end; how many records were copied.

    Raises:
        EventLog: The source lacks records that are kept for ever, something else writes to the target, or a log fails.
    """
    (first, end), (_, end_there) = of, there
    sender = _Sender(producer, target.named(place), end_there)
    async for records in source.read(place, max(first, end_there), end):
        for record in records:
            if record.offset > sender.next_offset and place[0] in _KEPT_FOR_EVER:
                raise EventLog(
                    f"the log lacks records {sender.next_offset} to {record.offset - 1} of {place[0].value}/{place[1]}"
                )
            await sender.fill(record.offset, record.time_ms)
            await sender.send(record)
    await sender.fill(end, 0)
    await sender.flush()
    return max(0, end - max(first, end_there))


@asynccontextmanager
async def copying_producer(connection: Connection) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that keeps order and writes nothing twice."""
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        max_batch_size=_BATCH_BYTES,
        max_request_size=2 * MESSAGE_BYTES_MAX,
        **connection.client_settings("govault-migration"),
    )
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await producer.start()
        yield producer
    except (KafkaError, OSError, TimeoutError) as error:
        raise EventLog(
            f"the target at {connection.bootstrap} stopped taking records: {error!r}. Run the same command again: it "
            "goes on where it ended"
        ) from error
    finally:
        await producer.stop()


class _Sender:
    """Sends into one partition and sees that everything lands at its offset."""

    def __init__(self, producer: AIOKafkaProducer, name: Any, next_offset: int) -> None:
        self.next_offset = next_offset
        self._producer = producer
        self._name = name
        self._sent: list[tuple[int, Awaitable[Any]]] = []
        self._bytes = 0

    async def send(self, record: ExactRecord) -> None:
        """Send a record; its offset must be the next one."""
        assert record.offset == self.next_offset, f"{record.offset} does not follow {self.next_offset - 1}"
        landing = await self._producer.send(
            self._name.topic,
            record.value,
            record.key,
            self._name.partition,
            timestamp_ms=record.time_ms,
            headers=list(record.headers),
        )
        self._sent.append((record.offset, landing))
        self._bytes += len(record.value or b"") + len(record.key or b"")
        self.next_offset += 1
        if len(self._sent) >= SENT_AT_ONCE_MAX or self._bytes >= SENT_BYTES_AT_ONCE_MAX:
            await self.flush()

    async def fill(self, until: int, time_ms: int) -> None:
        """Put empty records up to an offset, so that what follows keeps its own."""
        while self.next_offset < until:
            await self.send(ExactRecord(self.next_offset, time_ms, FILLER_KEY, None, ()))

    async def flush(self) -> None:
        """Return when everything sent is durable, at the offsets it has to be at.

        Raises:
            EventLog: Something else writes there too.
        """
        async with asyncio.timeout(SEND_TIMEOUT_S):
            for offset, landing in self._sent:
                landed = await landing
                if landed.offset != offset:
                    raise EventLog(
                        f"record {offset} of {self._name.topic}/{self._name.partition} landed at {landed.offset} in "
                        "the target: something else writes there. Stop it, remove the topics there, and begin anew",
                        code="event-log.foreign",
                    )
        self._sent.clear()
        self._bytes = 0


def begins_later(of: Mapping[Place, Bounds], there: Mapping[Place, Bounds]) -> dict[Place, int]:
    """Partitions whose first records have expired in the source but not in the target, with where they must begin."""
    return {
        place: first for place, (first, _) in of.items() if first > there[place][0] and place[0] not in _KEPT_FOR_EVER
    }


def all_places(files_partitions: int) -> list[Place]:
    """Every partition of a vault."""
    return [
        (spec.topic, number)
        for spec in TOPICS
        for number in range(files_partitions if spec.topic is Topic.FILES else spec.partitions or 1)
    ]
