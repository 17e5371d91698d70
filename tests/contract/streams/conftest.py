"""The log that the streams layer stands on: the embedded one, and Apache Kafka where Java and Maven are."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import ApacheKafka, missing
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection


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


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    """Faust ends its consumer's thread and aiokafka drops killed connections with sockets open: these complain here."""
    yield
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those complaints pass; they come from the garbage collector, so no block of code can catch them."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
