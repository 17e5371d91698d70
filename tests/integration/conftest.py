"""The whole stack in this process but for its log: embedded broker, Faust agents, RocksDB views, packs, REST."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from govault.config.load import load
from govault.node.compose import Running, compose
from govault.node.folder import DataFolder
from tests.kafka.suite import log_of_suite

URL = "http://vault.test"


@dataclass
class RealVault:
    """A composed node and an administrator's client for it."""

    running: Running
    client: httpx.AsyncClient


@asynccontextmanager
async def real_vault(root: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[RealVault]:
    """A node on a data folder, stopped cleanly at the end; may be opened again on the same folder.

    Args:
        settings: Of the environment, beside those that every test needs.
    """
    loaded = load(
        environment={
            "GOVAULT_SERVER__STORAGE_ROOT": str(root),
            "GOVAULT_SERVER__LISTEN_ADDR": "127.0.0.1:0",
            "GOVAULT_STORAGE__RESERVE": "16MiB",
            "GOVAULT_NETWORK__PEER_ADDR": "127.0.0.1:0",
            **log_of_suite(root),
            **(settings or {}),
        }
    )
    folder = DataFolder.open(root)
    try:
        async with compose(loaded, folder, URL) as running:
            token = (root / "admin.token").read_text().strip()
            transport = httpx.ASGITransport(app=running.app, raise_app_exceptions=False)
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers, timeout=60) as client:
                yield RealVault(running, client)
    finally:
        folder.close()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[RealVault]:
    """A fresh vault on the real stack. Folders whose tests need no broker put a lighter one in its place."""
    async with real_vault(tmp_path / "data") as opened:
        yield opened
