"""A broker a test, stopped at its end."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from streams.broker.supervisor import EmbeddedBroker


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    embedded = EmbeddedBroker(tmp_path / "log", port=0)
    await embedded.start()
    yield embedded
    await embedded.stop()


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
