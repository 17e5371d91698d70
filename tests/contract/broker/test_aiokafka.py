"""What aiokafka (and so Faust) relies on."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import OffsetAndMetadata

from tests.contract.broker.under_test import BrokerUnderTest

WAIT_S = 20


async def produced(broker: BrokerUnderTest, topic: str, values: list[bytes], partition: int = 0) -> list[int]:
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all", enable_idempotence=True) as producer:
        sent = [await producer.send(topic, value, partition=partition) for value in values]
        return [(await one).offset for one in sent]


async def consumed(consumer: AIOKafkaConsumer, count: int) -> list:
    out: list = []
    async with asyncio.timeout(WAIT_S):
        while len(out) < count:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                out += records
    return out


def reading(broker: BrokerUnderTest, *topics: str, **settings) -> AIOKafkaConsumer:
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return AIOKafkaConsumer(*topics, **broker.aiokafka(), **(defaults | settings))


async def test_records_come_back_in_order_with_keys_headers_and_offsets(broker: BrokerUnderTest, topic: str) -> None:
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer:
        for n in range(50):
            done = await producer.send_and_wait(
                topic, b"v%d" % n, key=b"k%d" % n, headers=[("h", b"%d" % n), ("empty", b"")], partition=1
            )
            assert (done.partition, done.offset) == (1, n)
    async with reading(broker, topic) as consumer:
        records = await consumed(consumer, 50)
    assert [(r.offset, r.key, r.value) for r in records] == [(n, b"k%d" % n, b"v%d" % n) for n in range(50)]
    assert records[7].headers == (("h", b"7"), ("empty", b""))


async def test_a_tombstone_and_an_empty_value_stay_different(broker: BrokerUnderTest, topic: str) -> None:
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer:
        await producer.send_and_wait(topic, None, key=b"k", partition=0)
        await producer.send_and_wait(topic, b"", key=b"k", partition=0)
    async with reading(broker, topic) as consumer:
        assert [r.value for r in await consumed(consumer, 2)] == [None, b""]


async def test_records_carry_the_append_time_and_it_never_falls(broker: BrokerUnderTest, topic: str) -> None:
    before = int(time.time() * 1000) - 50
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer:
        for n in range(20):
            await producer.send_and_wait(topic, b"x", timestamp_ms=5 * n + 1, partition=0)
    async with reading(broker, topic) as consumer:
        records = await consumed(consumer, 20)
    times = [r.timestamp for r in records]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= time.time() * 1000 + 50
    assert {r.timestamp_type for r in records} == {1}


async def test_offsets_are_found_by_time(broker: BrokerUnderTest, topic: str) -> None:
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer:
        times = [(await producer.send_and_wait(topic, b"x" * 500, partition=0)).timestamp for _ in range(300)]
    place = TopicPartition(topic, 0)
    async with reading(broker) as consumer:
        consumer.assign([place])
        for wanted in (0, 1, 150, 299):
            found = (await consumer.offsets_for_times({place: times[wanted]}))[place]
            assert (found.offset, found.timestamp) == (times.index(times[wanted]), times[wanted])
        later = await consumer.offsets_for_times({place: times[-1] + 60_000})
        assert later[place] is None
        assert await consumer.beginning_offsets([place]) == {place: 0}
        assert await consumer.end_offsets([place]) == {place: 300}


async def test_reading_starts_anywhere(broker: BrokerUnderTest, topic: str) -> None:
    await produced(broker, topic, [b"%d" % n for n in range(500)])
    place = TopicPartition(topic, 0)
    async with reading(broker) as consumer:
        consumer.assign([place])
        for start in (499, 0, 250, 123):
            consumer.seek(place, start)
            record = await asyncio.wait_for(consumer.getone(), WAIT_S)
            assert (record.offset, record.value) == (start, b"%d" % start)


async def test_a_waiting_reader_wakes_when_something_is_written(broker: BrokerUnderTest, topic: str) -> None:
    async with (
        reading(broker, fetch_max_wait_ms=30_000, request_timeout_ms=40_000) as consumer,
        AIOKafkaProducer(**broker.aiokafka(), acks="all") as producer,
    ):
        consumer.assign([TopicPartition(topic, 0)])
        first = asyncio.create_task(consumer.getone())
        await asyncio.wait({first}, timeout=0.5)
        assert not first.done()
        await producer.send_and_wait(topic, b"wake", partition=0)
        # Far below the 30 s that the fetch would wait.
        assert (await asyncio.wait_for(first, 10)).value == b"wake"


async def test_an_idempotent_producer_writes_everything_once(broker: BrokerUnderTest, topic: str) -> None:
    offsets = await produced(broker, topic, [b"%d" % n for n in range(2000)])
    assert offsets == list(range(2000))


async def test_large_records_pass_and_too_large_ones_are_refused(
    broker: BrokerUnderTest, admin: AIOKafkaAdminClient
) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "2000000"})])
    async with AIOKafkaProducer(**broker.aiokafka(), acks="all", max_request_size=4_000_000) as producer:
        await producer.send_and_wait(name, b"x" * 1_900_000)
        with pytest.raises(Exception, match=r"(?i)too ?large|larger"):
            await producer.send_and_wait(name, b"x" * 2_100_000)
    async with reading(broker, name, max_partition_fetch_bytes=1000) as consumer:
        assert len((await consumed(consumer, 1))[0].value) == 1_900_000


async def test_topics_are_not_made_by_asking_for_them(only_embedded: BrokerUnderTest) -> None:
    async with AIOKafkaProducer(**only_embedded.aiokafka(), request_timeout_ms=1000) as producer:
        assert await producer.client.force_metadata_update()
        with pytest.raises((UnknownTopicOrPartitionError, TimeoutError, Exception)):
            await asyncio.wait_for(producer.send_and_wait("never-made", b"x"), 3)
    admin = AIOKafkaAdminClient(**only_embedded.aiokafka())
    await admin.start()
    assert "never-made" not in await admin.list_topics()
    await admin.close()


async def test_topics_are_made_described_and_removed(broker: BrokerUnderTest, admin: AIOKafkaAdminClient) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    await admin.create_topics([NewTopic(name, 3, 1, topic_configs={"retention.ms": "1000"})])
    again = await admin.create_topics([NewTopic(name, 3, 1)])
    assert again.topic_errors[0][1] == TopicAlreadyExistsError.errno
    described = await admin.describe_topics([name])
    assert len(described[0]["partitions"]) == 3
    await admin.delete_topics([name])
    async with asyncio.timeout(WAIT_S):
        # What Kafka's metadata says comes a little after its answer.
        while name in await admin.list_topics():
            pass


async def test_a_topic_made_again_is_empty_and_forgets_offsets(
    broker: BrokerUnderTest, admin: AIOKafkaAdminClient, topic: str
) -> None:
    await produced(broker, topic, [b"old"] * 10)
    group = f"g-{uuid.uuid4().hex[:8]}"
    place = TopicPartition(topic, 0)
    async with reading(broker, group_id=group) as consumer:
        consumer.assign([place])
        await consumer.commit({place: OffsetAndMetadata(10, "")})
    await admin.delete_topics([topic])
    async with asyncio.timeout(WAIT_S):
        # Kafka removes a topic some time after it said so; until then the name is taken.
        while (await admin.create_topics([NewTopic(topic, 2, 1)])).topic_errors[0][1] != 0:
            pass
    assert await produced(broker, topic, [b"new"]) == [0]
    async with reading(broker, group_id=group) as consumer:
        consumer.assign([place])
        assert (await asyncio.wait_for(consumer.getone(), WAIT_S)).value == b"new"


async def test_a_group_goes_on_where_it_committed(broker: BrokerUnderTest, topic: str) -> None:
    await produced(broker, topic, [b"%d" % n for n in range(20)])
    group = f"g-{uuid.uuid4().hex[:8]}"
    async with reading(broker, topic, group_id=group) as consumer:
        await consumed(consumer, 20)
        await consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(13, "why")})
    async with reading(broker, topic, group_id=group) as consumer:
        assert [r.offset for r in await consumed(consumer, 7)] == list(range(13, 20))
        assert await consumer.committed(TopicPartition(topic, 0)) == 13


async def test_partitions_are_shared_and_taken_over_at_once_when_a_member_leaves(
    broker: BrokerUnderTest, topic: str
) -> None:
    group = f"g-{uuid.uuid4().hex[:8]}"
    long = {"group_id": group, "session_timeout_ms": 30_000, "heartbeat_interval_ms": 100, "metadata_max_age_ms": 1000}
    one, two = reading(broker, topic, **long), reading(broker, topic, **long)
    await one.start()
    await two.start()
    try:
        async with asyncio.timeout(WAIT_S):
            while not (len(one.assignment()) == 1 and len(two.assignment()) == 1):
                await asyncio.gather(one.getmany(timeout_ms=50), two.getmany(timeout_ms=50))
        assert one.assignment() | two.assignment() == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
        await two.stop()
        # Far below the session of 30 s.
        async with asyncio.timeout(10):
            while len(one.assignment()) != 2:
                await one.getmany(timeout_ms=50)
    finally:
        await one.stop()
        await two.stop()


async def test_a_static_member_comes_back_without_a_rebalance(broker: BrokerUnderTest, topic: str) -> None:
    group = f"g-{uuid.uuid4().hex[:8]}"

    def member() -> AIOKafkaConsumer:
        return reading(broker, topic, group_id=group, group_instance_id="node-1", session_timeout_ms=30_000)

    # A static member that stops does not leave: it keeps its place until its session ends.
    async with member() as first:
        await asyncio.wait_for(first.getmany(timeout_ms=500), WAIT_S)
        generation = first._coordinator.generation
        assert len(first.assignment()) == 2
    async with member() as second:
        async with asyncio.timeout(10):
            while len(second.assignment()) != 2:
                await second.getmany(timeout_ms=100)
        assert second._coordinator.generation == generation


async def test_the_reader_reads_and_writes_nothing(only_embedded: BrokerUnderTest, topic: str) -> None:
    await produced(only_embedded, topic, [b"seen"])
    reader = only_embedded.aiokafka(reader=True)
    async with AIOKafkaConsumer(topic, **reader, auto_offset_reset="earliest", group_id=f"reader-{topic}") as consumer:
        assert (await consumed(consumer, 1))[0].value == b"seen"
        await consumer.commit()
    async with AIOKafkaProducer(**reader, acks="all") as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"no", partition=0)
    admin = AIOKafkaAdminClient(**reader)
    await admin.start()
    made = await admin.create_topics([NewTopic("readers-topic", 1, 1)])
    assert made.topic_errors[0][1] == TopicAuthorizationFailedError.errno
    await admin.close()


async def test_the_reader_cannot_disturb_a_group_of_the_node(only_embedded: BrokerUnderTest, topic: str) -> None:
    group = f"g-{uuid.uuid4().hex[:8]}"
    async with reading(only_embedded, topic, group_id=group) as mine:
        await mine.getmany(timeout_ms=200)
        await mine.commit({TopicPartition(topic, 0): OffsetAndMetadata(0, "")})
        intruder = AIOKafkaConsumer(topic, **only_embedded.aiokafka(reader=True), group_id=group)
        with pytest.raises(GroupAuthorizationFailedError):
            await intruder.start()
        await intruder.stop()


async def test_a_group_that_the_reader_took_first_belongs_to_the_node_when_it_comes(
    only_embedded: BrokerUnderTest, topic: str
) -> None:
    await produced(only_embedded, topic, [b"%d" % n for n in range(5)])
    group = f"g-{uuid.uuid4().hex[:8]}"
    squatter = AIOKafkaConsumer(
        topic, **only_embedded.aiokafka(reader=True), group_id=group, auto_offset_reset="earliest"
    )
    await squatter.start()
    await consumed(squatter, 5)
    await squatter.commit()
    async with reading(only_embedded, topic, group_id=group) as mine:
        assert [r.value for r in await consumed(mine, 5)] == [b"%d" % n for n in range(5)], "its offsets are gone too"
        assert len(mine.assignment()) == 2
    await squatter.stop()


async def test_wrong_credentials_are_refused(only_embedded: BrokerUnderTest) -> None:
    wrong = only_embedded.aiokafka() | {"sasl_plain_password": "guess"}
    producer = AIOKafkaProducer(**wrong)
    with pytest.raises(Exception, match=r"(?i)auth|bootstrap"):
        await producer.start()
    await producer.stop()


async def test_another_mechanism_is_refused(only_embedded: BrokerUnderTest) -> None:
    other = only_embedded.aiokafka() | {"sasl_mechanism": "SCRAM-SHA-256"}
    producer = AIOKafkaProducer(**other)
    with pytest.raises(Exception, match=r"(?i)mechanism|bootstrap"):
        await producer.start()
    await producer.stop()
