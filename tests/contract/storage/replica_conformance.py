"""What every replica store must do: run by each implementation with its own ``store`` and ``peer`` of one vault."""

import asyncio

import pytest

from govault.domain.layout import slot_of
from govault.domain.slot_digest import EMPTY, set_digest
from govault.errors import ChunkDamaged, Storage
from govault.limits import PEER_BATCH_BYTES_MAX
from govault.ports import ChunkStore, ReplicaStore, SealedChunk, StoreMaintenance
from govault.storage.keyring import Keyring
from schemas.ids import ChunkId
from tests.contract.storage.conformance import get, noise, put

ABSENT = ChunkId(b"\x07" * 32)


class Store(ChunkStore, StoreMaintenance, ReplicaStore):
    """All three ports."""


async def all_sealed(store: Store, ids: list[ChunkId]) -> list[SealedChunk]:
    """Every chunk, asked for again and again as a peer does."""
    found: list[SealedChunk] = []
    while batch := await store.sealed(ids[len(found) :]):
        found += batch
    return found


def altered(chunk: SealedChunk, position: int) -> SealedChunk:
    """The chunk with one bit of its record turned."""
    raw = bytearray(chunk.sealed)
    raw[position] ^= 1
    return chunk._replace(sealed=bytes(raw))


class ReplicaStoreConformance:
    """The suite. Subclasses provide ``store`` and ``peer``, and the ``keyring`` that both use."""

    async def test_what_one_store_seals_another_of_the_vault_reads(self, store: Store, peer: Store) -> None:
        content = noise(3_000_000) + b"text " * 50_000
        _, manifest = await put(peer, content)
        ids = list(dict.fromkeys(chunk.chunk_id for chunk in manifest))
        sealed = await all_sealed(peer, ids)
        assert [chunk.chunk_id for chunk in sealed] == ids
        await store.store_sealed(sealed, 0)
        assert await get(store, manifest) == content
        assert store.missing(ids) == []
        assert (await store.stats()).plain_bytes == (await peer.stats()).plain_bytes
        again = await all_sealed(store, ids)
        assert [chunk[:2] for chunk in again] == [chunk[:2] for chunk in sealed]

    async def test_chunks_that_are_not_here_are_left_out(self, store: Store) -> None:
        _, manifest = await put(store, noise(1000))
        known = manifest[0].chunk_id
        assert [chunk.chunk_id for chunk in await store.sealed([ABSENT, known])] == [known]
        assert await store.sealed([ABSENT]) == []
        assert await store.sealed([]) == []

    async def test_a_batch_is_bounded_and_never_empty(self, store: Store) -> None:
        content = noise(3 * PEER_BATCH_BYTES_MAX)
        _, manifest = await put(store, content, piece_bytes=1_000_000)
        ids = [chunk.chunk_id for chunk in manifest]
        first = await store.sealed(ids)
        assert 0 < sum(len(chunk.sealed) for chunk in first) <= PEER_BATCH_BYTES_MAX
        assert [chunk.chunk_id for chunk in await all_sealed(store, ids)] == ids

    async def test_opening_gives_plaintexts_and_keeps_nothing(self, store: Store, peer: Store) -> None:
        content = noise(600_000)
        _, manifest = await put(peer, content)
        sealed = await all_sealed(peer, [chunk.chunk_id for chunk in manifest])
        broken = altered(sealed[0], len(sealed[0].sealed) // 2)
        plains = await store.opened([broken, *sealed])
        assert plains[0] is None
        assert b"".join(plain or b"" for plain in plains) == content
        assert (await store.stats()).chunks == 0

    @pytest.mark.parametrize("position", [0, 5, 9, 20, 40, 60, 66, 68, 500, -1])
    async def test_a_turned_bit_anywhere_is_refused_and_not_kept(
        self, store: Store, peer: Store, position: int
    ) -> None:
        _, manifest = await put(peer, noise(1000))
        (sealed,) = await peer.sealed([manifest[0].chunk_id])
        with pytest.raises(ChunkDamaged) as caught:
            await store.store_sealed([altered(sealed, position)], 0)
        assert caught.value.details["chunk_id"] == manifest[0].chunk_id.hex()
        assert store.missing([manifest[0].chunk_id]) == [manifest[0].chunk_id]
        await store.store_sealed([sealed], 0)
        assert await store.verify(manifest[0].chunk_id)

    async def test_a_record_under_another_name_or_size_is_refused(self, store: Store, peer: Store) -> None:
        _, manifest = await put(peer, noise(1000))
        _, other = await put(peer, noise(1000, 1))
        (sealed,) = await peer.sealed([manifest[0].chunk_id])
        for lie in (sealed._replace(chunk_id=other[0].chunk_id), sealed._replace(size_bytes=999)):
            with pytest.raises(ChunkDamaged):
                await store.store_sealed([lie], 0)
        with pytest.raises(ChunkDamaged):
            await store.store_sealed([sealed._replace(sealed=b"")], 0)
        assert (await store.stats()).chunks == 0

    async def test_a_missing_sealing_root_is_named_and_condemns_nothing(
        self, store: Store, peer: Store, foreign: Store
    ) -> None:
        _, manifest = await put(foreign, noise(1000))
        (sealed,) = await foreign.sealed([manifest[0].chunk_id])
        for attempt in (store.store_sealed([sealed], 0), store.opened([sealed])):
            with pytest.raises(Storage, match="sealing root 2") as caught:
                await attempt
            assert caught.value.specific_code == "storage.key-missing"
        assert store.quarantined(10) == []

    async def test_stored_chunks_have_the_higher_stamp(self, store: Store, peer: Store) -> None:
        _, manifest = await put(peer, noise(1000))
        _, low = await put(peer, noise(1000, 1))
        store.note_epoch(4)
        assert store.epoch == 4
        await store.store_sealed(await peer.sealed([manifest[0].chunk_id]), 9)
        await store.store_sealed(await peer.sealed([low[0].chunk_id]), 2)
        stamps = {chunk.chunk_id: chunk.epoch for chunk in store.stamped(b"", 10)}
        assert stamps == {manifest[0].chunk_id: 9, low[0].chunk_id: 4}

    async def test_a_chunk_that_is_here_is_stamped_only(self, store: Store, peer: Store) -> None:
        content = noise(200_000)
        _, manifest = await put(store, content)
        await put(peer, content)
        before = await store.stats()
        sealed = await all_sealed(peer, [chunk.chunk_id for chunk in manifest])
        await store.store_sealed([*sealed, *sealed], 6)
        assert {chunk.epoch for chunk in store.stamped(b"", 100)} == {6}
        assert (await store.stats())._replace(free_disk_bytes=0) == before._replace(free_disk_bytes=0)

    async def test_uploads_and_peers_may_bring_the_same_chunks_at_once(self, store: Store, peer: Store) -> None:
        content = noise(2_500_000)
        _, manifest = await put(peer, content)
        ids = [chunk.chunk_id for chunk in manifest]
        sealed = await all_sealed(peer, ids)
        await asyncio.gather(
            *(store.store_sealed(sealed, 3) for _ in range(3)), *(put(store, content) for _ in range(3))
        )
        assert (await store.stats()).plain_bytes == len(content)
        assert {chunk.epoch for chunk in store.stamped(b"", 1000)} == {3}
        assert await get(store, manifest) == content

    async def test_a_removal_meanwhile_takes_nothing_that_was_stored(self, store: Store, peer: Store) -> None:
        content = noise(500_000)
        _, manifest = await put(peer, content)
        await put(store, content)
        ids = [chunk.chunk_id for chunk in manifest]
        sealed = await all_sealed(peer, ids)

        async def remove() -> None:
            for _ in range(20):
                await store.remove(ids, 4)

        await asyncio.gather(remove(), *(store.store_sealed(sealed, 5) for _ in range(4)))
        assert store.missing(ids) == []
        assert await get(store, manifest) == content

    async def test_nothing_is_nothing(self, store: Store) -> None:
        await store.store_sealed([], 3)
        assert await store.opened([]) == []
        assert await store.slot_digests([]) == []

    async def test_slots_give_their_chunks_in_pages(self, store: Store) -> None:
        await asyncio.gather(*(put(store, noise(500, seed)) for seed in range(40)))
        ids = [ChunkId(chunk.chunk_id) for chunk in store.stamped(b"", 1000)]
        slots = {slot_of(chunk_id) for chunk_id in ids}
        found: list[ChunkId] = []
        for slot in sorted(slots):
            after = b""
            while page := store.slot_chunks(slot, after, 1):
                found += page
                after = page[-1]
        assert found == ids
        empty = next(slot for slot in range(100) if slot not in slots)
        assert store.slot_chunks(empty, b"", 10) == []
        # Behind a later slot there is nothing; behind an earlier one is all of it.
        first = min(slots)
        assert store.slot_chunks(first, b"\xff" * 32, 10) == []
        assert store.slot_chunks(max(slots), ids[0], 10) == [i for i in ids[1:] if slot_of(i) == max(slots)]

    async def test_slot_digests_tell_the_sets_of_chunks_apart(self, store: Store, peer: Store) -> None:
        await asyncio.gather(*(put(store, noise(500, seed)) for seed in range(30)))
        for seed in reversed(range(30)):
            await put(peer, noise(500, seed))
        ids = [ChunkId(chunk.chunk_id) for chunk in store.stamped(b"", 1000)]
        slots = list(range(16_384))
        digests = await store.slot_digests(slots)
        assert digests == await peer.slot_digests(slots)
        slot = slot_of(ids[0])
        assert digests[slot] == set_digest(i for i in ids if slot_of(i) == slot) != EMPTY
        assert sum(digest != EMPTY for digest in digests) == len({slot_of(i) for i in ids})
        await peer.remove([ids[0]], 0)
        assert await peer.slot_digests([slot, slot + 1]) != await store.slot_digests([slot, slot + 1])
        assert (await peer.slot_digests(slots)).count(EMPTY) >= digests.count(EMPTY)

    async def test_slot_digests_follow_every_change(self, store: Store, peer: Store) -> None:
        slots = list(range(16_384))
        contents = [noise(500, seed) for seed in range(12)]

        async def expected() -> list[bytes]:
            found: dict[int, list[bytes]] = {}
            for chunk in store.stamped(b"", 1000):
                found.setdefault(slot_of(chunk.chunk_id), []).append(chunk.chunk_id)
            return [set_digest(found.get(slot, [])) for slot in slots]

        for content in contents[:6]:
            await put(store, content)
        assert await store.slot_digests(slots) == await expected()
        _, manifest = await put(store, contents[7])
        assert await store.slot_digests(slots) == await expected()
        await store.remove([manifest[0].chunk_id], 0)
        assert await store.slot_digests(slots) == await expected()
        told = []
        for content in contents:
            told += (await put(peer, content))[1]
        await store.store_sealed(await peer.sealed([chunk.chunk_id for chunk in told]), 0)
        assert await store.slot_digests(slots) == await expected() == await peer.slot_digests(slots)
        while await store.compact(0.01):
            pass
        assert await store.slot_digests(slots) == await expected()

    async def test_durable_chunks_are_told_in_content_order(self, store: Store) -> None:
        content = noise(5_000_000) + bytes(3_000_000)
        ingest = store.begin()
        told = []
        ingest.on_durable(told.extend)
        for start in range(0, len(content), 500_000):
            await ingest.write(content[start : start + 500_000])
        ingested = await ingest.finish()
        assert len(told) == ingested.chunks
        assert await get(store, told) == content


def foreign_keyring(keyring: Keyring) -> Keyring:
    """Another keyring of the same secret, one sealing epoch on."""
    foreign = Keyring(keyring._root)
    foreign.rotate()
    return foreign
