"""Healing of whole clusters under virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from schemas.events.peers import LayoutReached
from schemas.events.records import ReplicasReported
from tests.simulation.healing.world import World, settings
from tests.simulation.virtual_time import run_virtually

Scenario = Callable[[], Coroutine[Any, Any, None]]


def virtual(scenario: Scenario) -> Callable[[], None]:
    """Run a scenario under virtual time."""

    @wraps(scenario)
    def run() -> None:
        run_virtually(scenario())

    return run


def reached(world: World) -> list[tuple[str, int]]:
    return sorted((data.node_id, data.version) for data in world.views.said if isinstance(data, LayoutReached))


def repaired(world: World) -> int:
    return sum(node.healing.tally.total.repaired for node in world.nodes.values())


def _queued(world: World) -> int:
    return sum(node.healing.queue.counts().chunks for node in world.nodes.values())


@virtual
async def test_a_holder_that_missed_a_commit_completes_itself() -> None:
    async with World("abcd") as world:
        world.lay_out("abcd")
        await asyncio.sleep(60)
        chunks = world.commit(50, on="a")
        await world.until(lambda: world.whole(chunks), 60)
        moved = world.network.moved_bytes
        await asyncio.sleep(7200)
        assert world.network.moved_bytes == moved


@virtual
async def test_what_the_uploader_has_placed_already_is_not_moved_again() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.commit(50)
        await asyncio.sleep(3600)
        assert world.network.moved_bytes == 0


@virtual
async def test_a_reboot_moves_nothing() -> None:
    async with World("abcd") as world:
        world.lay_out("abcd")
        chunks = world.commit(200)
        await asyncio.sleep(60)
        await world.die("b")
        await asyncio.sleep(500)
        world.come_back("b")
        await asyncio.sleep(3600)
        assert world.network.moved_bytes == 0
        assert world.whole(chunks)


@virtual
async def test_others_stand_in_for_a_holder_that_stays_dead_and_let_go_when_it_is_back() -> None:
    async with World("abcde") as world:
        world.lay_out("abcde")
        chunks = world.commit(200)
        await asyncio.sleep(60)
        await world.die("b")
        assert min(len(world.replicas_of(chunk)) for chunk in chunks) == 2
        took_s = await world.until(lambda: all(len(world.replicas_of(chunk)) == 3 for chunk in chunks), 700)
        assert took_s >= 600
        world.come_back("b")
        await asyncio.sleep(600)
        assert world.whole(chunks)
        assert not any(world.nodes[name].healing.queue.counts().chunks for name in "abcde")


@virtual
async def test_sole_copies_are_made_two_within_a_minute_of_a_death() -> None:
    async with World("abcde") as world:
        world.lay_out("abcde")
        chunks = world.commit(300)
        await asyncio.sleep(60)
        await world.die("a")
        await world.die("b")
        left = [chunk for chunk in chunks if len(world.replicas_of(chunk)) == 1]
        others = [chunk for chunk in chunks if len(world.replicas_of(chunk)) == 2]
        assert left
        assert others
        await asyncio.sleep(60)
        assert all(len(world.replicas_of(chunk)) >= 2 for chunk in left)
        assert all(len(world.replicas_of(chunk)) == 2 for chunk in others)
        await world.until(lambda: all(len(world.replicas_of(chunk)) == 3 for chunk in chunks), 700)


@virtual
async def test_a_new_layout_is_fetched_reached_once_by_each_and_the_one_before_left() -> None:
    async with World("abcd") as world:
        world.lay_out("abc")
        chunks = world.commit(300)
        await world.until(lambda: len(reached(world)) == 3, 120)
        world.lay_out("abcd")
        assert not world.whole(chunks)
        await world.until(lambda: len(world.views.layouts_) == 1, 600)
        assert world.whole(chunks)
        assert reached(world) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2), ("d", 2)]
        assert repaired(world) == sum("d" in world.holders(chunk) for chunk in chunks)


@virtual
async def test_a_node_whose_views_lag_does_not_say_that_it_has_reached_a_layout() -> None:
    async with World("ab") as world:
        world.views.applied_lag = 3
        world.lay_out("ab")
        await asyncio.sleep(600)
        assert reached(world) == []
        world.views.applied_lag = 0
        world.lay_out("ab")
        await world.until(lambda: reached(world) == [("a", 2), ("b", 2)], 120)


@virtual
async def test_a_node_says_that_it_has_reached_a_layout_only_when_it_has_looked_at_what_it_failed_to_look_at() -> None:
    async with World("abcd") as world:
        world.lay_out("abc")
        chunks = world.commit(4)
        await world.until(lambda: len(reached(world)) == 3, 120)
        world.network.stores["d"].failures_left = 4
        world.lay_out("abcd")
        await world.until(lambda: ("d", 2) in reached(world), 600)
        assert world.network.stores["d"].failures_left == 0
        assert world.whole(chunks)


@virtual
async def test_a_node_whose_views_lagged_says_that_it_has_reached_a_layout_soon_after_they_lag_no_more() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await world.until(lambda: len(reached(world)) == 3, 120)
        world.views.applied_lag = 3
        world.lay_out("ab")
        await asyncio.sleep(60)
        assert len(reached(world)) == 3
        assert not world.nodes["c"].healing.is_drained()
        world.views.applied_lag = 0
        await world.until(lambda: len(world.views.layouts_) == 1, 120)
        await world.until(world.nodes["c"].healing.is_drained, 120)


@virtual
async def test_a_lost_disk_is_filled_again() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        chunks = world.commit(300)
        await asyncio.sleep(60)
        for chunk in chunks:
            world.nodes["b"].store.lose(chunk)
        await world.restart("b")
        await world.until(lambda: world.whole(chunks), 120)


@virtual
async def test_a_node_replaced_by_an_empty_one_is_filled_at_the_budget_and_no_faster() -> None:
    async with World("abc", settings(repair_bytes_per_s=100_000)) as world:
        world.lay_out("ab", 2)
        world.commit(100, 50_000)
        await asyncio.sleep(60)
        world.lay_out("bc", 2)
        took_s = await world.until(lambda: len(world.nodes["c"].store.contents) == 100, 120)
        # The first call costs nothing before it is back.
        assert 100 * 50_000 / 100_000 - 20 <= took_s <= 80
        status = world.nodes["c"].healing.status()
        assert (status.total.repaired, status.total.repaired_bytes) == (100, 5_000_000)


@virtual
async def test_a_quarantined_chunk_is_fetched_from_another_holder() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        chunks = world.commit(20)
        await asyncio.sleep(60)
        node = world.nodes["c"]
        node.store.rotten.update(chunks[:5])
        for chunk in chunks[:5]:
            assert not await node.store.verify(chunk)
            node.healing.notices.damaged(chunk, "a flipped bit")
        await world.until(lambda: world.whole(chunks), 30)
        assert not node.store.damaged
        await asyncio.sleep(60)
        reports = [data for data in world.views.said if isinstance(data, ReplicasReported)]
        assert sum(report.lost for report in reports) == 5
        assert sum(report.repaired for report in reports) == 5
        assert {chunk for report in reports for chunk in report.damaged} == {chunk.hex() for chunk in chunks[:5]}


@virtual
async def test_a_peer_that_gives_other_bytes_is_noted_and_another_one_asked() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.network.lying.add("a")
        chunks = world.commit(20, on="ab")
        await world.until(lambda: world.whole(chunks), 60)
        node = world.nodes["c"]
        assert all(node.store.contents[chunk] == world.nodes["b"].store.contents[chunk] for chunk in chunks)
        assert "a" in node.links.corruptions


@virtual
async def test_a_node_without_room_goes_on_soon_after_there_is_some_however_long_it_had_none() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.nodes["c"].store.full = True
        chunks = world.commit(20, on="ab")
        await asyncio.sleep(20_000)
        assert not world.nodes["c"].store.contents
        # What it fetched in vain: batches at first, then a chunk each half minute.
        assert world.network.moved_bytes <= (100 + 20_000 / 30) * 100
        world.nodes["c"].store.full = False
        await world.until(lambda: world.whole(chunks) and not _queued(world), 120)


@virtual
async def test_what_nobody_has_is_told_and_holds_no_layout_up() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        chunks = world.commit(5, on="a")
        for chunk in chunks[:2]:
            world.nodes["a"].store.lose(chunk)
        await asyncio.sleep(300)
        status = world.nodes["b"].healing.status()
        assert status.queue.lost == 2
        world.lay_out("abc")
        await world.until(lambda: len(world.views.layouts_) == 1, 600)


@virtual
async def test_a_fenced_node_moves_nothing() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.nodes["c"].map.fenced = True
        chunks = world.commit(20, on="ab")
        await asyncio.sleep(600)
        assert not world.nodes["c"].store.contents
        world.nodes["c"].map.fenced = False
        await world.until(lambda: world.whole(chunks), 60)


@virtual
async def test_a_pause_holds_until_resumed() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        world.nodes["c"].healing.pause(True)
        chunks = world.commit(20, on="ab")
        await asyncio.sleep(600)
        assert not world.nodes["c"].store.contents
        assert world.nodes["c"].healing.status().paused
        world.nodes["c"].healing.pause(False)
        await world.until(lambda: world.whole(chunks), 30)


@virtual
async def test_a_kill_in_the_middle_loses_no_repair() -> None:
    async with World("abc", settings(repair_bytes_per_s=10_000)) as world:
        world.lay_out("abc")
        await asyncio.sleep(60)
        chunks = world.commit(200, 1000, on="a")
        for _ in range(8):
            await asyncio.sleep(7)
            await world.restart("b")
            await world.restart("c")
        await world.until(lambda: world.whole(chunks), 300)


@virtual
async def test_a_node_that_is_left_out_hands_over_what_only_it_has_and_is_drained_then() -> None:
    async with World("abcd") as world:
        world.lay_out("abcd")
        chunks = world.commit(100)
        spilled = world.commit(10, on="d")
        await asyncio.sleep(60)
        assert not world.nodes["d"].healing.is_drained()
        world.rows["d"] = world.rows["d"]._replace(draining=True)
        world.lay_out("abc")
        assert not world.nodes["d"].healing.is_drained()
        await world.until(lambda: world.nodes["d"].healing.is_drained(), 600)
        assert world.whole(chunks + spilled)
        # Whoever then is cut off has nothing that others lack.
        lost = world.nodes["b"].store
        world.network.part("d")
        assert all(chunk in lost.contents for chunk in chunks + spilled)


@virtual
async def test_a_holder_that_lacks_what_it_says_to_have_reached_gets_it_from_the_others() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        chunks = world.commit(30)
        await asyncio.sleep(120)
        await world.stop("c")
        for chunk in chunks[:7]:
            world.nodes["c"].store.lose(chunk)
        for name in "ab":
            world.nodes[name].healing.run()
        await world.until(lambda: world.whole(chunks), 300)
        assert world.nodes["a"].healing.status().walk.under_replicated == 7


@virtual
async def test_a_node_that_comes_back_after_long_brings_nothing_back_to_life() -> None:
    async with World("abc") as world:
        world.lay_out("abc")
        kept, gone = world.commit(30), world.commit(30)
        await asyncio.sleep(60)
        await world.die("c")
        world.views.forget(gone)
        for chunk in gone:
            world.nodes["a"].store.lose(chunk)
            world.nodes["b"].store.lose(chunk)
        fresh = world.commit(30, on="ab")
        await asyncio.sleep(4 * 3600)
        world.come_back("c")
        await world.until(lambda: world.whole(kept + fresh), 60)
        await asyncio.sleep(5 * 3600)
        assert all(world.replicas_of(chunk) == "c" for chunk in gone)
