"""Disks that are full, slow or broken, and uploads that get in each other's way."""

import asyncio
import errno
import threading
from pathlib import Path

import pytest

from govault.budget import Budget
from govault.errors import ChunkDamaged, Storage, StorageFull
from govault.storage.ingest_context import SEGMENT_BYTES_IN_WORK_MAX
from tests.contract.storage.conformance import get, noise, put
from tests.integration.storage.disks import FullDatabase, HeldWrite, on, somebody_waits, wait_for
from tests.simulation.storage.recording import RecordingDisk

# --- a full disk -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 100_000, 5_000_000])
async def test_a_full_disk_refuses_an_upload_and_takes_it_when_there_is_space(size: int) -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        before = noise(3000, 1)
        _, manifest = await put(store, before)
        content = noise(size)
        disk.capacity_bytes = len(disk.read("packs/00000001.pack")) + size // 2
        with pytest.raises(StorageFull):
            await put(store, content)
        assert await get(store, manifest) == before
        disk.capacity_bytes = 1 << 40
        _, second = await put(store, content)
        assert await get(store, second) == content
        assert await get(store, manifest) == before
        assert (await store.stats()).pack_file_bytes == sum(
            len(disk.read(f"packs/{name}")) for name in disk.list_dir("packs")
        )


async def test_a_refused_upload_is_dead(tmp_path: Path) -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        disk.capacity_bytes = 10
        ingest = store.begin()
        await ingest.write(b"x" * 1000)
        with pytest.raises(StorageFull):
            await ingest.finish()
        disk.capacity_bytes = 1 << 40
        for attempt in (ingest.write(b"more"), ingest.finish()):
            with pytest.raises(Storage):
                await attempt
        await ingest.abort()


async def test_the_refusal_comes_while_bytes_still_flow() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        disk.capacity_bytes = 1_000_000
        ingest = store.begin()

        async def stream() -> None:
            for number in range(40):
                await ingest.write(noise(1_000_000, number))

        with pytest.raises(StorageFull):
            await stream()


async def test_the_reserve_is_kept_from_uploads_and_given_to_compaction() -> None:
    disk = RecordingDisk()
    async with on(disk, reserve_bytes=1_200_000) as store:
        kept, _ = noise(40_000, 1), await put(store, noise(60_000, 2))
        _, manifest = await put(store, kept)
        gone = [chunk.chunk_id for chunk in store.stamped(b"", 10) if chunk.size_bytes == 60_000]
        disk.capacity_bytes = len(disk.read("packs/00000001.pack")) + 1_100_000
        with pytest.raises(StorageFull, match="1200000"):
            await put(store, noise(10, 3))
        await store.remove(gone, 0)
        assert await store.compact(0.1) > 0
        assert await get(store, manifest) == kept


async def test_many_uploads_into_a_full_disk_end_and_leave_what_was_acknowledged() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        disk.capacity_bytes = 20_000_000
        uploads = [put(store, noise([900, 90_000, 2_500_000][number % 3], number)) for number in range(40)]
        results = await asyncio.gather(*uploads, return_exceptions=True)
        assert any(isinstance(result, StorageFull) for result in results)
        taken = 0
        for number, result in enumerate(results):
            if isinstance(result, StorageFull):
                continue
            assert not isinstance(result, BaseException)
            assert await get(store, result[1]) == noise([900, 90_000, 2_500_000][number % 3], number)
            taken += 1
        assert taken > 0


async def test_an_index_without_space_refuses_uploads_until_there_is_some() -> None:
    disk, database = RecordingDisk(), FullDatabase()
    async with on(disk, database=database) as store:
        kept = noise(3000, 1)
        _, manifest = await put(store, kept)
        database.full = True
        results = await asyncio.gather(*(put(store, noise(5000, 2)) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(result, StorageFull) for result in results)
        assert (await store.stats()).stopped == ""
        assert await get(store, manifest) == kept
        database.full = False
        again, second = await put(store, noise(5000, 2))
        assert again.new_bytes == 5000
        assert await get(store, second) == noise(5000, 2)
        stats = await store.stats()
        assert stats.pack_file_bytes == len(disk.read("packs/00000001.pack"))
        assert stats.dead_bytes > 5000
        while await store.compact(0.01):
            pass
        assert (await store.stats()).dead_bytes == 0
        assert await get(store, second) == noise(5000, 2)


# --- a broken disk -----------------------------------------------------------------------------------------------


async def test_a_failed_sync_stops_the_store_for_good_but_not_its_reads() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        _, manifest = await put(store, noise(3000, 1))
        disk.syncs_fail = True
        with pytest.raises(Storage, match="durable"):
            await put(store, noise(3000, 2))
        disk.syncs_fail = False
        syncs = disk.syncs
        for attempt in (lambda: put(store, noise(10, 3)), lambda: store.confirm([manifest[0].chunk_id], 5)):
            with pytest.raises(Storage, match="durable"):
                await attempt()
        with pytest.raises(Storage, match="durable"):
            await store.compact(0.0)
        assert disk.syncs == syncs
        assert "check the disk and restart" in (await store.stats()).stopped
        assert await get(store, manifest) == noise(3000, 1)


async def test_what_a_failed_sync_left_is_written_again_before_it_is_believed(tmp_path: Path) -> None:
    disk = RecordingDisk()
    async with on(disk, tmp_path) as store:
        await put(store, noise(3000, 1))
        disk.syncs_fail = True
        with pytest.raises(Storage):
            await put(store, noise(4000, 2))
    disk.syncs_fail = False
    writes: list[bytes] = []
    disk.before_write = lambda inode, data: writes.append(data)
    async with on(disk, tmp_path) as store:
        assert store.recovered.adopted == 1
        assert sum(map(len, writes)) > 4000


async def test_an_unreadable_disk_serves_nothing() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        _, manifest = await put(store, noise(3000))
        disk.unreadable = True
        with pytest.raises(ChunkDamaged, match="cannot read"):
            await store.read(manifest[0])


async def test_a_write_error_that_is_not_fullness_is_said_as_it_is() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        await put(store, noise(10))

        def broken(inode: int, data: bytes) -> None:
            raise OSError(errno.EROFS, "read-only file system")

        disk.before_write = broken
        with pytest.raises(Storage, match="read-only") as caught:
            await put(store, noise(3000))
        assert not isinstance(caught.value, StorageFull)


async def test_a_pack_that_gets_full_while_it_is_synced_stays_open_until_then() -> None:
    disk = RecordingDisk()
    in_sync, release = threading.Event(), threading.Event()
    async with on(disk, pack_bytes_max=100_000) as store:
        await put(store, noise(70_000, 1))

        def hold_once() -> None:
            disk.before_sync = lambda: None
            in_sync.set()
            wait_for(release)

        disk.before_sync = hold_once
        first = asyncio.ensure_future(put(store, noise(20_000, 2)))
        await asyncio.to_thread(wait_for, in_sync)
        second = asyncio.ensure_future(put(store, noise(290_000, 3)))
        while len(disk.list_dir("packs")) < 2:  # noqa: ASYNC110 (a thread makes it)
            await asyncio.sleep(0.001)
        release.set()
        await first
        await second


# --- chunks in flight --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 200_000])
async def test_a_chunk_in_flight_is_awaited_and_not_assumed(size: int) -> None:
    disk = RecordingDisk()
    release = threading.Event()
    async with on(disk) as store:
        await put(store, b"the pack is there")
        disk.before_sync = lambda: wait_for(release)
        first = asyncio.ensure_future(put(store, noise(size)))
        second = asyncio.ensure_future(put(store, noise(size)))
        done, _ = await asyncio.wait([first, second], timeout=0.2)
        assert not done
        release.set()
        assert (await first)[0].new_bytes + (await second)[0].new_bytes == size


async def test_when_an_upload_fails_those_who_waited_for_its_chunks_store_them_themselves() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        await put(store, b"the pack is there")
        write = HeldWrite(disk)
        content = noise(200_000)
        first = asyncio.ensure_future(put(store, content))
        await write.reached()
        second = asyncio.ensure_future(put(store, content))
        await somebody_waits(store)
        write.fail()
        with pytest.raises(StorageFull):
            await first
        ingested, manifest = await second
        assert ingested.new_bytes == len(content)
        assert await get(store, manifest) == content


# --- bounds ------------------------------------------------------------------------------------------------------


async def test_uploads_that_outrun_the_disk_are_held_back() -> None:
    disk = RecordingDisk()
    release = threading.Event()
    async with on(disk) as store:
        disk.before_sync = lambda: wait_for(release)
        piece = noise(1_000_000)
        taken = 0

        async def upload(number: int) -> None:
            nonlocal taken
            ingest = store.begin()
            for index in range(10):
                await ingest.write(bytes([number, index]) * 16 + piece)
                taken += 1
            await ingest.finish()

        uploads = asyncio.gather(*(upload(number) for number in range(16)))
        before = -1
        while taken != before:
            before = taken
            await asyncio.sleep(0.3)
        # In work, plus what each upload has gathered for its next segment.
        assert taken * 1_000_000 <= SEGMENT_BYTES_IN_WORK_MAX + 16 * 3_000_000
        release.set()
        await uploads


async def test_a_budget_is_served_in_order_and_survives_those_who_give_up() -> None:
    budget = Budget(10)
    await budget.take(8)
    turns = [asyncio.ensure_future(budget.take(size)) for size in (5, 9, 2)]
    await asyncio.sleep(0)
    assert not any(turn.done() for turn in turns)
    turns[0].cancel()
    turns[1].cancel()
    await asyncio.wait(turns, timeout=5)
    assert turns[2].done()
    budget.give(8)
    budget.give(2)
    await budget.take(10)
    budget.give(10)


async def test_who_gave_up_waiting_for_a_budget_just_before_his_turn_is_cancelled_and_nothing_else() -> None:
    budget = Budget(10)
    await budget.take(8)
    turns = [asyncio.ensure_future(budget.take(size)) for size in (5, 10)]
    await asyncio.sleep(0)
    turns[0].cancel()
    budget.give(8)
    await asyncio.wait(turns, timeout=5)
    assert turns[0].cancelled()
    assert turns[1].done()
    budget.give(10)


async def test_an_upload_that_was_cancelled_leaves_the_store_as_it_was() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        await put(store, b"first")
        tasks = [asyncio.ensure_future(put(store, noise(9_000_000, number))) for number in range(6)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        content = noise(9_000_000)
        _, manifest = await put(store, content)
        assert await get(store, manifest) == content
