"""One broker of each kind for the whole contract suite; every test makes topics of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.kafka import ApacheKafka, missing
from tests.contract.broker.under_test import BrokerUnderTest, LoopThread, of_embedded, start_embedded

IMPATIENT = {
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
    "log.cleaner.backoff.ms": "500",
}
"""Kafka looks for what to forget every five minutes, unless told otherwise."""


@pytest.fixture(scope="session", params=["embedded", pytest.param("apache-kafka", marks=pytest.mark.slow)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerUnderTest]:
    folder = tmp_path_factory.mktemp("log")
    if request.param == "embedded":
        loop = LoopThread()
        embedded = loop.run(start_embedded(folder))
        yield of_embedded(embedded)
        loop.run(embedded.stop())
        loop.close()
        assert embedded.exit_code == 0, "the embedded log did not end cleanly"
        return
    if reason := missing():
        pytest.skip(reason)
    kafka = ApacheKafka(folder / "kafka", settings=IMPATIENT)
    kafka.start()
    yield BrokerUnderTest("apache-kafka", kafka.bootstrap)
    kafka.stop()


@pytest.fixture
def only_embedded(broker: BrokerUnderTest) -> BrokerUnderTest:
    """For what DESIGN asks of the embedded log alone (logins, refusals)."""
    if not broker.is_embedded:
        pytest.skip("a promise of the embedded log, not of Kafka")
    return broker


@pytest.fixture
async def admin(broker: BrokerUnderTest) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**broker.aiokafka())
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(admin: AIOKafkaAdminClient) -> str:
    """A topic with two partitions and append time."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    made = await admin.create_topics([NewTopic(name, 2, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
    assert made.topic_errors[0][1] == 0, made
    return name
