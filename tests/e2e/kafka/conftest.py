"""One Apache Kafka for all of these tests; every test has a topic prefix, and so topics, of its own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import ApacheKafka, missing
from tests.e2e.kafka.vault_on_kafka import VaultOnKafka

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """The broker. A test that kills it starts it again."""
    if reason := missing():
        pytest.skip(reason)
    broker = ApacheKafka(tmp_path_factory.mktemp("kafka") / "kafka")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"vault{next(_numbers)}"


@pytest.fixture
def vault(kafka: ApacheKafka, prefix: str, tmp_path: Path) -> Iterator[VaultOnKafka]:
    """A vault that is not started yet."""
    made = VaultOnKafka.on(tmp_path / "data", kafka.bootstrap, prefix)
    yield made
    made.node.kill()
