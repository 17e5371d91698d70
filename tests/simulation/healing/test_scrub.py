"""The scrub under virtual time: its pace, its cursor, and what it finds."""

import asyncio

from tests.simulation.healing.test_healing import virtual
from tests.simulation.healing.world import World, settings


@virtual
async def test_a_pass_is_spread_over_the_period_and_a_restart_goes_on_where_it_was() -> None:
    async with World("ab", settings(scrub_period_s=3600.0)) as world:
        world.lay_out("ab")
        world.commit(300, 1_000_000)
        await asyncio.sleep(1800)
        scrub = world.nodes["a"].healing.scrub
        assert 0.35 < scrub.state.current.share < 0.65
        seen = scrub.state.current
        await world.restart("a")
        again = world.nodes["a"].healing.scrub
        assert again.state.current.chunks >= seen.chunks - 64
        await asyncio.sleep(2100)
        assert again.state.passes == 1
        await asyncio.sleep(3600)
        assert again.state.passes == 2


@virtual
async def test_a_pass_that_is_asked_for_runs_at_the_cap() -> None:
    async with World("ab", settings(scrub_bytes_per_s=10_000_000)) as world:
        world.lay_out("ab")
        world.commit(300, 1_000_000)
        await asyncio.sleep(60)
        world.nodes["a"].healing.run(scrub=True)
        took_s = await world.until(lambda: world.nodes["a"].healing.scrub.state.passes == 1, 120)
        assert 20 <= took_s <= 60
        assert world.nodes["a"].healing.status().scrub_share is None


@virtual
async def test_what_it_finds_is_repaired_and_told() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        chunks = world.commit(100)
        await asyncio.sleep(60)
        node = world.nodes["b"]
        node.store.rotten.update(chunks[:9])
        node.store.on_damage = node.healing.notices.damaged
        node.healing.run(scrub=True)
        passes = node.healing.scrub.state.passes
        await world.until(lambda: node.healing.scrub.state.passes == passes + 1, 60)
        await world.until(lambda: world.whole(chunks), 60)
        assert node.healing.scrub.state.found == 9
        assert not node.store.damaged


@virtual
async def test_a_pause_holds_the_scrub_too() -> None:
    async with World("ab") as world:
        world.lay_out("ab")
        world.commit(100)
        node = world.nodes["a"]
        node.healing.pause(True)
        node.healing.run(scrub=True)
        await asyncio.sleep(600)
        assert node.healing.scrub.state.passes == 0
        node.healing.pause(False)
        await world.until(lambda: node.healing.scrub.state.passes == 1, 60)
