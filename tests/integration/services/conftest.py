"""The vault that the API's tests talk to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.vault import Vault, open_vault


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    """A fresh vault with the space ``main``."""
    async with open_vault(tmp_path) as opened:
        yield opened
