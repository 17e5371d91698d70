"""Collection over real views and packs: what goes, what stays, and how many epochs it takes."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

from govault.domain.actor import system
from govault.limits import EPOCHS_OF_GRACE
from govault.storage.options import StoreOptions
from schemas.events.files import EpochOpened
from tests.fakes.vault import open_vault
from tests.integration.maintenance.upkeep import purge, upkeep_of

SMALL_CHUNKS = StoreOptions(chunking="fixed", chunk_bytes_mean=16 * 1024, workers=1, readers=1, reserve_bytes=0)


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


async def test_what_only_purged_files_held_goes_and_the_rest_stays(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("kept", noise(1, 300_000))
        await vault.put("same", noise(1, 300_000))
        await vault.put("gone", noise(2, 300_000))
        await purge(vault, "gone")
        await purge(vault, "same")
        report = await upkeep.collector.collect()
        assert report.plain_bytes == 300_000
        assert report.epochs_opened == EPOCHS_OF_GRACE
        assert report.waiting_chunks == 0
        assert (await vault.get("kept")).content == noise(1, 300_000)
        again = await upkeep.collector.collect()
        assert (again.removed_chunks, again.epochs_opened) == (0, 0)


async def test_an_estimate_changes_nothing(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("gone", noise(2, 300_000))
        await purge(vault, "gone")
        before = len(vault.log.events)
        would = await upkeep.collector.estimate()
        assert (would.dry_run, would.plain_bytes) == (True, 300_000)
        assert len(vault.log.events) == before
        assert (await vault.store.stats()).plain_bytes == 300_000


async def test_parts_of_a_large_content_wait_their_grace_and_then_their_chunks_theirs(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=SMALL_CHUNKS) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("large", noise(3, 3_000_000))
        await purge(vault, "large")
        would = await upkeep.collector.estimate()
        assert would.plain_bytes == 3_000_000
        report = await upkeep.collector.collect()
        assert report.parts_released == would.parts_released
        assert report.parts_released > 0
        assert report.epochs_opened == 2 * EPOCHS_OF_GRACE
        assert report.plain_bytes == 3_000_000
        assert (await vault.store.stats()).chunks == 0


async def test_an_estimate_spares_chunks_that_another_file_shares_with_an_idle_part(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=SMALL_CHUNKS) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("large", noise(3, 3_000_000))
        await vault.put("small", noise(3, 3_000_000)[: 16 * 1024 * 5])
        await purge(vault, "large")
        would = await upkeep.collector.estimate()
        did = await upkeep.collector.collect()
        assert would.plain_bytes == did.plain_bytes == 3_000_000 - 16 * 1024 * 5


async def test_an_upload_that_was_given_up_leaves_nothing_after_collection(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=SMALL_CHUNKS) as vault:
        upkeep = upkeep_of(vault)
        ingest = vault.store.begin()
        await ingest.write(noise(4, 5_000_000))
        await ingest.finish()
        assert (await vault.store.stats()).chunks > 0
        await upkeep.collector.collect()
        assert (await vault.store.stats()).chunks == 0


async def slow_body(first: bytes, go: asyncio.Event, rest: bytes) -> AsyncIterator[bytes]:
    yield first
    await go.wait()
    yield rest


async def test_collection_takes_nothing_from_an_upload_that_outlasts_it(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=SMALL_CHUNKS) as vault:
        upkeep = upkeep_of(vault)
        go = asyncio.Event()
        content = noise(5, 8_000_000)
        upload = asyncio.create_task(
            vault.client.put("/spaces/main/files/slow", content=slow_body(content[:6_000_000], go, content[6_000_000:]))
        )
        while (await vault.store.stats()).chunks == 0:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)
        for _ in range(3):
            await upkeep.collector.collect()
        assert (await vault.store.stats()).chunks > 0
        go.set()
        assert (await upload).status_code == 201
        assert (await vault.get("slow")).content == content


async def test_a_commit_behind_the_times_confirms_its_chunks_and_is_accepted(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        go = asyncio.Event()
        upload = asyncio.create_task(
            vault.client.put("/spaces/main/files/late", content=slow_body(b"a" * 100_000, go, b"b" * 100_000))
        )
        while vault.services.uploads.in_flight.oldest_epoch() is None:  # noqa: ASYNC110 - nor do uploads
            await asyncio.sleep(0.01)
        for _ in range(EPOCHS_OF_GRACE + 1):
            await upkeep.barriers.open_next()
        go.set()
        assert (await upload).status_code == 201
        assert (await vault.get("late")).content == b"a" * 100_000 + b"b" * 100_000


async def test_the_background_opens_one_epoch_a_round_and_none_where_nothing_waits(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("gone", noise(6, 300_000))
        await purge(vault, "gone")
        opened = []
        for _ in range(EPOCHS_OF_GRACE + 3):
            opened.append((await upkeep.collector.collect_gently(0.5)).epochs_opened)
        assert opened == [1] * EPOCHS_OF_GRACE + [0] * 3
        assert (await vault.store.stats()).chunks == 0
        events = len(vault.log.events)
        await upkeep.collector.collect_gently(0.5)
        assert len(vault.log.events) == events


async def test_partitions_that_a_crash_left_apart_are_levelled_before_the_next_epoch(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.services.submitter.submit(system("test"), EpochOpened(epoch=1), 2, subject="epoch")
        assert (upkeep.barriers.lowest(), upkeep.barriers.highest()) == (0, 1)
        assert await upkeep.barriers.open_next() == 1
        assert await upkeep.barriers.open_next() == 2
        assert {vault.views.partition_row(p).epoch for p in vault.views.partitions()} == {2}


async def test_nothing_is_collected_while_a_backup_holds_collection_off(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("gone", noise(7, 300_000))
        await purge(vault, "gone")
        async with upkeep.collector.frozen():
            collecting = asyncio.create_task(upkeep.collector.collect())
            await asyncio.sleep(0.05)
            assert (await vault.store.stats()).plain_bytes == 300_000
            assert not collecting.done()
        assert (await collecting).plain_bytes == 300_000


async def test_a_cancelled_collection_leaves_a_sound_vault_and_the_next_goes_on(tmp_path: Path) -> None:
    async with open_vault(tmp_path, store_options=SMALL_CHUNKS) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("kept", noise(8, 2_000_000))
        for turns in range(1, 60, 3):
            await vault.put("gone", noise(100 + turns, 100_000))
            await purge(vault, "gone")
            collecting = asyncio.create_task(upkeep.collector.collect())
            for _ in range(turns):
                await asyncio.sleep(0)
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
        await upkeep.collector.collect()
        assert (await vault.store.stats()).plain_bytes == 2_000_000
        assert (await upkeep.checker.check(read_data=True, read_files=True)).ok


async def test_a_damaged_chunk_is_a_finding_as_long_as_something_references_it(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        upkeep = upkeep_of(vault)
        await vault.put("damaged", noise(1, 30_000))
        [chunk] = vault.store.stamped(b"", 10)
        [pack] = await vault.store.pack_files()
        with pack.path.open("r+b") as file:
            file.seek(pack.size_bytes - 1000)
            file.write(bytes(100))
        assert not await vault.store.verify(chunk.chunk_id)
        await upkeep.collector.collect()
        assert [found.chunk_id for found in vault.store.quarantined(10)] == [chunk.chunk_id]
        await purge(vault, "damaged")
        await upkeep.collector.collect()
        assert vault.store.quarantined(10) == []
        assert (await vault.store.stats()).quarantined == 0
