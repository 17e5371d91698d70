"""Spaces that ask for more or fewer replicas, or another write quorum, than the layout gives."""

import asyncio
from collections.abc import Sequence

import pytest

from govault.domain.layout import Placement, slot_of
from govault.domain.manifest import ChunkRef
from govault.domain.replication import Asked
from govault.errors import Cluster
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster, rotating_table
from tests.simulation.virtual_time import run_virtually

CONTENT = noise(60_000)


def counts(cluster: FakeCluster, manifest: Sequence[ChunkRef]) -> list[int]:
    """How many nodes have each chunk."""
    return [len(cluster.holders_of(chunk.chunk_id)) for chunk in manifest]


@pytest.mark.parametrize("nodes", ["abc", "abcde"])
@pytest.mark.parametrize("replicas", [1, 2, 3, 5])
def test_a_write_makes_the_replicas_that_its_space_asks_for(nodes: str, replicas: int) -> None:
    async def main() -> None:
        cluster = FakeCluster(nodes)
        _, manifest = await cluster["a"].put(CONTENT, Asked(replicas))
        await asyncio.sleep(10)
        placement = cluster["a"].map.placement
        for chunk in manifest:
            first = placement.rank(slot_of(chunk.chunk_id))[: min(replicas, len(nodes))]
            # Where the writer is none of those, its own replica is one more until collection takes it.
            assert set(cluster.holders_of(chunk.chunk_id)) == {*first, "a"}
        await cluster.close()

    run_virtually(main())


@pytest.mark.parametrize(("asked", "needed"), [(Asked(5, 4), 4), (Asked(None, 3), 3), (Asked(5, None), 2)])
def test_as_many_are_durable_before_a_write_returns_as_its_space_asks(asked: Asked, needed: int) -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        for name in "bcde"[needed - 1 :]:
            cluster[name].manners.full = True
        _, manifest = await cluster["a"].put(CONTENT, asked)
        assert min(counts(cluster, manifest)) >= needed
        cluster["b"].manners.full = True
        with pytest.raises(Cluster) as caught:
            await cluster["a"].put(noise(60_000, 1), asked)
        assert caught.value.details["replicas_needed"] == needed
        await cluster.close()

    run_virtually(main())


def test_one_replica_is_safe_with_nobody_else_up() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster["b"].manners.dead = cluster["c"].manners.dead = True
        _, manifest = await cluster["a"].put(CONTENT, Asked(1, 3))
        assert set(counts(cluster, manifest)) == {1}
        with pytest.raises(Cluster):
            await cluster["a"].put(noise(60_000, 1))
        await cluster.close()

    run_virtually(main())


def test_what_a_space_of_fewer_holds_is_made_safe_for_one_of_more() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        _, manifest = await cluster["a"].put(CONTENT, Asked(1))
        cluster["a"].referenced.update(chunk.chunk_id for chunk in manifest)
        cluster["a"].any_asks = True
        await cluster["a"].put(CONTENT, Asked(5, 5))
        assert set(counts(cluster, manifest)) == {5}
        await cluster.close()

    run_virtually(main())


def test_confirming_makes_as_many_durable_as_are_asked() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        _, manifest = await cluster["a"].put(CONTENT, Asked(1))
        ids = [chunk.chunk_id for chunk in manifest]
        assert await cluster["a"].store.confirm(ids, 0, Asked(5, 4)) == []
        assert min(counts(cluster, manifest)) >= 4
        await cluster.close()

    run_virtually(main())


def test_uploads_that_ask_differently_at_once_each_get_their_own() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        contents = {replicas: noise(60_000, replicas) for replicas in (1, 3, 5)}
        puts = [cluster["a"].put(content, Asked(replicas)) for replicas, content in contents.items()]
        for replicas, (_, manifest) in zip(contents, await asyncio.gather(*puts), strict=True):
            await asyncio.sleep(10)
            found = counts(cluster, manifest)
            assert min(found) >= replicas
            assert max(found) <= min(replicas + 1, 5)
        await cluster.close()

    run_virtually(main())


def test_what_is_asked_is_bounded_by_the_nodes_and_the_quorum_by_the_replicas() -> None:
    placement = Placement("a", rotating_table("abc", 3, 2))
    assert [placement.wanted(Asked(replicas)) for replicas in (None, 1, 2, 9)] == [3, 1, 2, 3]
    assert [placement.quorum(Asked(*one)) for one in ((None, None), (1, None), (9, 9), (2, 3))] == [2, 1, 3, 2]
    assert (Placement("a").wanted(Asked(5, 5)), Placement("a").quorum(Asked(5, 5))) == (1, 1)
    assert placement.first(7, 2) == placement.holders(7)[:2]
