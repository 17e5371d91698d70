"""A real file system that runs full, packs and index together. Needs the right to mount a tmpfs."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from govault.errors import StorageFull
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise, put
from tests.integration.storage.vault import Contents


@pytest.fixture
def small_file_system(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _fill(folder: Path) -> Path:
    junk = folder / "junk"
    with junk.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return junk


async def _stamp_for_ever(store: PackChunkStore) -> None:
    epoch = 0
    while True:
        epoch += 1
        await store.confirm([ChunkId(chunk.chunk_id) for chunk in store.stamped(b"", 1000)], epoch)


@pytest.mark.parametrize("reserve_bytes", [0, 6_000_000])
async def test_a_full_file_system_loses_nothing_and_the_store_goes_on_afterwards(
    small_file_system: Path, reserve_bytes: int
) -> None:
    keyring, options = Keyring(bytes(32)), StoreOptions(reserve_bytes=reserve_bytes, pack_bytes_max=4_000_000)
    store = await PackChunkStore.open(small_file_system / "store", keyring, options)
    contents = Contents()
    await contents.put_many(store, 20)
    uploads = [put(store, noise([500, 200_000, 3_000_000][number % 3], number)) for number in range(60)]
    results = await asyncio.gather(*uploads, return_exceptions=True)
    assert {type(result) for result in results if isinstance(result, BaseException)} == {StorageFull}
    await contents.check(store)
    junk = _fill(small_file_system)
    # Now the index is full too: stamps need room.
    with pytest.raises(StorageFull):
        await _stamp_for_ever(store)
    with pytest.raises(StorageFull):
        await put(store, noise(1000, 999))
    await contents.check(store)
    junk.unlink()
    kept = set(contents.chunk_ids())
    await store.remove([chunk.chunk_id for chunk in store.stamped(b"", 1000) if chunk.chunk_id not in kept], 1 << 30)
    while await store.compact(0.1):
        pass
    assert (await store.stats()).free_disk_bytes > 40_000_000
    await contents.put(store, noise(1000, 12_345))
    await contents.check(store)
    await store.close()
    store = await PackChunkStore.open(small_file_system / "store", keyring, options)
    await contents.check(store)
    await store.close()
