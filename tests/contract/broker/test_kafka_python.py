"""What kafka-python relies on: the newest versions of most requests."""

from __future__ import annotations

import uuid
import warnings

import pytest

with warnings.catch_warnings():
    # It reads its schemas by a function that Python has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import NewTopic

from tests.contract.broker.under_test import BrokerUnderTest

WAIT_S = 20


@pytest.fixture
def topic(broker: BrokerUnderTest) -> str:
    name = f"k-{uuid.uuid4().hex[:12]}"
    client = KafkaAdminClient(**broker.aiokafka())
    client.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    client.close()
    return name


@pytest.mark.parametrize("codec", [None, "gzip"])
def test_it_produces_and_consumes_in_a_group(broker: BrokerUnderTest, topic: str, codec: str | None) -> None:
    producer = KafkaProducer(**broker.aiokafka(), acks="all", compression_type=codec)
    sent = [producer.send(topic, b"%d" % n, key=b"k", headers=[("h", b"1")], partition=0) for n in range(200)]
    assert [one.get(timeout=WAIT_S).offset for one in sent] == list(range(200))
    producer.close()
    consumer = KafkaConsumer(
        topic,
        **broker.aiokafka(),
        group_id=f"g-{uuid.uuid4().hex[:8]}",
        auto_offset_reset="earliest",
        consumer_timeout_ms=WAIT_S * 1000,
    )
    got = []
    for record in consumer:
        got.append(record.value)
        if len(got) == 200:
            break
    consumer.commit()
    assert consumer.committed(TopicPartition(topic, 0)) == 200
    consumer.close()
    assert got == [b"%d" % n for n in range(200)]


def test_offsets_by_time_and_ends(broker: BrokerUnderTest, topic: str) -> None:
    producer = KafkaProducer(**broker.aiokafka(), acks="all")
    producer.send(topic, b"x", partition=1).get(timeout=WAIT_S)
    producer.close()
    place = TopicPartition(topic, 1)
    consumer = KafkaConsumer(**broker.aiokafka())
    assert consumer.end_offsets([place]) == {place: 1}
    assert consumer.beginning_offsets([place]) == {place: 0}
    assert consumer.offsets_for_times({place: 1})[place].offset == 0
    consumer.close()


def test_the_admin_client_removes_a_topic(broker: BrokerUnderTest, topic: str) -> None:
    client = KafkaAdminClient(**broker.aiokafka())
    assert topic in client.list_topics()
    client.delete_topics([topic])
    assert topic not in client.list_topics()
    client.close()
