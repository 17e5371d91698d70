"""Heartbeats on the log: sent whatever happens, and read through outages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from govault.errors import Storage
from govault.limits import HEARTBEAT_LINKS_MAX, HEARTBEAT_PERIOD_S, HEARTBEAT_SILENCE_MS_MIN
from govault.ports import StoreStats
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.heartbeats import Heartbeats, Vitals
from govault.services.cluster.links import LinkTable
from govault.services.cluster.vitals import NodeVitals
from govault.services.maintenance.workers import Workers
from schemas.envelope import Event
from schemas.events.records import CheckpointSigned, HeartbeatSent
from schemas.ids import EventId
from schemas.topics import Topic
from tests.fakes.shared_log import MAC_KEY, LogWay, LoopClock, SharedLog
from tests.fakes.world import SeededRandomness
from tests.simulation.virtual_time import run_virtually


async def vitals() -> Vitals:
    return Vitals(3, 100, 60, 40, 7, 5, ((Topic.FILES, 2, 99),))


def sender(way: LogWay, name: str, links: LinkTable | None = None, off_ms: int = 0, needed: bool = True) -> Heartbeats:
    return Heartbeats(
        way, LoopClock(off_ms), SeededRandomness(), "/vaults/v/nodes/" + name, name, vitals, links, needed=needed
    )


def reader(way: LogWay) -> HeartbeatReader:
    return HeartbeatReader(way, LoopClock(), MAC_KEY, lambda: 3)


@asynccontextmanager
async def running(*parts: Heartbeats | HeartbeatReader) -> AsyncIterator[None]:
    runs = [part.run() if isinstance(part, HeartbeatReader) else Workers(LoopClock(), [part]).run() for part in parts]
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_a_heartbeat_goes_out_every_period_and_says_how_the_node_is() -> None:
    async def life() -> None:
        log = SharedLog()
        way = LogWay(log)
        watching = reader(way)
        async with running(sender(way, "a"), watching):
            await asyncio.sleep(20 * HEARTBEAT_PERIOD_S)
        assert len(log.events) == pytest.approx(20, abs=1)
        report = watching.report("a")
        assert report is not None
        beat = report.heartbeat
        assert (beat.incarnation, beat.capacity_bytes, beat.free_bytes, beat.repair_backlog) == (3, 100, 60, 5)
        assert beat.applied == (("files", 2, 99),)

    run_virtually(life())


def test_a_silent_node_is_told_by_the_log_whatever_the_clocks_of_nodes_say() -> None:
    async def life() -> None:
        log = SharedLog()
        ways = {name: LogWay(log) for name in "abc"}
        watching = reader(ways["a"])
        parts = [sender(ways["a"], "a", off_ms=10**9), sender(ways["b"], "b", off_ms=-(10**9))]
        async with running(*parts, watching):
            async with running(sender(ways["c"], "c")):
                await asyncio.sleep(30)
                assert max(watching.silence_ms(name) for name in "abc") <= HEARTBEAT_PERIOD_S * 1000
            await asyncio.sleep(HEARTBEAT_SILENCE_MS_MIN / 1000 + 2 * HEARTBEAT_PERIOD_S)
            assert watching.silence_ms("c") >= HEARTBEAT_SILENCE_MS_MIN
            assert max(watching.silence_ms("a"), watching.silence_ms("b")) <= HEARTBEAT_PERIOD_S * 1000

    run_virtually(life())


def test_after_an_outage_of_the_log_heartbeats_go_on_at_once_and_nobody_is_accused() -> None:
    async def life() -> None:
        log = SharedLog()
        ways = {name: LogWay(log) for name in "ab"}
        parts = {name: sender(ways[name], name) for name in "ab"}
        watching = reader(ways["a"])
        async with running(*parts.values(), watching):
            await asyncio.sleep(10)
            assert watching.has_read(parts["a"].last_offset)
            for way in ways.values():
                way.up = False
            await asyncio.sleep(3600)
            assert not parts["a"].reaches_log()
            assert not watching.has_read(parts["a"].last_offset)
            for way in ways.values():
                way.up = True
            for _ in range(20):
                await asyncio.sleep(HEARTBEAT_PERIOD_S / 2)
                assert max(watching.silence_ms(name) for name in "ab") <= HEARTBEAT_PERIOD_S * 1000
            assert parts["a"].reaches_log()
            assert watching.has_read(parts["a"].last_offset)

    run_virtually(life())


def test_a_log_that_never_answers_is_given_up_in_time() -> None:
    class Silent(LogWay):
        async def append(self, event: Event, partition: int) -> None:  # type: ignore[override]
            await asyncio.Event().wait()

    async def life() -> None:
        part = sender(Silent(SharedLog()), "a")
        async with running(part):
            assert part.reaches_log()
            await asyncio.sleep(30)
            assert not part.reaches_log()

    run_virtually(life())


def test_a_vault_of_one_sends_none_and_does_not_doubt_its_log() -> None:
    async def life() -> None:
        log = SharedLog()
        part = sender(LogWay(log), "a", needed=False)
        async with running(part):
            await asyncio.sleep(100)
        assert log.events == []
        assert part.reaches_log()

    run_virtually(life())


def test_links_are_told_a_few_at_a_time_and_gathered_by_the_reader() -> None:
    async def life() -> None:
        way = LogWay(SharedLog())
        links = LinkTable(LoopClock(), SeededRandomness())
        for number in range(20):
            links.answered(f"p{number}", 0.002)
        watching = reader(way)
        async with running(sender(way, "a", links), watching):
            await asyncio.sleep(4 * HEARTBEAT_PERIOD_S)
        report = watching.report("a")
        assert report is not None
        assert len(report.heartbeat.links) <= HEARTBEAT_LINKS_MAX
        assert len(report.links) == 20
        assert report.links["p3"].latency_ms == pytest.approx(2)

    run_virtually(life())


def test_what_is_forged_or_something_else_is_read_over() -> None:
    async def life() -> None:
        log = SharedLog()
        way = LogWay(log)
        watching = HeartbeatReader(way, LoopClock(), b"x" * 32, lambda: 1)
        strange = CheckpointSigned(node_id="a", digests=(), signature="")
        log.write(Event(EventId("e"), HeartbeatSent(node_id="a", incarnation=1), "x", "/", 0, "a"), 0)
        log.records[Topic.HEARTBEATS].append(log.records[Topic.HEARTBEATS][0]._replace(value=b"garbage"))
        log.write(Event(EventId("e"), strange, "x", "/", 0, "a"), 0)
        async with running(watching):
            await asyncio.sleep(1)
        assert watching.report("a") is None

    run_virtually(life())


def test_a_store_that_cannot_say_how_it_is_does_not_hold_a_heartbeat_back() -> None:
    class Broken:
        left = 1

        async def stats(self) -> StoreStats:
            self.left -= 1
            if self.left == -1:
                raise Storage("the disk is gone")
            if self.left < -1:
                await asyncio.Event().wait()
            return StoreStats(7, 0, 40, 0, 0, 0, 0, 60)

        def applied(self) -> dict[tuple[Topic, int], int]:
            return {(Topic.PEERS, 0): 3}

    async def life() -> None:
        store = Broken()
        facts = NodeVitals(SimpleNamespace(incarnation=2), store, store, lambda: 100, lambda: 5)  # type: ignore[arg-type]
        first, broken, hanging = await facts(), await facts(), await facts()
        assert first == Vitals(2, 100, 60, 40, 7, 5, ((Topic.PEERS, 0, 3),))
        assert first == broken == hanging

    run_virtually(life())
