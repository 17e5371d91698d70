"""Who is taken for dead, when, and who never: whole clusters under virtual time."""

import asyncio

import pytest

from tests.simulation.detection.partitions import partition
from tests.simulation.detection.trouble import death_after_s, pause, trouble
from tests.simulation.detection.world import World
from tests.simulation.virtual_time import run_virtually


@pytest.mark.parametrize(("nodes", "zones"), [(2, ("",)), (3, ("",)), (3, ("a", "b", "c")), (5, ("a", "b"))])
@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_ends_is_dead_within_fifteen_seconds(nodes: int, zones: tuple[str, ...], seed: int) -> None:
    async def life() -> None:
        world = World(nodes, seed, zones)
        async with world.running():
            await asyncio.sleep(20 + world.chance.random() * 5)
            victim = world.chance.choice(world.ids)
            assert await death_after_s(world, victim) <= 15
            await asyncio.sleep(60)
            assert [dead for _, dead in world.deaths] == [victim]
            assert not world.wrong

    run_virtually(life())


def test_among_twenty_nodes_a_few_witnesses_speak_and_nobody_else_is_harmed() -> None:
    async def life() -> None:
        world = World(20, 5, ("a", "b", "c"), loss=0.05)
        async with world.running():
            await asyncio.sleep(15)
            assert await death_after_s(world, world.ids[7]) <= 15
            await asyncio.sleep(30)
            assert [dead for _, dead in world.deaths] == [world.ids[7]]
            assert sum(node.witness.words for node in world.nodes.values()) <= 8
            living = [node for name, node in world.nodes.items() if name != world.ids[7]]
            assert not any(node.cluster.is_up(world.ids[7]) for node in living)

    run_virtually(life())


def test_a_whole_zone_that_ends_is_dead_soon_though_none_of_it_can_be_a_witness() -> None:
    async def life() -> None:
        world = World(6, 3, ("a", "b", "b"))
        async with world.running():
            await asyncio.sleep(15)
            gone = [name for name, node in world.nodes.items() if node.zone == "b"]
            for name in gone:
                world.kill(name)
            await asyncio.sleep(20)
            assert {name for name in world.ids if world.state_of(name) == "dead"} == set(gone)

    run_virtually(life())


def test_a_node_that_stood_still_long_comes_back_by_its_own_word() -> None:
    async def life() -> None:
        world = World(4, 11)
        async with world.running():
            await asyncio.sleep(15)
            name = world.ids[2]
            await pause(world, name, 30)
            assert world.state_of(name) == "dead"
            await asyncio.sleep(10)
            assert world.state_of(name) == "up"
            assert world.nodes[name].witness.refutations == 1
            await asyncio.sleep(10)
            assert all(node.cluster.is_up(name) for node in world.nodes.values())
            assert [dead for _, dead in world.deaths] == [name], "it takes nobody for dead on waking up"

    run_virtually(life())


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_loss_bursts_and_short_pauses_kill_nobody(loss: float) -> None:
    async def life() -> None:
        world = World(6, 21, ("a", "b"), loss)
        async with world.running():
            hardship = asyncio.create_task(trouble(world, burst_s=3.0, pause_s=3.0, every_s=20.0))
            await asyncio.sleep(200)
            hardship.cancel()
            await asyncio.gather(hardship, return_exceptions=True)
            assert world.deaths == []

    run_virtually(life())


@pytest.mark.parametrize("seed", range(35))
def test_every_partition_gets_its_verdict_and_heals(seed: int) -> None:
    run_virtually(partition(seed))
