"""The conformance suite on memory and on real packs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import ChunkStoreConformance


class TestMemoryChunkStore(ChunkStoreConformance):
    @pytest.fixture
    def store(self) -> MemoryChunkStore:
        return MemoryChunkStore()


class TestPackChunkStore(ChunkStoreConformance):
    @pytest.fixture(params=["zstd", "auto", "lz4", "gzip", "none"])
    async def store(self, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[PackChunkStore]:
        options = StoreOptions(compression=request.param, reserve_bytes=0)
        store = await PackChunkStore.open(tmp_path / "store", Keyring.open(tmp_path / "keys"), options)
        yield store
        await store.close()


class TestPackChunkStoreWithSmallPacks(ChunkStoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[PackChunkStore]:
        options = StoreOptions(pack_bytes_max=500_000, reserve_bytes=0, workers=1, readers=1)
        store = await PackChunkStore.open(tmp_path / "store", Keyring.open(tmp_path / "keys"), options)
        yield store
        await store.close()
