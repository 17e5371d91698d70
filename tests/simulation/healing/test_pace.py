"""Repair gets on as fast as its budget lets it, and nothing waits for what has happened already."""

import asyncio

from tests.simulation.healing.test_healing import virtual
from tests.simulation.healing.world import World, settings


def queued(world: World) -> int:
    return sum(node.healing.queue.counts().chunks for node in world.nodes.values())


async def empty(world: World, name: str) -> None:
    """A node dies, and comes back without its store."""
    await world.die(name)
    store = world.nodes[name].store
    for chunk in list(store.contents):
        store.lose(chunk)
    await asyncio.sleep(20)
    world.nodes[name] = world.build(name, world.nodes[name].database)
    world.come_back(name)


@virtual
async def test_a_lost_store_is_whole_again_in_about_its_bytes_over_the_budget() -> None:
    async with World("abc", settings(repair_bytes_per_s=1e6)) as world:
        world.lay_out("abc")
        chunks = world.commit(600, 50_000)
        await asyncio.sleep(60)
        await empty(world, "c")
        ideal_s = 600 * 50_000 / 1e6
        took_s = await world.until(lambda: world.whole(chunks) and not queued(world), 200)
        assert took_s <= 1.3 * ideal_s + 10


@virtual
async def test_many_small_chunks_do_not_wait_for_one_another() -> None:
    async with World("abc", settings(repair_bytes_per_s=1e6)) as world:
        world.lay_out("abc")
        world.network.delay_s = 0.05
        chunks = world.commit(3000, 2_000)
        await asyncio.sleep(60)
        await empty(world, "c")
        await world.until(lambda: world.whole(chunks) and not queued(world), 40)


@virtual
async def test_what_a_holder_got_by_itself_is_not_kept_waiting_to_be_given_to_it() -> None:
    async with World("abc", settings(repair_bytes_per_s=1e6)) as world:
        world.lay_out("abc")
        world.commit(50)
        await asyncio.sleep(60)
        await world.die("c")
        missed = world.commit(100, 5_000, on="ab")
        await asyncio.sleep(20)
        before_bytes = world.network.moved_bytes
        world.come_back("c")
        await world.until(lambda: queued(world) > 0, 10)
        await world.until(lambda: world.whole(missed) and not queued(world), 20)
        assert world.network.moved_bytes - before_bytes == 100 * 5_000


@virtual
async def test_what_failed_is_tried_when_a_link_heals_and_not_when_its_backoff_ends() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        # The log says that all are up: nobody but the callers knows of it.
        world.network.cut = {(one, other) for one in "abc" for other in "abc" if one != other}
        chunks = world.commit(30, on="a")
        await asyncio.sleep(3600)
        assert not world.whole(chunks)
        world.network.cut = set()
        await world.until(lambda: world.whole(chunks) and not queued(world), 15)


@virtual
async def test_what_failed_is_tried_when_this_node_no_longer_doubts_a_peer() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.nodes["c"].map.down = {"a", "b"}
        chunks = world.commit(30, on="ab")
        await asyncio.sleep(3600)
        assert not world.whole(chunks)
        world.nodes["c"].map.down = set()
        await world.until(lambda: world.whole(chunks) and not queued(world), 15)


@virtual
async def test_a_peer_that_refuses_is_not_pressed() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        await world.stop("c")
        world.nodes["c"].store.full = True
        world.commit(30, on="ab")
        for name in "ab":
            world.nodes[name].healing.run()
        await asyncio.sleep(7200)
        assert world.network.moved_bytes <= 20 * 30 * 100


@virtual
async def test_a_node_that_was_filled_says_at_once_that_it_has_reached_its_layout() -> None:
    async with World("abc", settings(repair_bytes_per_s=1e6)) as world:
        world.lay_out("ab", 2)
        world.commit(400, 50_000)
        await asyncio.sleep(60)
        world.lay_out("abc", 3)
        await world.until(lambda: len(world.nodes["c"].store.contents) == 400, 60)
        assert await world.until(lambda: len(world.views.layouts_) == 1, 60) <= 10
