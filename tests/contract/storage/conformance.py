"""What every chunk store must do: run by each implementation with its own ``store`` fixture."""

import asyncio
import hashlib
import random

import pytest

from govault.domain.manifest import ChunkRef, unpack
from govault.errors import ChunkMissing, GoVaultError, InvalidRequest, Storage
from govault.ports import ChunkStore, Ingested, StoreMaintenance
from schemas.ids import ChunkId


class Store(ChunkStore, StoreMaintenance):
    """Both ports."""


def noise(size_bytes: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size_bytes)


async def put(store: ChunkStore, content: bytes, piece_bytes: int = 70_000) -> tuple[Ingested, list[ChunkRef]]:
    """Take a content in, in pieces; what came of it, and its manifest."""
    ingest = store.begin()
    packed = b""
    for start in range(0, len(content), piece_bytes):
        await ingest.write(content[start : start + piece_bytes])
        packed += b"".join(ingest.take_parts())
    ingested = await ingest.finish()
    packed += b"".join(ingest.take_parts()) + ingested.packed
    return ingested, list(unpack(packed))


async def get(store: ChunkStore, manifest: list[ChunkRef]) -> bytes:
    """The content of a manifest."""
    return b"".join([plain async for plain in store.read_run(iter(manifest))])


class ChunkStoreConformance:
    """The suite. Subclasses provide ``store``."""

    @pytest.mark.parametrize("size_bytes", [0, 1, 4096, 65_536, 65_537, 300_000, 2 * 1024 * 1024, 7_000_001])
    async def test_what_went_in_comes_out(self, store: Store, size_bytes: int) -> None:
        content = noise(size_bytes)
        ingested, manifest = await put(store, content)
        assert await get(store, manifest) == content
        assert ingested.sha256 == hashlib.sha256(content).hexdigest()
        assert ingested.size_bytes == size_bytes == sum(chunk.size_bytes for chunk in manifest)
        assert ingested.chunks == len(manifest)
        assert ingested.new_bytes == size_bytes
        assert ingested.head == content[:4096]

    async def test_the_way_bytes_are_handed_over_does_not_change_the_manifest(self, store: Store) -> None:
        content = noise(5_000_000)
        _, whole = await put(store, content, piece_bytes=len(content))
        _, pieces = await put(store, content, piece_bytes=9_999)
        assert whole == pieces

    async def test_a_second_upload_of_the_same_content_stores_nothing(self, store: Store) -> None:
        content = noise(3_000_000) + b"text " * 100_000
        _, first = await put(store, content)
        before = await store.stats()
        again, second = await put(store, content)
        assert (again.new_bytes, again.stored_bytes) == (0, 0)
        assert second == first
        assert (await store.stats())._replace(free_disk_bytes=0) == before._replace(free_disk_bytes=0)

    async def test_uploads_of_one_content_at_once_store_it_once(self, store: Store) -> None:
        content = noise(2_500_000)
        results = await asyncio.gather(*(put(store, content) for _ in range(5)))
        assert sum(ingested.new_bytes for ingested, _ in results) == len(content)
        assert (await store.stats()).plain_bytes == len(content)
        for _, manifest in results:
            assert await get(store, manifest) == content

    async def test_a_caller_may_reuse_its_buffer(self, store: Store) -> None:
        buffer = bytearray(noise(50_000))
        content = bytes(buffer)
        ingest = store.begin()
        await ingest.write(memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        ingested = await ingest.finish()
        assert await get(store, list(unpack(ingested.packed))) == content

    async def test_a_change_in_the_middle_stores_little_more_than_the_change(self, store: Store) -> None:
        content = noise(8_000_000)
        await put(store, content)
        changed, manifest = await put(store, content[:4_000_000] + b"inserted" + content[4_000_000:])
        assert changed.new_bytes < 3_000_000
        assert await get(store, manifest) == content[:4_000_000] + b"inserted" + content[4_000_000:]

    async def test_an_ended_upload_takes_no_more(self, store: Store) -> None:
        finished, aborted = store.begin(), store.begin()
        await finished.write(b"x")
        await finished.finish()
        await aborted.abort()
        for ingest in (finished, aborted):
            with pytest.raises(Storage):
                await ingest.write(b"y")
            with pytest.raises(Storage):
                await ingest.finish()
        await aborted.abort()

    async def test_reading_an_unknown_chunk_says_that_it_is_missing(self, store: Store) -> None:
        absent = ChunkRef(ChunkId(bytes(32)), 10)
        with pytest.raises(ChunkMissing):
            await store.read(absent)
        _, manifest = await put(store, noise(600_000))
        run = aiter(store.read_run(iter([*manifest, absent])))
        for chunk in manifest:
            assert len(await anext(run)) == chunk.size_bytes
        with pytest.raises(ChunkMissing):
            await anext(run)

    async def test_a_reader_may_stop_early(self, store: Store) -> None:
        content = noise(4_000_000)
        _, manifest = await put(store, content)
        run = store.read_run(iter(manifest))
        first = await anext(aiter(run))
        await run.aclose()  # type: ignore[attr-defined]
        assert content.startswith(first)

    async def test_confirming_returns_what_is_missing_and_protects_the_rest(self, store: Store) -> None:
        _, manifest = await put(store, noise(100))
        known, absent = manifest[0].chunk_id, ChunkId(b"\x01" * 32)
        assert await store.confirm([known, absent], 7) == [absent]
        assert [chunk.epoch for chunk in store.stamped(b"", 10)] == [7]
        assert await store.remove([known], 6) == []
        assert [chunk.chunk_id for chunk in await store.remove([known], 7)] == [known]
        assert store.missing([known, absent]) == [known, absent]

    async def test_stamps_never_fall(self, store: Store) -> None:
        store.note_epoch(5)
        _, manifest = await put(store, noise(100))
        store.note_epoch(3)
        await store.confirm([manifest[0].chunk_id], 2)
        await store.dereferenced([manifest[0].chunk_id], 4)
        assert [chunk.epoch for chunk in store.stamped(b"", 10)] == [5]

    async def test_an_upload_of_a_known_chunk_stamps_it_with_the_epoch_of_now(self, store: Store) -> None:
        store.note_epoch(1)
        content = noise(1_000_000)
        await put(store, content)
        store.note_epoch(4)
        await put(store, content)
        assert {chunk.epoch for chunk in store.stamped(b"", 100)} == {4}
        assert await store.remove([chunk.chunk_id for chunk in store.stamped(b"", 100)], 3) == []

    async def test_a_removed_chunk_is_missing_until_it_is_uploaded_again(self, store: Store) -> None:
        content = noise(40_000)
        _, manifest = await put(store, content)
        await store.remove([manifest[0].chunk_id], 0)
        with pytest.raises(ChunkMissing):
            await store.read(manifest[0])
        assert not await store.verify(manifest[0].chunk_id)
        again, _ = await put(store, content)
        assert again.new_bytes == len(content)
        assert await store.read(manifest[0]) == content
        assert await store.verify(manifest[0].chunk_id)

    async def test_pages_of_stamped_chunks_join_to_all_of_them(self, store: Store) -> None:
        await asyncio.gather(*(put(store, noise(500, seed)) for seed in range(25)))
        whole = store.stamped(b"", 1000)
        pages, after = [], b""
        while page := store.stamped(after, 4):
            pages += page
            after = page[-1].chunk_id
        assert pages == whole
        assert len(whole) == 25
        assert [chunk.chunk_id for chunk in whole] == sorted(chunk.chunk_id for chunk in whole)

    async def test_parts_are_handed_out_once_and_join_to_the_content(self, store: Store) -> None:
        content = noise(6_000_000)
        ingest = store.begin()
        await ingest.write(content)
        ingested = await ingest.finish()
        parts = ingest.take_parts()
        assert ingest.take_parts() == []
        assert await get(store, list(unpack(b"".join(parts) + ingested.packed))) == content

    async def test_only_errors_of_our_families_come_out(self, store: Store) -> None:
        with pytest.raises(GoVaultError):
            await store.read(ChunkRef(ChunkId(b"\xff" * 32), 1))
        assert not issubclass(ChunkMissing, InvalidRequest)
