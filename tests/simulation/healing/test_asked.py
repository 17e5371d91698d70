"""Spaces that ask for more replicas than the layout's R get them on what is there already, and keep them."""

import asyncio
from collections.abc import Sequence

from schemas.ids import ChunkId
from tests.simulation.healing.test_healing import virtual
from tests.simulation.healing.world import World


def everywhere(world: World, chunks: Sequence[ChunkId], replicas: int) -> bool:
    return all(len(world.replicas_of(chunk)) == replicas for chunk in chunks)


def quiet(world: World) -> bool:
    return not any(node.healing.queue.counts().chunks for node in world.nodes.values())


async def asked_for(world: World, replicas: int) -> tuple[list[ChunkId], list[ChunkId]]:
    """Chunks of a space that came to ask for so many, and those of one that asks nothing."""
    world.lay_out("abcd", 2)
    wished, others = world.commit(60), world.commit(60)
    await asyncio.sleep(60)
    assert everywhere(world, [*wished, *others], 2)
    world.views.asked = dict.fromkeys(wished, replicas)
    await world.until(lambda: everywhere(world, wished, replicas), 60)
    return wished, others


@virtual
async def test_raising_a_number_gives_what_is_there_its_further_replicas_and_others_none() -> None:
    async with World("abcd") as world:
        _, others = await asked_for(world, 3)
        assert everywhere(world, others, 2)
        assert world.network.moved_bytes == 60 * 100
        await asyncio.sleep(7200)
        assert quiet(world)
        assert world.network.moved_bytes == 60 * 100


@virtual
async def test_more_than_there_are_nodes_is_all_of_them() -> None:
    async with World("abcd") as world:
        world.lay_out("abcd", 2)
        wished = world.commit(20)
        world.views.asked = dict.fromkeys(wished, 16)
        await world.until(lambda: everywhere(world, wished, 4), 60)


@virtual
async def test_whoever_stays_dead_is_stood_in_for_and_a_reboot_moves_nothing_of_what_has_two_replicas_left() -> None:
    async with World("abcd") as world:
        wished, others = await asked_for(world, 3)
        beyond = [chunk for chunk in wished if "b" in set(world.replicas_of(chunk)) - set(world.holders(chunk))]
        assert beyond
        await world.die("b")
        await asyncio.sleep(300)
        assert everywhere(world, beyond, 2)
        await world.until(lambda: everywhere(world, wished, 3), 700)
        await world.until(lambda: everywhere(world, others, 2), 700)
        world.come_back("b")
        await asyncio.sleep(120)
        assert world.whole([*wished, *others])
        # Nobody but the stand-ins may let go, and only of what is one too many.
        world.views.epoch = 7
        for name in "abcd":
            surplus, here = world.nodes[name].healing.surplus, world.network.stores[name]
            await here.remove(await surplus.droppable(surplus.unwanted(here.stamped(b"", 200)), 1), 1)
        assert everywhere(world, wished, 3)
        assert everywhere(world, others, 2)


@virtual
async def test_a_lost_replica_beyond_the_holders_is_counted_and_made_again() -> None:
    async with World("abcd") as world:
        wished, _ = await asked_for(world, 3)
        await asyncio.sleep(60)
        chunk = wished[0]
        extra = next(name for name in world.replicas_of(chunk) if name not in world.holders(chunk))
        world.network.stores[extra].lose(chunk)
        holder = world.nodes[world.holders(chunk)[0]].healing
        holder.run()
        await asyncio.sleep(10)
        assert holder.resync.last is not None
        assert holder.resync.last.under == 1
        await world.until(lambda: everywhere(world, wished, 3), 60)
        await world.until(lambda: quiet(world), 120)


@virtual
async def test_what_another_space_comes_to_reference_gets_what_that_one_asks() -> None:
    async with World("abcd") as world:
        _, others = await asked_for(world, 3)
        world.views.asked |= dict.fromkeys(others[:10], 3)
        for hook in world.views.referenced_hooks:
            hook(others[:10], world.views.epoch)
        await world.until(lambda: everywhere(world, others[:10], 3), 30)
        assert everywhere(world, others[10:], 2)


@virtual
async def test_lowering_a_number_makes_the_further_replicas_surplus_that_goes_by_grace() -> None:
    async with World("abcd") as world:
        wished, others = await asked_for(world, 4)
        world.views.asked = dict.fromkeys(wished, 3)
        await asyncio.sleep(60)
        assert everywhere(world, wished, 4)
        world.views.epoch = 7
        for name in "abcd":
            surplus, here = world.nodes[name].healing.surplus, world.network.stores[name]
            found = surplus.unwanted(here.stamped(b"", 200))
            assert await surplus.droppable(found, 0) == []
            await here.remove(await surplus.droppable(found, 1), 1)
        assert everywhere(world, wished, 3)
        assert everywhere(world, others, 2)
        moved = world.network.moved_bytes
        await asyncio.sleep(7200)
        assert world.network.moved_bytes == moved
