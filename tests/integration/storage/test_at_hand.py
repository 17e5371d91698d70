"""Small chunks that are in memory are read at once, without a thread; all others by threads, with the same checks."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged
from govault.storage.disk import RealDisk
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import noise, put
from tests.integration.storage.disks import on
from tests.simulation.storage.recording import RecordingDisk


@contextmanager
def busy_threads(store: PackChunkStore) -> Iterator[None]:
    """All reading threads wait until the block ends."""
    done = Event()
    store._read_threads.submit(done.wait, 60)
    try:
        yield
    finally:
        done.set()


async def stored(store: PackChunkStore, content: bytes) -> ChunkRef:
    (chunk,) = (await put(store, content))[1]
    return chunk


async def test_a_small_chunk_in_memory_is_read_while_every_thread_is_busy() -> None:
    async with on(RecordingDisk(), compression="none") as store:
        content = noise(5000)
        chunk = await stored(store, content)
        with busy_threads(store):
            assert await asyncio.wait_for(store.read(chunk), 10) == content


@pytest.mark.parametrize(("size", "cold"), [(5000, True), (100_000, False)])
async def test_a_large_chunk_or_one_that_only_the_disk_has_is_read_by_a_thread(size: int, cold: bool) -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        content = noise(size)
        chunk = await stored(store, content)
        disk.cold = cold
        with busy_threads(store):
            reading = asyncio.create_task(store.read(chunk))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not reading.done()
        assert await reading == content


async def test_a_damaged_chunk_in_memory_is_put_aside_and_never_served() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        chunk = await stored(store, noise(5000))
        disk.contents[disk.names["packs/00000001.pack"]][-100] ^= 1
        for _ in range(2):
            with pytest.raises(ChunkDamaged):
                await store.read(chunk)
        assert [found.chunk_id for found in store.quarantined(10)] == [chunk.chunk_id]


async def test_chunks_of_one_bundle_are_at_hand_once_one_was_read() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        contents = [noise(300 + number, number) for number in range(12)]
        chunks = [made[1][0] for made in await asyncio.gather(*(put(store, content) for content in contents))]
        bundles: dict[int, list[int]] = {}
        for number, chunk in enumerate(chunks):
            entry = store._ledger.index.get(chunk.chunk_id)
            assert entry is not None
            if entry.bundle_bytes:
                bundles.setdefault(entry.offset, []).append(number)
        together = max(bundles.values(), key=len)
        assert len(together) > 1
        assert await store.read(chunks[together[0]]) == contents[together[0]]
        disk.cold = True
        with busy_threads(store):
            for number in together:
                assert await asyncio.wait_for(store.read(chunks[number]), 10) == contents[number]


async def test_the_real_disk_gives_what_it_has_in_memory_or_nothing(tmp_path: Path) -> None:
    disk = RealDisk(tmp_path)
    file = disk.open("pack", create=True)
    content = os.urandom(10_000)
    file.pwrite([content], 0)
    room = memoryview(bytearray(4000))
    got = file.pread_at_hand(room, 5000)
    assert got in (0, 4000)
    assert bytes(room[:got]) == content[5000 : 5000 + got]
    assert file.pread_at_hand(room, 20_000) == 0
    assert file.pread_into(room, 9000) == 1000
    assert bytes(room[:1000]) == content[9000:]
    file.close()
    assert file.pread_at_hand(room, 0) == 0
