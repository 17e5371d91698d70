"""A vault with its default space, and a client of its REST door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.namespace.client import Client
from tests.integration.namespace.quiet import quiet
from tests.integration.namespace.vault import TOKEN, TestVault

__all__ = ["client", "quiet", "vault"]


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[TestVault]:
    vault = TestVault(tmp_path)
    await vault.services.namespace.spaces.ensure_default_space()
    yield vault
    vault.close()


@pytest.fixture
def client(vault: TestVault) -> Client:
    return Client(vault.app(), TOKEN)
