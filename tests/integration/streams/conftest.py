"""A broker a test, stopped at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.broker.supervisor import EmbeddedBroker


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    embedded = EmbeddedBroker(tmp_path / "log", port=0)
    await embedded.start()
    yield embedded
    await embedded.stop()
