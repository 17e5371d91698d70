"""Several real chunk stores joined in one process: what was written through one is at W of them, and read by all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from govault.domain.layout import slot_of
from govault.domain.manifest import ChunkRef, unpack
from govault.errors import Cluster
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster
from tests.integration.storage.test_quarantine import flip

OPTIONS = StoreOptions(reserve_bytes=0, workers=1, readers=1, pack_bytes_max=4_000_000)
CONTENT = noise(9_000_000) + b"text " * 200_000


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something that goes on behind is done."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 (threads do it)
            await asyncio.sleep(0.01)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[FakeCluster]:
    async with AsyncExitStack() as stack:
        stores = []
        for name in "abcd":
            store = await PackChunkStore.open(tmp_path / name, Keyring(bytes(32)), OPTIONS)
            stack.push_async_callback(store.close)
            stores.append(store)
        cluster = FakeCluster("abcd", locals_=stores)
        stack.push_async_callback(cluster.close)
        yield cluster


async def test_a_content_is_at_w_nodes_when_its_upload_ends_and_at_r_soon_after(cluster: FakeCluster) -> None:
    _, manifest = await cluster["a"].put(CONTENT)
    assert all(len(cluster.holders_of(chunk.chunk_id)) >= 2 for chunk in manifest)
    holders = cluster["a"].map.placement.holders
    await eventually(
        lambda: all(cluster[name].has(c.chunk_id) for c in manifest for name in holders(slot_of(c.chunk_id)))
    )
    for node in cluster.nodes.values():
        assert await node.get(manifest) == CONTENT


async def test_chunks_go_out_while_bytes_still_come_in(cluster: FakeCluster) -> None:
    ingest = cluster["a"].store.begin()
    await ingest.write(CONTENT[:6_000_000])
    await eventually(lambda: any(what == "store" for _, what, _ in cluster.calls))
    await ingest.write(CONTENT[6_000_000:])
    ingested = await ingest.finish()
    manifest = list(unpack(b"".join(ingest.take_parts()) + ingested.packed))
    assert await cluster["b"].get(manifest) == CONTENT


async def test_uploads_of_the_same_content_through_all_nodes_at_once_end_well(cluster: FakeCluster) -> None:
    manifests = await asyncio.gather(*(cluster[name].put(CONTENT) for name in "abcdab"))
    assert len({tuple(manifest) for _, manifest in manifests}) == 1
    for chunk in manifests[0][1]:
        assert len(cluster.holders_of(chunk.chunk_id)) >= 2


async def test_damage_at_one_node_is_healed_by_a_read(cluster: FakeCluster, tmp_path: Path) -> None:
    _, manifest = await cluster["a"].put(CONTENT)
    pack = sorted((tmp_path / "a" / "packs").glob("*.pack"))[0]
    for position in range(1000, pack.stat().st_size, 400_000):
        flip(pack, position)
    damaged: list[bytes] = []
    store = cluster["a"].local
    assert isinstance(store, PackChunkStore)
    store.on_damage(lambda chunk_id, reason: damaged.append(chunk_id))
    # From the disk: what was opened a moment ago may still be at hand whole.
    assert not all([await store.verify(chunk.chunk_id) for chunk in manifest])
    assert await cluster["a"].get(manifest) == CONTENT
    assert damaged
    await eventually(lambda: not store.quarantined(1))
    assert all([await store.verify(chunk.chunk_id) for chunk in manifest])


async def test_a_node_that_lost_everything_reads_from_the_others(cluster: FakeCluster) -> None:
    _, manifest = await cluster["a"].put(CONTENT)
    ids = [chunk.chunk_id for chunk in manifest]
    await cluster["a"].local.remove(ids, 0)
    assert await cluster["a"].get(manifest) == CONTENT


async def test_without_enough_nodes_a_write_fails_and_a_later_one_succeeds(cluster: FakeCluster) -> None:
    for name in "bcd":
        cluster[name].manners.dead = True
    with pytest.raises(Cluster):
        await cluster["a"].put(CONTENT)
    cluster["c"].manners.dead = False
    _, manifest = await cluster["a"].put(CONTENT)
    missing: list[ChunkRef] = [chunk for chunk in manifest if not cluster["c"].has(chunk.chunk_id)]
    assert missing == []
