"""A chunk store in a folder that can be closed, damaged and opened again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from govault.domain.manifest import ChunkRef
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import get, noise, put

OPTIONS = StoreOptions(chunk_bytes_mean=8192, pack_bytes_max=300_000, reserve_bytes=0, workers=2, readers=2)


class Contents:
    """What was put into a store, to compare with what comes out."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, list[ChunkRef]]] = []

    async def put(self, store: PackChunkStore, content: bytes) -> list[ChunkRef]:
        manifest = (await put(store, content))[1]
        self.kept.append((content, manifest))
        return manifest

    async def put_many(self, store: PackChunkStore, count: int, seed: int = 0) -> None:
        for number in range(count):
            await self.put(store, noise(1000 + 7919 * number % 90_000, seed + number))

    async def check(self, store: PackChunkStore) -> None:
        for content, manifest in self.kept:
            assert await get(store, manifest) == content

    def chunk_ids(self) -> list[bytes]:
        return list(dict.fromkeys(bytes(chunk.chunk_id) for _, manifest in self.kept for chunk in manifest))


@asynccontextmanager
async def opened(root: Path, **options: Any) -> AsyncIterator[PackChunkStore]:
    """The store of a folder, closed at the end."""
    store = await PackChunkStore.open(root / "store", Keyring.open(root / "keys"), replace(OPTIONS, **options))
    try:
        yield store
    finally:
        await store.close()


def packs(root: Path) -> list[Path]:
    """The pack files, oldest first."""
    return sorted((root / "store" / "packs").glob("*.pack"))
