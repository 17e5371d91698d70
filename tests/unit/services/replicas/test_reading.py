"""Reads through several nodes, under a virtual clock: from wherever a chunk is, checked, and without long waits."""

import asyncio
from contextlib import aclosing

import pytest

from govault.domain.layout import slot_of
from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged, ChunkMissing, Cluster
from govault.limits import FETCH_HEDGE_S_MAX
from govault.ports import LinkQuality
from govault.services.replicas.cache import RemoteCache
from govault.services.replicas.fetching import patience
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster, rotating_table
from tests.simulation.virtual_time import run_virtually

CONTENT = noise(300_000)


async def spread(cluster: FakeCluster, content: bytes, *names: str) -> list[ChunkRef]:
    """Put a content into the stores of these nodes only."""
    told: list[ChunkRef] = []
    for name in names:
        told.clear()
        ingest = cluster[name].local.begin()
        ingest.on_durable(told.extend)
        await ingest.write(content)
        await ingest.finish()
    return told


def test_what_is_not_here_comes_from_a_peer() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", replicas=1, quorum=1)
        manifest = await spread(cluster, CONTENT, "b")
        assert await cluster["a"].get(manifest) == CONTENT
        assert await cluster["a"].store.read(manifest[7]) == await cluster["b"].local.read(manifest[7])
        await cluster.close()

    run_virtually(main())


def test_remote_content_streams_ahead_of_its_reader() -> None:
    async def main() -> float:
        content = noise(8_000_000)
        cluster = FakeCluster("ab", replicas=1, quorum=1)
        cluster["b"].manners.delay_s = 0.04
        manifest = await spread(cluster, content, "b")
        assert await cluster["a"].get(manifest) == content
        await cluster.close()
        return asyncio.get_running_loop().time()

    # 8 MB in calls of up to 64 chunks: one after the other they would take more than 1.2 s.
    assert run_virtually(main()) < 0.45


def test_the_best_link_is_asked_first() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, CONTENT, "b", "c")
        cluster["a"].links.scores = {"b": 0.2, "c": 0.9}
        assert await cluster["a"].get(manifest) == CONTENT
        assert {peer for peer, *_ in cluster.calls} == {"c"}
        await cluster.close()

    run_virtually(main())


def test_a_slow_peer_is_hedged() -> None:
    async def main() -> float:
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, CONTENT, "b", "c")
        cluster["a"].links.scores = {"b": 1.0, "c": 0.1}
        cluster["b"].manners.silent = True
        assert await cluster["a"].get(manifest) == CONTENT
        await cluster.close()
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) < 2 * FETCH_HEDGE_S_MAX


def test_patience_follows_the_link_and_has_bounds() -> None:
    assert patience(LinkQuality(latency_s=0.1, bandwidth_bytes_s=1e6), 100_000) == pytest.approx(0.6)
    assert patience(LinkQuality(), 1_000_000) == 0.05
    assert patience(LinkQuality(latency_s=30.0), 1) == 2.0


def test_a_peer_that_dies_in_the_middle_goes_unnoticed() -> None:
    async def main() -> None:
        content = noise(4_000_000)
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, content, "b", "c")
        cluster["a"].links.scores = {"b": 1.0, "c": 0.1}
        run = cluster["a"].store.read_run(iter(manifest))
        pieces = []
        async for plain in run:
            pieces.append(plain)
            if len(pieces) == 100:
                cluster["b"].manners.dead = True
        assert b"".join(pieces) == content
        assert {peer for peer, *_ in cluster.calls} == {"b", "c"}
        await cluster.close()

    run_virtually(main())


def test_a_liar_is_found_out_and_never_believed() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, CONTENT, "b", "c")
        cluster["a"].links.scores = {"b": 1.0, "c": 0.1}
        cluster["b"].manners.damages = True
        assert await cluster["a"].get(manifest) == CONTENT
        assert ("corrupted", "b") in cluster["a"].links.calls
        assert ("corrupted", "c") not in cluster["a"].links.calls
        await cluster.close()
        for chunk in manifest:
            assert not cluster["a"].has(chunk.chunk_id) or await cluster["a"].local.verify(chunk.chunk_id)

    run_virtually(main())


def test_an_older_layouts_holders_serve_while_data_moves() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcdef")
        old, new = rotating_table("abc", 2, 1), rotating_table("de", 2, 1, version=2)
        manifest = await spread(cluster, CONTENT, "a", "b", "c")
        cluster.lay_out(new, old)
        assert await cluster["f"].get(manifest) == CONTENT
        assert "d" in {peer for peer, *_ in cluster.calls} or "e" in {peer for peer, *_ in cluster.calls}
        await cluster.close()

    run_virtually(main())


def test_a_chunk_that_only_a_stranger_to_its_slot_has_is_found() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcdefg", replicas=2)
        manifest = await spread(cluster, CONTENT, "g")
        cluster["a"].map.down.add("g")
        assert await cluster["a"].get(manifest) == CONTENT
        await cluster.close()

    run_virtually(main())


def test_missing_is_said_only_when_everybody_was_asked() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        absent = ChunkRef(ChunkId(b"\x05" * 32), 10)
        with pytest.raises(ChunkMissing):
            await cluster["a"].store.read(absent)
        assert {peer for peer, *_ in cluster.calls} == set("bcde")
        cluster["d"].manners.dead = True
        with pytest.raises(Cluster, match="these do not: d") as caught:
            await cluster["a"].store.read(absent)
        assert caught.value.specific_code == "cluster.chunk-unreachable"
        await cluster.close()

    run_virtually(main())


def test_chunks_before_a_missing_one_are_given() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, CONTENT, "b")
        absent = ChunkRef(ChunkId(b"\x05" * 32), 10)
        got = b""
        with pytest.raises(ChunkMissing):  # noqa: PT012 (what came before it counts)
            async for plain in cluster["a"].store.read_run(iter([*manifest, absent, *manifest])):
                got += plain
        assert got == CONTENT
        await cluster.close()

    run_virtually(main())


def test_a_holder_that_misses_a_chunk_keeps_what_it_reads_and_others_do_not() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcd", replicas=2)
        manifest = await spread(cluster, CONTENT, "c", "d")
        await cluster["a"].get(manifest)
        await asyncio.sleep(1)
        for chunk in manifest:
            holds = "a" in cluster["a"].map.placement.holders(slot_of(chunk.chunk_id))
            assert cluster["a"].has(chunk.chunk_id) == holds
        await cluster.close()

    run_virtually(main())


def test_a_hole_in_the_middle_is_filled_from_peers_and_the_rest_comes_from_here() -> None:
    async def main() -> None:
        content = noise(2_000_000)
        cluster = FakeCluster("ab")
        manifest = await spread(cluster, content, "a", "b")
        hole = [chunk.chunk_id for chunk in manifest[100:110]]
        await cluster["a"].local.remove(hole, 0)
        assert await cluster["a"].get(manifest) == content
        assert sum(count for _, what, count in cluster.calls if what == "fetch") == 10
        await cluster.close()

    run_virtually(main())


def test_a_damaged_chunk_is_read_from_a_peer_and_an_error_where_there_is_none() -> None:
    async def main() -> None:
        cluster = FakeCluster("ab")
        manifest = await spread(cluster, CONTENT, "a")
        node = cluster["a"]
        healthy = node.local.read_run

        async def damaged_run(chunks):  # type: ignore[no-untyped-def]
            for chunk in chunks:
                if chunk == manifest[3]:
                    raise ChunkDamaged("the seal does not hold", chunk_id=chunk.chunk_id.hex())
                async for plain in healthy(iter([chunk])):
                    yield plain

        node.local.read_run = damaged_run  # type: ignore[method-assign]
        with pytest.raises(ChunkDamaged):
            await node.get(manifest)
        await spread(cluster, CONTENT, "b")
        assert await node.get(manifest) == CONTENT
        await cluster.close()

    run_virtually(main())


def test_a_reader_that_stops_early_leaves_nothing_behind() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        manifest = await spread(cluster, noise(3_000_000), "b")
        async with aclosing(cluster["a"].store.read_run(iter(manifest))) as run:  # type: ignore[type-var]
            async for _ in run:
                break
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


def test_what_is_read_again_and_again_comes_from_the_cache() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", replicas=1, quorum=1)
        manifest = await spread(cluster, CONTENT, "b", "c")
        for _ in range(2):
            await cluster["a"].get(manifest)
        cluster.calls.clear()
        assert await cluster["a"].get(manifest) == CONTENT
        assert cluster.calls == []
        await cluster.close()

    run_virtually(main())


def test_the_cache_keeps_what_was_asked_for_twice_and_no_more_than_its_bound() -> None:
    cache = RemoteCache(100)
    ids = [ChunkId(bytes([number]) * 32) for number in range(5)]
    cache.offer(ids[0], bytes(40))
    assert cache.get(ids[0]) is None
    for chunk_id in ids:
        cache.offer(chunk_id, bytes(40))
        cache.offer(chunk_id, bytes(40))
    assert [cache.get(chunk_id) is not None for chunk_id in ids] == [False, False, False, True, True]
    cache.get(ids[3])
    cache.offer(ids[0], bytes(40))
    assert [cache.get(chunk_id) is not None for chunk_id in ids] == [True, False, False, True, False]
    cache.offer(ids[1], bytes(101))
    assert cache.get(ids[1]) is None
