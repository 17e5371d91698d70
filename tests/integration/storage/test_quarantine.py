"""Damage on the disk: never served, quarantined, repaired by the next upload."""

import random
from pathlib import Path

import pytest

from govault.errors import ChunkDamaged
from govault.storage.record import PACK_HEADER_BYTES, RECORD_HEADER_BYTES
from tests.contract.storage.conformance import get, noise, put
from tests.integration.storage.vault import Contents, opened, packs


def flip(path: Path, position: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1 << bit]))


REGIONS = {
    "magic": 0,
    "codec": 4,
    "format": 6,
    "sealing epoch": 11,
    "plain length": 15,
    "stored length": 19,
    "chunk id": 30,
    "nonce": 55,
    "header checksum": 65,
    "first sealed byte": RECORD_HEADER_BYTES,
    "middle": RECORD_HEADER_BYTES + 1000,
    "tag": -1,
}


@pytest.mark.parametrize("region", list(REGIONS))
async def test_a_flipped_bit_is_never_served(tmp_path: Path, region: str) -> None:
    content = noise(2000)
    damaged: list[tuple[bytes, str]] = []
    async with opened(tmp_path) as store:
        store.on_damage(lambda chunk_id, reason: damaged.append((chunk_id, reason)))
        _, manifest = await put(store, content)
        other = noise(2000, 1)
        _, whole = await put(store, other)
        record_bytes = store.stamped(b"", 1)[0].stored_bytes
        offset = PACK_HEADER_BYTES + (REGIONS[region] if REGIONS[region] >= 0 else record_bytes + REGIONS[region])
        flip(packs(tmp_path)[0], offset)
        for _ in range(2):
            with pytest.raises(ChunkDamaged):
                await store.read(manifest[0])
        assert [chunk_id for chunk_id, _ in damaged] == [manifest[0].chunk_id]
        assert [found.chunk_id for found in store.quarantined(10)] == [manifest[0].chunk_id]
        assert store.missing([manifest[0].chunk_id]) == [manifest[0].chunk_id]
        assert not await store.verify(manifest[0].chunk_id)
        assert await get(store, whole) == other
        # The next upload of the content repairs it.
        again, _ = await put(store, content)
        assert again.new_bytes == len(content)
        assert await store.read(manifest[0]) == content
        assert store.quarantined(10) == []
        assert (await store.stats()).quarantined == 0


async def test_quarantine_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        _, manifest = await put(store, noise(2000))
        flip(packs(tmp_path)[0], 500)
        assert not await store.verify(manifest[0].chunk_id)
    async with opened(tmp_path) as store:
        assert [found.chunk_id for found in store.quarantined(10)] == [manifest[0].chunk_id]
        with pytest.raises(ChunkDamaged, match="quarantined"):
            await store.read(manifest[0])


async def test_damage_in_a_pack_that_is_compacted_does_not_spread(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 12)
        ids = contents.chunk_ids()
        gone = ids[::2]
        rng = random.Random(5)
        for pack in packs(tmp_path):
            for _ in range(3):
                flip(pack, rng.randrange(PACK_HEADER_BYTES, pack.stat().st_size), rng.randrange(8))
        await store.remove(gone, 0)
        while await store.compact(0.05):
            pass
        readable = 0
        for content, manifest in contents.kept:
            start = 0
            for chunk in manifest:
                plain = content[start : start + chunk.size_bytes]
                start += chunk.size_bytes
                if bytes(chunk.chunk_id) not in gone and await store.verify(chunk.chunk_id):
                    assert await store.read(chunk) == plain
                    readable += 1
        quarantined = len(store.quarantined(1000))
        assert 0 < quarantined <= 3 * 20
        assert readable + quarantined == len(ids) - len(gone)


async def test_random_damage_is_never_served_after_a_rebuild_of_the_index(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        rng = random.Random(7)
        for pack in packs(tmp_path):
            flip(pack, rng.randrange(PACK_HEADER_BYTES, pack.stat().st_size), rng.randrange(8))
        chunks = await store.rebuild_index(lambda done, total: None)
        assert 0 < chunks < len(contents.chunk_ids())
        hit = 0
        for content, manifest in contents.kept:
            start = whole = 0
            for chunk in manifest:
                plain = content[start : start + chunk.size_bytes]
                start += chunk.size_bytes
                if await store.verify(chunk.chunk_id):
                    assert await store.read(chunk) == plain
                    whole += 1
            hit += whole < len(manifest)
        # A bit spoils one record, and records hold chunks of one upload where uploads do not overlap.
        assert 0 < hit <= len(packs(tmp_path))
        for content, _ in contents.kept:
            await put(store, content)
        await contents.check(store)
