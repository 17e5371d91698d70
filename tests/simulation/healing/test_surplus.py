"""Replicas of other nodes' slots: let go by grace, and only when every holder has stamped the chunk."""

import asyncio

from tests.simulation.healing.test_healing import virtual
from tests.simulation.healing.world import World


@virtual
async def test_surplus_may_go_when_every_holder_has_stamped_it_and_what_one_lacks_is_given_to_it_first() -> None:
    async with World("abcd") as world:
        world.lay_out("abc")
        chunks = world.commit(20, on="abcd")
        await asyncio.sleep(60)
        surplus, here = world.nodes["d"].healing.surplus, world.network.stores["d"]
        world.network.stores["a"].lose(chunks[0])
        found = surplus.unwanted(here.stamped(b"", 100))
        assert len(found) == 20
        assert await surplus.droppable(found, -1) == []
        world.views.epoch = 7
        assert set(await surplus.droppable(found, 0)) == set(chunks[1:])
        for name in "abc":
            assert all(world.network.stores[name].stamps[chunk] >= 7 for chunk in chunks[1:])
        await world.until(lambda: chunks[0] in world.network.stores["a"].contents, 60)
        assert set(await surplus.droppable(found, 0)) == set(chunks)


@virtual
async def test_nothing_goes_while_a_holder_is_away_or_a_layout_still_counts() -> None:
    async with World("abcd") as world:
        world.lay_out("abc")
        world.commit(20, on="abcd")
        await asyncio.sleep(60)
        surplus, here = world.nodes["d"].healing.surplus, world.network.stores["d"]
        found = surplus.unwanted(here.stamped(b"", 100))
        world.network.part("c")
        assert await surplus.droppable(found, 0) == []
        world.network.join("c")
        world.lay_out("bcd")
        assert surplus.unwanted(here.stamped(b"", 100)) == []
        assert await surplus.droppable(found, 0) == []


@virtual
async def test_replicas_beyond_the_holders_stay_while_a_space_asks_for_so_many() -> None:
    async with World("abcde") as world:
        world.lay_out("abcde")
        chunks = world.commit(40, on="abcde")
        await asyncio.sleep(60)
        world.views.epoch = 7
        world.views.asked = {chunks[0]: 5, chunks[1]: 4}
        kept: dict[bytes, int] = dict.fromkeys(chunks, 5)
        for name in "abcde":
            surplus, here = world.nodes[name].healing.surplus, world.network.stores[name]
            for chunk in await surplus.droppable(surplus.unwanted(here.stamped(b"", 100)), 0):
                kept[chunk] -= 1
        assert [kept[chunk] for chunk in chunks] == [5, 4, *[3] * 38]
        world.views.asked = {}
        judges = [world.nodes[name].healing.surplus for name in "abcde"]
        left = [one.unwanted(world.network.stores[n].stamped(b"", 100)) for n, one in zip("abcde", judges, strict=True)]
        assert sum(chunk.chunk_id == chunks[0] for found in left for chunk in found) == 2
