"""What a log forgets by itself: records past their time, and older records of a key."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.contract.broker.under_test import BrokerUnderTest

# Both look round by a clock of their own: the embedded log every half minute.
WAIT_S = 90
SEGMENT = {"segment.bytes": "1048576", "message.timestamp.type": "LogAppendTime"}
"""The smallest segment that Kafka makes; only closed segments are forgotten."""
VALUE = b"x" * 20_000
RECORDS = 200
KEYS = 10


async def made(admin: AIOKafkaAdminClient, **settings: str) -> TopicPartition:
    name = f"f-{uuid.uuid4().hex[:12]}"
    answer = await admin.create_topics([NewTopic(name, 1, 1, topic_configs=SEGMENT | settings)])
    assert answer.topic_errors[0][1] == 0, answer
    return TopicPartition(name, 0)


async def filled(broker: BrokerUnderTest, place: TopicPartition) -> None:
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all", max_batch_size=65_536) as producer:
        for number in range(RECORDS):
            value, key = b"%d " % number + VALUE, b"key %d" % (number % KEYS)
            await producer.send_and_wait(place.topic, value, key, partition=0)


async def read_all(broker: BrokerUnderTest, place: TopicPartition) -> dict[int, tuple[bytes, bytes]]:
    out: dict[int, tuple[bytes, bytes]] = {}
    async with AIOKafkaConsumer(**broker.aiokafka(), auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        while await consumer.position(place) < RECORDS:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                out[record.offset] = (record.key, record.value)
    return out


@pytest.mark.slow
async def test_expired_records_and_older_ones_of_a_key_go_and_the_rest_keeps_its_offsets(
    broker: BrokerUnderTest, admin: AIOKafkaAdminClient
) -> None:
    expiring = await made(admin, **{"retention.ms": "1000"})
    large = await made(admin, **{"retention.bytes": "1048576"})
    compacted = await made(
        admin, **{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}
    )
    kept = await made(admin)
    for place in (expiring, large, compacted, kept):
        await filled(broker, place)

    async with asyncio.timeout(WAIT_S), AIOKafkaConsumer(**broker.aiokafka()) as consumer:
        while not all((await consumer.beginning_offsets([expiring, large])).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        while len(await read_all(broker, compacted)) > RECORDS * 3 // 4:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        # Whole segments go, by a clock of each log's own: what is left and when it goes is left open. That no offset
        # is given twice is not.
        assert await consumer.end_offsets([expiring, large, compacted, kept]) == dict.fromkeys(
            (expiring, large, compacted, kept), RECORDS
        )
        assert (await consumer.beginning_offsets([kept]))[kept] == 0
    newest = await read_all(broker, compacted)
    for number in range(RECORDS - KEYS, RECORDS):
        assert newest[number] == (b"key %d" % (number % KEYS), b"%d " % number + VALUE)
    assert all((key, value) == (b"key %d" % (at % KEYS), b"%d " % at + VALUE) for at, (key, value) in newest.items())
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer:
        assert (await producer.send_and_wait(expiring.topic, b"next", partition=0)).offset == RECORDS
