"""Replicas against damage: it never leaves a node, and what a peer sends heals it."""

import asyncio
from pathlib import Path

import pytest

from govault.errors import ChunkDamaged, Storage, StorageFull
from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from tests.contract.storage.conformance import noise, put
from tests.contract.storage.replica_conformance import foreign_keyring
from tests.integration.storage.test_quarantine import flip
from tests.integration.storage.vault import opened, packs


async def test_a_damaged_chunk_is_not_sent_and_becomes_whole_by_a_peers(tmp_path: Path) -> None:
    content = noise(2000)
    async with opened(tmp_path) as store:
        peer = MemoryChunkStore(Keyring.open(tmp_path / "keys"), 8192)
        _, manifest = await put(store, content)
        await put(peer, content)
        chunk_id = manifest[0].chunk_id
        flip(packs(tmp_path)[0], 500)
        slot = int.from_bytes(chunk_id[:2], "big") >> 2
        assert await store.slot_digests([slot]) != [bytes(16)]
        assert await store.sealed([chunk_id]) == []
        assert await store.slot_digests([slot]) == [bytes(16)]
        assert [found.chunk_id for found in store.quarantined(10)] == [chunk_id]
        assert store.slot_chunks(int.from_bytes(chunk_id[:2], "big") >> 2, b"", 10) == []
        with pytest.raises(ChunkDamaged):
            await store.read(manifest[0])
        await store.store_sealed(await peer.sealed([chunk_id]), 0)
        assert await store.read(manifest[0]) == content
        assert store.quarantined(10) == []
        assert (await store.stats()).quarantined == 0
    async with opened(tmp_path) as store:
        assert await store.read(manifest[0]) == content


async def test_chunks_of_a_peer_survive_compaction_and_a_restart(tmp_path: Path) -> None:
    contents = [noise(20_000, seed) for seed in range(20)]
    async with opened(tmp_path) as store:
        peer = MemoryChunkStore(Keyring.open(tmp_path / "keys"), 8192)
        manifests = [(await put(peer, content))[1] for content in contents]

        async def bring(number: int) -> None:
            await store.store_sealed(await peer.sealed([chunk.chunk_id for chunk in manifests[number]]), 0)

        await asyncio.gather(*(bring(number) for number in range(20)))
        gone = [chunk.chunk_id for manifest in manifests[::2] for chunk in manifest]
        assert len(await store.remove(gone, 0)) == len(gone)
        while await store.compact(0.05):
            pass
        await bring(0)
    async with opened(tmp_path) as store:
        for number in (0, *range(1, 20, 2)):
            plains = [await store.read(chunk) for chunk in manifests[number]]
            assert b"".join(plains) == contents[number]


async def test_a_full_disk_refuses_a_peers_chunk_and_keeps_an_uploads_wait_alive(tmp_path: Path) -> None:
    content = noise(5000)
    async with opened(tmp_path, reserve_bytes=1 << 60) as store:
        peer = MemoryChunkStore(Keyring.open(tmp_path / "keys"), 8192)
        _, manifest = await put(peer, content)
        sealed = await peer.sealed([manifest[0].chunk_id])
        attempts = await asyncio.gather(
            store.store_sealed(sealed, 0), put(store, content), store.store_sealed(sealed, 0), return_exceptions=True
        )
        assert [type(attempt) for attempt in attempts] == [StorageFull] * 3
        assert store.claims_waiting() == 0


async def test_a_chunk_sealed_under_a_root_that_is_still_on_its_way_is_kept_once_it_is_here(tmp_path: Path) -> None:
    content = noise(2000)
    async with opened(tmp_path) as store:
        keys, foreign = store._sealer._keyring, foreign_keyring(Keyring.open(tmp_path / "keys"))
        peer = MemoryChunkStore(foreign, 8192)
        _, manifest = await put(peer, content)
        sealed = await peer.sealed([manifest[0].chunk_id])
        waited: list[int] = []

        async def never(epoch: int) -> bool:
            waited.append(epoch)
            return False

        async def bring(epoch: int) -> bool:
            return keys.adopt_root(epoch, foreign.wrapped_root(epoch) or b"")

        store.on_missing_root(never)
        for attempt in (store.store_sealed(sealed, 0), store.opened(sealed)):
            with pytest.raises(Storage) as caught:
                await attempt
            assert caught.value.details["sealing_epoch"] == 2
        assert waited == [2, 2]
        assert store.missing([manifest[0].chunk_id]) == [manifest[0].chunk_id]
        store.on_missing_root(bring)
        assert await store.opened(sealed) == [content]
        await store.store_sealed(sealed, 0)
        assert await store.read(manifest[0]) == content
    async with opened(tmp_path) as store:
        assert await store.read(manifest[0]) == content
