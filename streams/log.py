"""The write side of the log on aiokafka: durable before it returns, in order, bounded in flight."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    PolicyViolationError,
    RecordTooLargeError,
    RequestTimedOutError,
)

from govault.domain.position import Position
from govault.errors import EventLog, OutcomePending, StorageFull, TooLarge
from govault.limits import EVENT_BYTES_MAX
from schemas.codec import encode
from schemas.envelope import Event
from schemas.topics import Topic
from streams.connection import Connection
from streams.records import headers_of

_log = logging.getLogger(__name__)

APPENDS_AT_ONCE_MAX = 1_024
APPEND_TIMEOUT_S = 20.0
ASK_TIMEOUT_S = 15.0
_RETRY_MS = 10
"""Until the asker knows who leads a partition it asks again after this, several times in a row."""
_OVERHEAD_BYTES = 16 * 1024
_LOG_APPEND_TIME = 1
"""A record's kind of timestamp: the log's, not the writer's."""
_UNCERTAIN = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError)


class KafkaEventLog:
    """``EventLog`` on a Kafka-protocol log.

    An append that timed out may still be written: its event's ``not_after`` keeps it from landing late.

    Attributes:
        on_append: Told the log's time of each record as it is confirmed, in ms. Must not raise.
    """

    def __init__(self, connection: Connection, mac_key: bytes, files_partitions: int) -> None:
        self._connection = connection
        self._files_partitions = files_partitions
        self._mac_key = mac_key
        self._names = {topic: connection.topic_name(topic) for topic in Topic}
        self._producer: AIOKafkaProducer | None = None
        self._asker: AIOKafkaConsumer | None = None
        self._room = asyncio.Semaphore(APPENDS_AT_ONCE_MAX)
        self._renewing = asyncio.Lock()
        self.on_append: Callable[[int], None] = lambda _: None

    async def start(self) -> None:
        """Connect.

        Raises:
            EventLog: The log cannot be reached, or refuses the credentials.
        """
        self._producer = self._new_producer()
        self._asker = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            retry_backoff_ms=_RETRY_MS,
            **self._connection.client_settings("govault-asker"),
        )
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._producer.start()
                await self._asker.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self.stop()
            raise EventLog(f"the log at {self._connection.bootstrap} cannot be reached: {error!r}") from error

    async def stop(self, grace_s: float = ASK_TIMEOUT_S) -> None:
        """Send what is buffered, then disconnect; each client within ``grace_s``. May be called twice."""
        producer, asker, self._producer, self._asker = self._producer, self._asker, None, None
        for client in (producer, asker):
            if client is not None:
                await _stop(client, grace_s)

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_request_size=EVENT_BYTES_MAX + _OVERHEAD_BYTES,
            **self._connection.client_settings("govault-writer"),
        )

    async def _renew(self, broken: AIOKafkaProducer) -> None:
        """Take a fresh producer in place of one whose batch was refused.

        An idempotent producer numbers its batches, and the log takes no number after one that it refused: without this,
        one refusal (a full disk, say) would be the last thing this node ever wrote.
        """
        async with self._renewing:
            if self._producer is not broken:
                return
            fresh = self._new_producer()
            try:
                async with asyncio.timeout(ASK_TIMEOUT_S):
                    await fresh.start()
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("no fresh producer yet: %r", error)
                await _stop(fresh, ASK_TIMEOUT_S)
                return
            self._producer = fresh
            await _stop(broken, ASK_TIMEOUT_S)

    async def append(self, event: Event, partition: int) -> Position:
        """Write an event (see the port)."""
        topic = event.data.TOPIC
        key, value = event.subject.encode(), encode(event)
        if len(value) > EVENT_BYTES_MAX:
            raise TooLarge(f"the event takes {len(value)} bytes, at most {EVENT_BYTES_MAX} fit; do it in smaller parts")
        return await self._send(Position(topic, partition, -1), key, value, event.id)

    async def put(self, topic: Topic, key: bytes, value: bytes | None) -> Position:
        """Set what a compacted topic keeps of a key (see the port)."""
        return await self._send(Position(topic, 0, -1), key, value, f"{topic.value} of {key.decode()}")

    async def _send(self, place: Position, key: bytes, value: bytes | None, event_id: str) -> Position:
        """Write a record; the place's offset is yet unknown."""
        producer = self._producer
        if producer is None:
            raise EventLog("the log is closed: the node is stopping")
        if self._room.locked():
            raise EventLog(f"{APPENDS_AT_ONCE_MAX} writes wait for the log already; try again later")
        async with self._room:
            return await self._sent(producer, place, key, value, event_id)

    async def _sent(
        self, producer: AIOKafkaProducer, place: Position, key: bytes, value: bytes | None, event_id: str
    ) -> Position:
        topic, partition = place.topic, place.partition
        headers = headers_of(topic, partition, key, value or b"", self._mac_key)
        sent = None
        try:
            async with asyncio.timeout(APPEND_TIMEOUT_S):
                sent = await producer.send(self._names[topic], value, key, partition, headers=headers)
                # Whoever gives up waiting must not cancel a batch that carries other writers' events too.
                written = await asyncio.shield(sent)
        except (MessageSizeTooLargeError, RecordTooLargeError) as error:
            raise TooLarge(
                f"the log refuses an event of {len(value or b'')} bytes: raise its message.max.bytes"
            ) from error
        except (TimeoutError, *_UNCERTAIN) as error:
            if sent is None:
                raise EventLog(f"the log cannot be reached; event {event_id} was not written") from error
            raise OutcomePending(
                f"the log did not confirm event {event_id} in time; ask for its outcome later", event_id=event_id
            ) from error
        except PolicyViolationError as error:
            await self._renew(producer)
            raise StorageFull(
                f"the disk of the log is full; event {event_id} was not written. Free space and repeat"
            ) from error
        except KafkaError as error:
            await self._renew(producer)
            raise EventLog(f"the log refused event {event_id}: {error!r}") from error
        if written.timestamp_type == _LOG_APPEND_TIME:
            self.on_append(written.timestamp)
        return Position(topic, partition, written.offset)

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """The next offset of each partition."""
        if self._asker is None:
            raise EventLog("the log is closed: the node is stopping")
        try:
            places = [TopicPartition(self._names[topic], number) for number in self._partitions(topic)]
            async with asyncio.timeout(ASK_TIMEOUT_S):
                offsets = await self._asker.end_offsets(places)
        except (KafkaError, OSError, TimeoutError) as error:
            raise EventLog(f"the log does not say where {topic.value} ends: {error!r}") from error
        return {place.partition: offset for place, offset in offsets.items()}

    def _partitions(self, topic: Topic) -> range:
        return range(self._files_partitions if topic is Topic.FILES else 1)


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer, grace_s: float) -> None:
    try:
        async with asyncio.timeout(grace_s):
            await client.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        _log.warning("a client of the log did not stop cleanly: %r", error)
