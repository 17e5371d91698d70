"""What librdkafka (confluent-kafka) relies on: compression, idempotence, its admin client."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.contract.broker.under_test import BrokerUnderTest

WAIT_S = 20


@pytest.fixture
def name() -> str:
    return f"c-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(broker: BrokerUnderTest) -> AdminClient:
    return AdminClient(broker.librdkafka())


@pytest.fixture
def made(client: AdminClient, name: str) -> str:
    client.create_topics([NewTopic(name, 2, 1)])[name].result(WAIT_S)
    return name


def produce(broker: BrokerUnderTest, topic: str, values: list[bytes], **settings: object) -> list[Message]:
    producer = Producer(broker.librdkafka() | {"acks": "all"} | settings)
    done: list[Message] = []
    failed: list[KafkaError] = []
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=lambda e, m: failed.append(e) if e else done.append(m))
        producer.poll(0)
    assert producer.flush(WAIT_S) == 0
    if failed:
        raise KafkaException(failed[0])
    return done


def consume(broker: BrokerUnderTest, topic: str, count: int, **settings: object) -> list[Message]:
    consumer = Consumer(
        broker.librdkafka()
        | {"group.id": f"g-{uuid.uuid4().hex[:8]}", "auto.offset.reset": "earliest", "check.crcs": True}
        | settings
    )
    consumer.subscribe([topic])
    out: list[Message] = []
    deadline = time.monotonic() + WAIT_S
    try:
        while len(out) < count and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None:
                assert message.error() is None, message.error()
                out.append(message)
    finally:
        consumer.close()
    return out


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_codec_comes_back_as_it_went(broker: BrokerUnderTest, made: str, codec: str) -> None:
    values = [b"the same words again and again %d" % n for n in range(2000)]
    produce(broker, made, values, **{"compression.type": codec, "linger.ms": 20})
    got = consume(broker, made, len(values))
    assert [m.value() for m in got] == values
    assert [m.offset() for m in got] == list(range(len(values)))


def test_idempotent_batches_in_flight_keep_their_order(broker: BrokerUnderTest, made: str) -> None:
    values = [b"%d" % n for n in range(20_000)]
    done = produce(broker, made, values, **{"enable.idempotence": True, "batch.num.messages": 50})
    assert sorted(m.offset() for m in done) == list(range(len(values)))
    assert [m.value() for m in consume(broker, made, len(values))] == values


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_level_of_acknowledgement_delivers(broker: BrokerUnderTest, made: str, acks: str) -> None:
    # Without acknowledgement nothing is promised: a broker that does not lead the new partition yet drops the record,
    # and nobody hears of it. Kafka may answer for a topic's making that early.
    produce(broker, made, [b"it leads"])
    produce(broker, made, [b"a", b"b"], acks=acks)
    assert [m.value() for m in consume(broker, made, 3)] == [b"it leads", b"a", b"b"]


def test_settings_of_a_topic_are_kept_changed_and_unset(client: AdminClient, name: str) -> None:
    settings = {"retention.ms": "3600000", "segment.bytes": "1048576", "max.message.bytes": "65536"}
    client.create_topics([NewTopic(name, 1, 1, config=settings)])[name].result(WAIT_S)

    def described() -> dict[str, ConfigEntry]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        return client.describe_configs([resource])[resource].result(WAIT_S)

    found = described()
    assert {key: found[key].value for key in settings} == settings
    assert found["cleanup.policy"].value == "delete"
    assert found["min.insync.replicas"].value == "1"
    assert found["unclean.leader.election.enable"].value == "false"
    change = ConfigResource(
        ResourceType.TOPIC,
        name,
        incremental_configs=[
            ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET),
            ConfigEntry("max.message.bytes", None, incremental_operation=AlterConfigOpType.DELETE),
        ],
    )
    client.incremental_alter_configs([change])[change].result(WAIT_S)
    found = described()
    assert found["retention.ms"].value == "-1"
    assert found["max.message.bytes"].value == "1048588"
    assert found["segment.bytes"].value == "1048576"


@pytest.mark.parametrize(
    ("settings", "partitions", "replicas", "code"),
    [
        ({"no.such.setting": "1"}, 1, 1, KafkaError.INVALID_CONFIG),
        ({"retention.ms": "soon"}, 1, 1, KafkaError.INVALID_CONFIG),
        ({}, 0, 1, KafkaError.INVALID_PARTITIONS),
        ({}, 1, 3, KafkaError.INVALID_REPLICATION_FACTOR),
    ],
)
def test_topics_that_cannot_be_are_refused(
    client: AdminClient, name: str, settings: dict[str, str], partitions: int, replicas: int, code: int
) -> None:
    with pytest.raises(KafkaException) as refused:
        client.create_topics([NewTopic(name, partitions, replicas, config=settings)])[name].result(WAIT_S)
    assert refused.value.args[0].code() == code


def test_a_compacted_topic_takes_only_records_with_keys(
    broker: BrokerUnderTest, client: AdminClient, name: str
) -> None:
    settings = {"cleanup.policy": "compact", "max.compaction.lag.ms": "60000"}
    client.create_topics([NewTopic(name, 1, 1, config=settings)])[name].result(WAIT_S)
    with pytest.raises(KafkaException) as refused:
        produce(broker, name, [b"no key"])
    assert refused.value.args[0].code() == KafkaError.INVALID_RECORD
    for codec in ("none", "gzip", "lz4", "zstd"):
        producer = Producer(broker.librdkafka() | {"compression.type": codec})
        producer.produce(name, b"value" * 50, key=b"key", partition=0)
        assert producer.flush(WAIT_S) == 0
    assert len(consume(broker, name, 4)) == 4


def test_a_topic_gets_more_partitions_and_never_fewer(client: AdminClient, made: str) -> None:
    client.create_partitions([NewPartitions(made, 5)])[made].result(WAIT_S)
    deadline = time.monotonic() + WAIT_S
    while len(client.list_topics(made, timeout=WAIT_S).topics[made].partitions) != 5:
        # What Kafka's metadata says comes a little after its answer.
        assert time.monotonic() < deadline
    with pytest.raises(KafkaException):
        client.create_partitions([NewPartitions(made, 3)])[made].result(WAIT_S)


def test_the_cluster_describes_itself(broker: BrokerUnderTest, client: AdminClient) -> None:
    cluster = client.describe_cluster().result(WAIT_S)
    assert len(cluster.nodes) == 1
    host, _, port = broker.bootstrap.partition(":")
    assert (cluster.nodes[0].host, cluster.nodes[0].port) == (host, int(port))
    assert len(cluster.cluster_id) == 22


def test_groups_are_listed_described_and_removed(broker: BrokerUnderTest, client: AdminClient, made: str) -> None:
    group = f"g-{uuid.uuid4().hex[:8]}"
    produce(broker, made, [b"x"])
    consumer = Consumer(
        broker.librdkafka() | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([made])
    assert consumer.poll(WAIT_S) is not None
    consumer.commit(asynchronous=False)
    described = client.describe_consumer_groups([group])[group].result(WAIT_S)
    assert described.state.name == "STABLE"
    assert {(p.topic, p.partition) for p in described.members[0].assignment.topic_partitions} == {(made, 0), (made, 1)}
    with pytest.raises(KafkaException):
        client.delete_consumer_groups([group])[group].result(WAIT_S)
    consumer.close()
    assert group in [g.group_id for g in client.list_consumer_groups().result(WAIT_S).valid]
    client.delete_consumer_groups([group])[group].result(WAIT_S)
    assert group not in [g.group_id for g in client.list_consumer_groups().result(WAIT_S).valid]


def test_ends_and_times_are_listed(broker: BrokerUnderTest, client: AdminClient, made: str) -> None:
    produce(broker, made, [b"x"] * 5)
    place = TopicPartition(made, 0)
    specs = {"first": OffsetSpec.earliest(), "end": OffsetSpec.latest(), "newest": OffsetSpec.max_timestamp()}
    found = {key: client.list_offsets({place: spec})[place].result(WAIT_S).offset for key, spec in specs.items()}
    assert (found["first"], found["end"]) == (0, 5)
    assert 0 <= found["newest"] < 5


def test_records_are_deleted_up_to_an_offset(broker: BrokerUnderTest, client: AdminClient, made: str) -> None:
    produce(broker, made, [b"%d" % n for n in range(10)])
    place = TopicPartition(made, 0, 6)
    assert client.delete_records([place])[place].result(WAIT_S).low_watermark == 6
    assert [m.value() for m in consume(broker, made, 4)] == [b"6", b"7", b"8", b"9"]
    consumer = Consumer(broker.librdkafka() | {"group.id": "any"})
    assert consumer.get_watermark_offsets(TopicPartition(made, 0), timeout=WAIT_S) == (6, 10)
    consumer.close()


def test_transactions_are_refused_and_do_not_hang(only_embedded: BrokerUnderTest) -> None:
    producer = Producer(only_embedded.librdkafka() | {"transactional.id": "t"})
    began = time.monotonic()
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(30)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert time.monotonic() - began < 15


@pytest.fixture
def two_members(broker: BrokerUnderTest, made: str) -> Iterator[tuple[Consumer, Consumer]]:
    settings = broker.librdkafka() | {"group.id": f"g-{uuid.uuid4().hex[:8]}", "session.timeout.ms": 30_000}
    members = Consumer(settings), Consumer(settings)
    yield members
    for member in members:
        member.close()


def test_two_members_share_a_topic(two_members: tuple[Consumer, Consumer], made: str) -> None:
    for member in two_members:
        member.subscribe([made])
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for member in two_members:
            member.poll(0.1)
        if [len(m.assignment()) for m in two_members] == [1, 1]:
            return
    pytest.fail("the members never shared the partitions")
