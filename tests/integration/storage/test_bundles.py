"""Small chunks that came together lie in one record: what that must not change, and what it makes better."""

import asyncio
from pathlib import Path

from govault.domain.manifest import ChunkRef
from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from govault.storage.record import PACK_HEADER_BYTES
from govault.storage.scanner import Found, scan
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import get, noise, put
from tests.integration.storage.test_quarantine import flip
from tests.integration.storage.vault import opened, packs
from tests.simulation.storage.recording import RecordingDisk


def _text(number: int) -> bytes:
    return b"".join(b"line %d of file %d, much like all others\n" % (line, number) for line in range(40))


async def _put_at_once(store: PackChunkStore, contents: list[bytes]) -> list[list[ChunkRef]]:
    return [manifest for _, manifest in await asyncio.gather(*(put(store, content) for content in contents))]


def _records(root: Path) -> list[Found]:
    found: list[Found] = []
    for pack in packs(root):
        raw = pack.read_bytes()
        found += scan(RecordingDisk({"p": raw}).open("p"), PACK_HEADER_BYTES, len(raw))
    return found


async def test_small_contents_that_come_together_share_records_and_take_less_room(tmp_path: Path) -> None:
    contents = [_text(number) for number in range(40)]
    async with opened(tmp_path / "together") as store:
        manifests = await _put_at_once(store, contents)
        assert [await get(store, manifest) for manifest in manifests] == contents
        together = await store.stats()
    async with opened(tmp_path / "alone") as store:
        for content in contents:
            await put(store, content)
        alone = await store.stats()
    assert len(_records(tmp_path / "together")) <= 4
    assert len(_records(tmp_path / "alone")) == 40
    assert together.chunks == alone.chunks == 40
    assert together.stored_bytes < alone.stored_bytes / 1.5
    assert together.stored_bytes + PACK_HEADER_BYTES == packs(tmp_path / "together")[0].stat().st_size


async def test_large_chunks_lie_alone(tmp_path: Path) -> None:
    content = noise(2_000_000)
    async with opened(tmp_path, chunk_bytes_mean=262_144, pack_bytes_max=1 << 26) as store:
        _, manifest = await put(store, content)
        assert await get(store, manifest) == content
    large = [chunk.chunk_id for chunk in manifest if chunk.size_bytes > 196_608]
    assert large
    assert set(large) <= {record.header.chunk_id for record in _records(tmp_path) if not record.header.is_bundle}


async def test_what_an_upload_is_said_to_take_is_what_the_store_counts(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        results = await asyncio.gather(*(put(store, _text(number)) for number in range(30)))
        assert sum(ingested.stored_bytes for ingested, _ in results) == (await store.stats()).stored_bytes


async def test_bundles_survive_a_restart_and_a_rebuild_of_the_index(tmp_path: Path) -> None:
    contents = [_text(number) for number in range(30)]
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, contents)
    async with opened(tmp_path) as store:
        assert [await get(store, manifest) for manifest in manifests] == contents
        before = await store.stats()
        assert await store.rebuild_index(lambda done, total: None) == 30
        assert (await store.stats())._replace(free_disk_bytes=0) == before._replace(free_disk_bytes=0)
        assert [await get(store, manifest) for manifest in manifests] == contents


async def test_compaction_seals_what_is_live_of_a_bundle_anew_and_frees_the_rest(tmp_path: Path) -> None:
    contents = [noise(1900, number) for number in range(30)]
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, contents)
        store.note_epoch(3)
        await store.confirm([manifests[0][0].chunk_id], 3)
        gone = [manifest[0].chunk_id for manifest in manifests[1::2]]
        assert len(await store.remove(gone, 0)) == len(gone)
        assert (await store.stats()).dead_bytes > 14 * 1900
        while await store.compact(0.05):
            pass
        after = await store.stats()
        assert (after.chunks, after.dead_bytes) == (15, 0)
        assert after.pack_file_bytes < 16 * 2000
        assert [await get(store, manifest) for manifest in manifests[::2]] == contents[::2]
        stamps = {chunk.chunk_id: chunk.epoch for chunk in store.stamped(b"", 100)}
        assert stamps[manifests[0][0].chunk_id] == 3
        assert store.missing(gone) == gone
    async with opened(tmp_path) as store:
        assert [await get(store, manifest) for manifest in manifests[::2]] == contents[::2]


async def test_compaction_copies_a_bundle_that_is_all_live_as_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, [_text(number) for number in range(10)])
        _, other = await put(store, noise(1900))
        whole = {record.header.nonce for record in _records(tmp_path) if record.header.is_bundle}
        await store.remove([other[0].chunk_id], 0)
        while await store.compact(0.05):
            pass
        assert {record.header.nonce for record in _records(tmp_path)} == whole
        assert [await get(store, manifest) for manifest in manifests] == [_text(number) for number in range(10)]


async def test_a_check_reads_the_disk_and_not_what_was_opened_a_moment_ago(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, [noise(1900, number) for number in range(8)])
        for manifest in manifests:
            await store.read(manifest[0])
        pack = packs(tmp_path)[0]
        flip(pack, pack.stat().st_size - 20)
        damaged = [manifest[0] for manifest in manifests if not await store.verify(manifest[0].chunk_id)]
        assert damaged
        assert {found.chunk_id for found in store.quarantined(100)} == {chunk.chunk_id for chunk in damaged}


async def test_a_chunk_of_a_bundle_goes_to_a_peer_without_the_others(tmp_path: Path) -> None:
    contents = [_text(number) for number in range(10)]
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, contents)
        peer = MemoryChunkStore(Keyring.open(tmp_path / "keys"), 8192)
        sealed = await store.sealed([manifests[4][0].chunk_id])
        await peer.store_sealed(sealed, 0)
        assert await peer.read(manifests[4][0]) == contents[4]
        assert peer.missing([manifests[3][0].chunk_id]) == [manifests[3][0].chunk_id]


async def test_a_damaged_bundle_is_quarantined_chunk_by_chunk_when_the_index_is_made_anew(tmp_path: Path) -> None:
    contents = [noise(1900, number) for number in range(12)]
    async with opened(tmp_path) as store:
        manifests = await _put_at_once(store, contents)
        pack = packs(tmp_path)[0]
        flip(pack, pack.stat().st_size - 20)
        whole = await store.rebuild_index(lambda done, total: None)
        assert whole < 12
        assert len(store.quarantined(100)) == 12 - whole
        await _put_at_once(store, contents)
        assert store.quarantined(100) == []
        assert [await get(store, manifest) for manifest in manifests] == contents
