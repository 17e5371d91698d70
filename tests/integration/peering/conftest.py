"""Every test of the transport runs on both event loops: the node's own, and the one of the standard library."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

from tests.fakes.peers import Ring
from tests.fakes.peers import ring as open_ring


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def ring() -> AsyncIterator[Ring]:
    async with open_ring() as made:
        yield made
