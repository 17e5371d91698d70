"""Writes under every pattern of failures, under a virtual clock: what counts is safe, and it counts if it can be."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govault.domain.manifest import ChunkRef
from govault.errors import Cluster
from govault.limits import PLACING_S_MAX
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster, Manners
from tests.simulation.virtual_time import run_virtually

CONTENT = noise(60_000)
NAMES = "abcde"

manners = st.one_of(
    st.just(Manners()),
    st.just(Manners()),
    st.floats(0, 40).map(lambda delay_s: Manners(delay_s=delay_s)),
    st.just(Manners(dead=True)),
    st.just(Manners(silent=True)),
    st.just(Manners(full=True)),
    st.integers(1, 4).map(lambda call: Manners(dies_at=call)),
)
worlds = st.integers(1, 5).flatmap(
    lambda nodes: st.tuples(
        st.lists(manners, min_size=nodes, max_size=nodes),
        st.integers(1, 5).flatmap(lambda replicas: st.tuples(st.just(replicas), st.integers(1, replicas))),
        st.sets(st.sampled_from(NAMES[1:])),
    )
)


def cluster_of(world: tuple[list[Manners], tuple[int, int], set[str]]) -> FakeCluster:
    """The nodes as drawn; ``a`` writes, and thinks that some are down."""
    behaviours, (replicas, quorum), down = world
    cluster = FakeCluster(NAMES[: len(behaviours)], replicas=replicas, quorum=quorum)
    for node, behaviour in zip(cluster.nodes.values(), behaviours, strict=True):
        node.manners = Manners(**vars(behaviour))
    cluster["a"].map.down |= down
    return cluster


def is_good(cluster: FakeCluster, name: str) -> bool:
    """Whether a node would take chunks from ``a`` in good time, all along."""
    found = cluster[name].manners
    ill = found.dead or found.silent or found.full or found.dies_at < 100
    return not ill and found.delay_s < 5 and cluster["a"].map.is_up(name)


@given(worlds)
@settings(max_examples=300, deadline=None)
def test_a_write_that_counts_is_at_w_nodes_and_one_that_can_be_safe_counts(
    world: tuple[list[Manners], tuple[int, int], set[str]],
) -> None:
    async def main() -> None:
        cluster = cluster_of(world)
        loop = asyncio.get_running_loop()
        quorum = cluster["a"].map.placement.write_quorum
        good = 1 + sum(is_good(cluster, name) for name in cluster.names[1:])
        manifest: list[ChunkRef] | None = None
        with suppress(Cluster):
            _, manifest = await cluster["a"].put(CONTENT)
        if manifest is None:
            assert good < quorum
        else:
            assert all(len(cluster.holders_of(chunk.chunk_id)) >= quorum for chunk in manifest)
            assert await cluster["a"].get(manifest) == CONTENT
        assert loop.time() <= PLACING_S_MAX + 1
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


@given(worlds, st.floats(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_write_may_be_given_up_at_any_moment(
    world: tuple[list[Manners], tuple[int, int], set[str]], after_s: float
) -> None:
    async def main() -> None:
        cluster = cluster_of(world)
        upload = asyncio.create_task(cluster["a"].put(CONTENT))
        await asyncio.sleep(after_s)
        upload.cancel()
        await asyncio.wait([upload])
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # Whatever was kept anywhere is whole.
        for node in cluster.nodes.values():
            for chunk in node.local.stamped(b"", 1000):
                assert await node.local.verify(chunk.chunk_id)

    run_virtually(main())


@given(worlds, st.sets(st.sampled_from(NAMES), min_size=1))
@settings(max_examples=100, deadline=None)
def test_a_read_finds_what_any_node_that_answers_has(
    world: tuple[list[Manners], tuple[int, int], set[str]], owners: set[str]
) -> None:
    async def main() -> None:
        cluster = cluster_of(world)
        told: list[ChunkRef] = []
        for name in owners.intersection(cluster.names):
            told.clear()
            ingest = cluster[name].local.begin()
            ingest.on_durable(told.extend)
            await ingest.write(CONTENT)
            await ingest.finish()
        if not told:
            return
        answering = [
            name
            for name in owners.intersection(cluster.names)
            if name == "a" or not (cluster[name].manners.dead or cluster[name].manners.silent)
        ]
        if any(
            name == "a" or (cluster[name].manners.dies_at > 100 and cluster[name].manners.delay_s < 20)
            for name in answering
        ):
            assert await cluster["a"].get(told) == CONTENT
        elif not answering:
            with pytest.raises(Cluster):
                await cluster["a"].get(told)
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())
