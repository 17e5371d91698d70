"""Writes through several nodes, under a virtual clock: W replicas before they count, R soon after."""

import asyncio

import pytest

from govault.domain.layout import Placement, slot_of
from govault.domain.manifest import ChunkRef
from govault.errors import Cluster
from govault.limits import PLACING_BYTES_MAX, PLACING_PATIENCE_S
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster, rotating_table
from tests.simulation.virtual_time import run_virtually

CONTENT = noise(200_000)


async def settled(cluster: FakeCluster) -> None:
    """Let what goes on behind come to its end."""
    await asyncio.sleep(200)
    await cluster.close()


@pytest.mark.parametrize(
    ("nodes", "replicas", "quorum"), [(1, 3, 2), (2, 3, 2), (3, 3, 2), (3, 3, 3), (5, 3, 2), (5, 3, 1), (5, 5, 4)]
)
def test_every_chunk_gets_to_its_holders(nodes: int, replicas: int, quorum: int) -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde"[:nodes], replicas=replicas, quorum=quorum)
        ingested, manifest = await cluster["a"].put(CONTENT)
        assert ingested.size_bytes == len(CONTENT)
        for chunk in manifest:
            assert len(cluster.holders_of(chunk.chunk_id)) >= min(quorum, nodes)
        await settled(cluster)
        for chunk in manifest:
            wanted = {"a", *cluster["a"].map.placement.holders(slot_of(chunk.chunk_id))}
            assert set(cluster.holders_of(chunk.chunk_id)) == wanted
        for node in cluster.nodes.values():
            assert await node.get(manifest) == CONTENT
        await cluster.close()

    run_virtually(main())


def test_a_slow_holder_does_not_hold_a_write_that_others_made_safe() -> None:
    async def main() -> float:
        cluster = FakeCluster("abc")
        cluster["c"].manners.delay_s = 20.0
        _, manifest = await cluster["a"].put(CONTENT)
        took_s = asyncio.get_running_loop().time()
        await settled(cluster)
        for chunk in manifest:
            assert cluster.holders_of(chunk.chunk_id) == ["a", "b", "c"]
        return took_s

    assert run_virtually(main()) < 1.0


def test_a_holder_that_is_known_to_be_down_is_not_waited_for_and_the_next_in_rank_steps_in() -> None:
    async def main() -> float:
        cluster = FakeCluster("abcde", quorum=3)
        cluster["b"].manners.silent = True
        cluster["a"].map.down.add("b")
        _, manifest = await cluster["a"].put(CONTENT)
        took_s = asyncio.get_running_loop().time()
        for chunk in manifest:
            assert len(cluster.holders_of(chunk.chunk_id)) >= 3
        assert not any(peer == "b" for peer, *_ in cluster.calls)
        await cluster.close()
        return took_s

    assert run_virtually(main()) < 1.0


def test_a_holder_that_fails_is_replaced_at_once() -> None:
    async def main() -> float:
        cluster = FakeCluster("abcde", quorum=3)
        cluster["b"].manners.dead = True
        cluster["c"].manners.full = True
        _, manifest = await cluster["a"].put(CONTENT)
        took_s = asyncio.get_running_loop().time()
        for chunk in manifest:
            assert {"a", "d", "e"} == set(cluster.holders_of(chunk.chunk_id))
        await cluster.close()
        return took_s

    assert run_virtually(main()) < 1.0


def test_a_holder_that_says_nothing_is_replaced_after_a_while() -> None:
    async def main() -> float:
        cluster = FakeCluster("abcde", quorum=3)
        cluster["b"].manners.silent = True
        _, manifest = await cluster["a"].put(CONTENT)
        took_s = asyncio.get_running_loop().time()
        for chunk in manifest:
            assert len(cluster.holders_of(chunk.chunk_id)) >= 3
        await cluster.close()
        return took_s

    assert PLACING_PATIENCE_S <= run_virtually(main()) < 2 * PLACING_PATIENCE_S


def test_too_few_replicas_are_an_error_that_says_what_is_missing() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", quorum=3)
        cluster["b"].manners.dead = True
        cluster["a"].map.down.add("c")
        with pytest.raises(Cluster, match=r"have 1 of the 3 durable replicas.*b: b does not answer") as caught:
            await cluster["a"].put(CONTENT)
        assert caught.value.specific_code == "cluster.too-few-replicas"
        assert caught.value.retryable
        assert caught.value.details["replicas_needed"] == 3
        # The client repeats it when there are enough, and what is there already is not sent again.
        cluster["b"].manners.dead = False
        cluster["a"].map.down.clear()
        _, manifest = await cluster["a"].put(CONTENT)
        assert await cluster["c"].get(manifest) == CONTENT
        await cluster.close()

    run_virtually(main())


def test_silent_peers_end_in_an_error_and_not_in_a_wait() -> None:
    async def main() -> float:
        cluster = FakeCluster("abcde")
        for name in "bcde":
            cluster[name].manners.silent = True
        with pytest.raises(Cluster, match="durable replicas"):
            await cluster["a"].put(CONTENT)
        took_s = asyncio.get_running_loop().time()
        await cluster.close()
        return took_s

    assert run_virtually(main()) <= 90.0


def test_what_a_version_references_is_not_sent_again() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        _, manifest = await cluster["a"].put(CONTENT)
        await settled(cluster)
        cluster["a"].referenced.update(chunk.chunk_id for chunk in manifest)
        cluster.calls.clear()
        await cluster["a"].put(CONTENT)
        assert cluster.calls == []

    run_virtually(main())


def test_what_an_upload_that_failed_left_behind_is_confirmed_and_not_sent() -> None:
    async def main() -> None:
        content = noise(2_000_000)
        cluster = FakeCluster("ab")
        _, manifest = await cluster["a"].put(content)
        await settled(cluster)
        cluster.calls.clear()
        cluster["a"].store.note_epoch(7)
        await cluster["a"].put(content)
        assert {what for _, what, _ in cluster.calls} == {"confirm"}
        stamps = {chunk.epoch for chunk in cluster["b"].local.stamped(b"", 10_000)}
        assert stamps == {7}
        assert await cluster["b"].get(manifest) == content

    run_virtually(main())


def test_peers_stamp_with_the_epoch_that_the_local_store_was_told_at_the_start() -> None:
    async def main() -> None:
        cluster = FakeCluster("ab")
        cluster["a"].local.note_epoch(7)
        await cluster["a"].put(CONTENT)
        assert {chunk.epoch for chunk in cluster["b"].local.stamped(b"", 1000)} == {7}
        await cluster.close()

    run_virtually(main())


def test_parts_are_given_out_only_when_their_chunks_are_safe() -> None:
    async def main() -> None:
        content = noise(4_000_000)
        cluster = FakeCluster("abc")
        cluster["b"].manners.delay_s = cluster["c"].manners.delay_s = 1.0
        told: list[ChunkRef] = []
        ingest = cluster["a"].store.begin()
        ingest.on_durable(told.extend)
        for start in range(0, len(content), 100_000):
            await ingest.write(content[start : start + 100_000])
        finishing = asyncio.create_task(ingest.finish())
        await asyncio.sleep(0.1)
        assert ingest.take_parts() == []
        assert told == []
        ingested = await finishing
        parts = ingest.take_parts()
        assert len(parts) > 0
        assert len(told) == ingested.chunks
        await cluster.close()

    run_virtually(main())


def test_an_upload_given_up_half_way_stops_everything_and_leaves_no_task() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster["b"].manners.delay_s = cluster["c"].manners.delay_s = 5.0
        upload = asyncio.create_task(cluster["a"].put(CONTENT))
        await asyncio.sleep(1.0)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


def test_a_failed_upload_stays_failed() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", quorum=3)
        cluster["b"].manners.dead = True
        ingest = cluster["a"].store.begin()
        await ingest.write(CONTENT)
        for _ in range(2):
            with pytest.raises(Cluster):
                await ingest.finish()
        with pytest.raises(Cluster):
            await ingest.write(b"more")
        await ingest.abort()
        await cluster.close()

    run_virtually(main())


def test_what_lags_behind_is_bounded_and_given_up_the_oldest_first() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster["c"].manners.silent = True
        for seed in range(30):
            await cluster["a"].put(noise(2_000_000, seed))
        lagging = cluster["a"].store._placing._lagging
        assert sum(lagging.values()) <= 32 * 1024 * 1024 + 5 * 1024 * 1024
        await cluster.close()
        assert not lagging
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


def test_a_write_waits_its_turn_for_a_while_only() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        await cluster["a"].store._placing._budget.take(PLACING_BYTES_MAX)
        with pytest.raises(Cluster) as caught:
            await cluster["a"].put(CONTENT)
        assert caught.value.specific_code == "cluster.busy"
        cluster["a"].store._placing._budget.give(PLACING_BYTES_MAX)
        await cluster["a"].put(CONTENT)
        await cluster.close()

    run_virtually(main())


def test_an_upload_does_not_wait_for_the_chunks_of_another_that_went_out_with_its_own() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcd", replicas=2)
        silent, contents = "b", [noise(3000, seed) for seed in range(40)]
        cluster[silent].manners.silent = True
        uploads = {asyncio.create_task(cluster["a"].put(content)) for content in contents}
        done, waiting = await asyncio.wait(uploads, timeout=1.0)
        for task in done:
            assert silent not in cluster.holders_of(task.result()[1][0].chunk_id)
        assert len(done) > 5
        assert len(waiting) > 5
        await asyncio.wait(waiting)
        assert all(len(cluster.holders_of(task.result()[1][0].chunk_id)) >= 2 for task in uploads)
        await cluster.close()

    run_virtually(main())


def test_a_fenced_node_takes_no_writes_and_promises_nothing() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        ingest = cluster["a"].store.begin()
        await ingest.write(CONTENT)
        cluster["a"].map.fenced = True
        with pytest.raises(Cluster) as caught:
            await ingest.finish()
        assert caught.value.specific_code == "cluster.fenced"
        await ingest.abort()
        with pytest.raises(Cluster):
            cluster["a"].store.begin()
        with pytest.raises(Cluster):
            await cluster["a"].store.confirm([], 0)
        await cluster.close()

    run_virtually(main())


def test_a_node_without_a_layout_writes_alone() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster["a"].map.placement = Placement("a")
        _, manifest = await cluster["a"].put(CONTENT)
        assert cluster.calls == []
        assert await cluster["a"].store.confirm([chunk.chunk_id for chunk in manifest], 3) == []
        assert await cluster["a"].get(manifest) == CONTENT
        assert cluster.calls == []

    run_virtually(main())


def test_writes_go_to_the_newest_layout_while_an_older_one_is_not_left() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcdef")
        old, new = rotating_table("abc", 3, 2), rotating_table("def", 3, 2, version=2)
        cluster.lay_out(new, old)
        _, manifest = await cluster["a"].put(CONTENT)
        await settled(cluster)
        for chunk in manifest:
            assert cluster.holders_of(chunk.chunk_id) == ["a", "d", "e", "f"]

    run_virtually(main())


def test_confirming_stamps_w_holders_and_sends_what_they_lack() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        _, manifest = await cluster["a"].put(CONTENT)
        await settled(cluster)
        ids = [chunk.chunk_id for chunk in manifest]
        await cluster["b"].local.remove(ids[:3], 0)
        await cluster["c"].local.remove(ids[3:5], 0)
        absent = ChunkId(b"\x01" * 32)
        assert await cluster["a"].store.confirm([*ids, absent], 9) == [absent]
        await settled(cluster)
        for name in "abc":
            assert {chunk.epoch for chunk in cluster[name].local.stamped(b"", 1000)} == {9}
            assert cluster[name].local.missing(ids) == []

    run_virtually(main())


def test_confirming_what_is_not_here_brings_it_home() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcd", quorum=3)
        _, manifest = await cluster["a"].put(CONTENT)
        await settled(cluster)
        ids = [chunk.chunk_id for chunk in manifest]
        await cluster["a"].local.remove(ids, 0)
        cluster["b"].manners.dead = True
        assert await cluster["a"].store.confirm(ids, 9) == []
        for chunk_id in ids:
            stamped = 0
            for name in "acd":
                stamped += any(c.epoch == 9 for c in cluster[name].local.stamped(b"", 1000) if c.chunk_id == chunk_id)
            assert stamped == 3
        # What is nowhere else, and may be at a node that is silent, is not called collected.
        ingest = cluster["b"].local.begin()
        told: list[ChunkRef] = []
        ingest.on_durable(told.extend)
        await ingest.write(b"only here")
        await ingest.finish()
        with pytest.raises(Cluster, match="no node that answers"):
            await cluster["a"].store.confirm([told[0].chunk_id], 9)
        await cluster.close()

    run_virtually(main())


def test_a_confirmation_fails_where_w_holders_cannot_be_reached() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", quorum=3)
        _, manifest = await cluster["a"].put(CONTENT)
        cluster["b"].manners.dead = True
        with pytest.raises(Cluster) as caught:
            await cluster["a"].store.confirm([chunk.chunk_id for chunk in manifest], 9)
        assert caught.value.specific_code == "cluster.too-few-replicas"
        await cluster.close()

    run_virtually(main())
