"""The log that the streams layer stands on: the embedded one, and Apache Kafka where Java and Maven are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from tests.kafka.broker import ApacheKafka, missing


@pytest.fixture(params=["embedded", pytest.param("apache-kafka", marks=pytest.mark.slow)])
async def connection(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Connection]:
    if request.param == "embedded":
        broker = EmbeddedBroker(tmp_path / "log", port=0)
        await broker.start()
        yield Connection(broker.bootstrap, username=broker.credentials.user, password=broker.credentials.password)
        await broker.stop()
        return
    if reason := missing():
        pytest.skip(reason)
    kafka = ApacheKafka(tmp_path / "kafka")
    kafka.start()
    yield Connection(kafka.bootstrap)
    kafka.stop()
