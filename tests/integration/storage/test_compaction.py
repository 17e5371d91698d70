"""Removal and compaction on real packs."""

import asyncio
from pathlib import Path

from govault.domain.manifest import ChunkRef
from govault.storage.record import PACK_HEADER_BYTES
from tests.contract.storage.conformance import get, noise, put
from tests.integration.storage.vault import Contents, opened, packs


def _pack_bytes(root: Path) -> int:
    return sum(pack.stat().st_size for pack in packs(root))


async def test_compaction_gives_back_what_only_removed_chunks_held(tmp_path: Path) -> None:
    kept, gone = Contents(), Contents()
    async with opened(tmp_path) as store:
        for number in range(15):
            await kept.put(store, noise(20_000, number))
            await gone.put(store, noise(30_000, 1000 + number))
        before = _pack_bytes(tmp_path)
        removed = await store.remove(gone.chunk_ids(), 0)
        held = sum(chunk.stored_bytes for chunk in removed)
        assert (await store.stats()).dead_bytes == held
        freed = 0
        while step := await store.compact(0.02):
            freed += step
        after = _pack_bytes(tmp_path)
        assert freed - PACK_HEADER_BYTES * len(packs(tmp_path)) <= before - after <= freed
        assert freed > 0.95 * held
        stats = await store.stats()
        assert (stats.dead_bytes, stats.pack_file_bytes, stats.packs) == (0, after, len(packs(tmp_path)))
        await kept.check(store)
    async with opened(tmp_path) as store:
        await kept.check(store)
        assert (await store.stats()).dead_bytes == 0


async def test_everything_removed_leaves_no_pack(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        await store.remove(contents.chunk_ids(), 0)
        while await store.compact(0.5):
            pass
        assert packs(tmp_path) == []
        again = Contents()
        await again.put_many(store, 3)
        await again.check(store)
    async with opened(tmp_path) as store:
        await again.check(store)


async def test_a_pack_below_the_share_is_left_alone(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        for number in range(10):
            await contents.put(store, noise(5000, number))
        await store.remove([chunk.chunk_id for chunk in contents.kept[0][1]], 0)
        assert await store.compact(0.5) == 0
        assert await store.compact(0.05) > 0
        assert await store.compact(0.0001) == 0


async def test_compaction_keeps_stamps(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for epoch in range(6):
            store.note_epoch(epoch)
            await put(store, noise(4000, epoch))
        before = store.stamped(b"", 10)
        await store.remove([before[0].chunk_id], 99)
        assert await store.compact(0.01) > 0
        after = store.stamped(b"", 10)
        assert [chunk[:3] for chunk in after] == [chunk[:3] for chunk in before[1:]]


async def test_readers_do_not_notice_compaction(tmp_path: Path) -> None:
    content = noise(900_000)
    async with opened(tmp_path) as store:
        _, manifest = await put(store, content)
        gone = Contents()
        await gone.put_many(store, 10, seed=77)
        run = aiter(store.read_run(iter(manifest)))
        first = await anext(run)
        await store.remove(gone.chunk_ids(), 0)
        while await store.compact(0.0001):
            pass
        assert first + b"".join([plain async for plain in run]) == content


async def test_uploads_reads_removals_and_compaction_at_once_agree(tmp_path: Path) -> None:
    """Under load: what was not removed is there at the end, and every read on the way was right."""
    kept = Contents()

    async def upload(number: int) -> None:
        await kept.put(store, noise(3000 + 997 * number, number))
        content, manifest = kept.kept[number % len(kept.kept)]
        assert await get(store, manifest) == content

    async def churn(number: int) -> None:
        mine: list[ChunkRef] = (await put(store, noise(15_000, 10_000 + number)))[1]
        await store.remove([chunk.chunk_id for chunk in mine], 0)
        await store.compact(0.2)

    async with opened(tmp_path, pack_bytes_max=60_000) as store:
        await asyncio.gather(*(work(number) for number in range(30) for work in (upload, churn)))
        await kept.check(store)
        stats = await store.stats()
        assert stats.chunks == len(kept.chunk_ids())
        assert stats.pack_file_bytes == _pack_bytes(tmp_path)
    async with opened(tmp_path) as store:
        await kept.check(store)


async def test_nothing_is_removed_or_rewritten_while_frozen(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 8)
        ids = contents.chunk_ids()
        await store.remove(ids[:5], 0)
        async with store.frozen():
            removal = asyncio.ensure_future(store.remove(ids[5:9], 0))
            compaction = asyncio.ensure_future(store.compact(0.0001))
            files = await store.pack_files()
            await contents.put(store, noise(100_000, 999))
            copies = {file.path: file.path.read_bytes()[: file.size_bytes] for file in files}
            assert not removal.done()
            assert not compaction.done()
        assert len(await removal) == 4
        assert await compaction > 0
    backup = tmp_path / "backup"
    (backup / "store" / "packs").mkdir(parents=True)
    for path, copy in copies.items():
        (backup / "store" / "packs" / path.name).write_bytes(copy)
    (tmp_path / "keys").rename(backup / "keys")
    contents.kept.pop()
    async with opened(backup) as store:
        for content, manifest in contents.kept:
            if not {bytes(chunk.chunk_id) for chunk in manifest} & set(ids[:5]):
                assert await get(store, manifest) == content


async def test_one_pack_at_most_is_said_to_grow(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        files = await store.pack_files()
        assert [file.growing for file in files] == [False] * (len(files) - 1) + [True]
        assert [file.size_bytes for file in files] == [pack.stat().st_size for pack in packs(tmp_path)]
