"""The replica conformance suite on memory and on real packs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.contract.storage.replica_conformance import ReplicaStoreConformance, foreign_keyring

SECRET = bytes(range(32))


class TestMemoryReplicas(ReplicaStoreConformance):
    @pytest.fixture
    def store(self) -> MemoryChunkStore:
        return MemoryChunkStore(Keyring(SECRET))

    @pytest.fixture
    def peer(self) -> MemoryChunkStore:
        return MemoryChunkStore(Keyring(SECRET))

    @pytest.fixture
    def foreign(self) -> MemoryChunkStore:
        return MemoryChunkStore(foreign_keyring(Keyring(SECRET)))


class TestPackReplicas(ReplicaStoreConformance):
    @pytest.fixture(params=["zstd", "none"])
    async def store(self, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[PackChunkStore]:
        options = StoreOptions(compression=request.param, reserve_bytes=0)
        store = await PackChunkStore.open(tmp_path / "store", Keyring(SECRET), options)
        yield store
        await store.close()

    @pytest.fixture
    async def peer(self, tmp_path: Path) -> AsyncIterator[PackChunkStore]:
        options = StoreOptions(pack_bytes_max=500_000, reserve_bytes=0, workers=1, readers=1)
        store = await PackChunkStore.open(tmp_path / "peer", Keyring(SECRET), options)
        yield store
        await store.close()

    @pytest.fixture
    def foreign(self) -> MemoryChunkStore:
        return MemoryChunkStore(foreign_keyring(Keyring(SECRET)))
