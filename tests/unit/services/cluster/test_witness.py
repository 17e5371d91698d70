"""What a node writes about life and death: when, how often, and never what is stale."""

import asyncio
from types import SimpleNamespace

import pytest

from govault.domain.memory_state import MemoryPeers
from govault.limits import HEARTBEAT_SILENCE_MS_MIN, WITNESS_AGAIN_S
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.witness import Witness
from schemas.events.peers import NodeRecovered, NodeSuspected
from tests.fakes.shared_log import LogWay, LoopClock, SharedLog
from tests.fakes.world import SeededRandomness
from tests.simulation.virtual_time import run_virtually
from tests.unit.domain.test_members import id_of, vault_of
from tests.unit.services.cluster.test_cluster_map import FoldedPeers


class Heard:
    """The part of the reader that a witness asks: everybody silent for ``silence``."""

    silence = HEARTBEAT_SILENCE_MS_MIN

    @property
    def newest_ms(self) -> int:
        return LoopClock().time_ms()

    def silence_ms(self, node_id: str) -> int:
        return self.silence


def witness_of(nodes: int, me: int = 0, zones: tuple[str, ...] = ("",)) -> SimpleNamespace:
    """A witness on a log whose ``.peers`` is folded at once."""
    peers: MemoryPeers = vault_of(nodes, zones)
    views = FoldedPeers(peers)
    log = SharedLog()

    def fold(event: object, position: object, time_ms: int) -> None:
        peers.apply(event, peers.applied + 1, time_ms)  # type: ignore[arg-type]
        views.tell()

    log.on_append.append(fold)
    cluster = FoldedClusterMap(views, views, id_of(me))  # type: ignore[arg-type]
    way, heard = LogWay(log), Heard()
    witness = Witness(cluster, way, heard, LoopClock(), SeededRandomness(), "/vaults/v/nodes/me")  # type: ignore[arg-type]
    return SimpleNamespace(witness=witness, log=log, way=way, heard=heard, peers=peers, views=views)


def words(parts: SimpleNamespace) -> int:
    return sum(isinstance(event.data, NodeSuspected) for _, event in parts.log.events)


async def speak(parts: SimpleNamespace, seconds: float, *silent: int) -> None:
    for _ in range(int(seconds * 2)):
        await parts.witness.speak([id_of(number) for number in silent])
        await asyncio.sleep(0.5)


def test_a_witness_repeats_its_word_now_and_then_while_the_silence_lasts() -> None:
    async def life() -> None:
        parts = witness_of(3)
        await speak(parts, 5, 1)
        assert words(parts) == 1
        await speak(parts, 2 * WITNESS_AGAIN_S, 1)
        assert words(parts) == 3
        await speak(parts, 60)
        assert words(parts) == 3

    run_virtually(life())


def test_of_two_nodes_one_word_is_enough_and_the_dead_are_left_alone() -> None:
    async def life() -> None:
        parts = witness_of(2)
        await speak(parts, 60, 1)
        assert parts.peers.node(id_of(1)).state == "dead"
        assert words(parts) == 1

    run_virtually(life())


def test_a_second_witness_speaks_only_where_its_zone_adds_something() -> None:
    async def life(me: int, expected: int) -> None:
        parts = witness_of(5, me, zones=("a", "b"))
        data = NodeSuspected(node_id=id_of(1), incarnation=1, witness=id_of(0), silence_ms=9000)
        await parts.witness._append(data, None)
        await speak(parts, 10, 1)
        assert words(parts) == 1 + expected
        assert parts.peers.node(id_of(1)).state == ("dead" if expected else "up")

    # 0, 2 and 4 live in a; 1 and 3 in b. Node 0 has spoken.
    run_virtually(life(me=2, expected=0))
    run_virtually(life(me=3, expected=1))


def test_nothing_is_said_of_a_node_that_was_heard_meanwhile() -> None:
    async def life() -> None:
        parts = witness_of(3)
        parts.heard.silence = HEARTBEAT_SILENCE_MS_MIN - 1
        await speak(parts, 30, 1)
        assert words(parts) == 0

    run_virtually(life())


def test_a_word_that_waited_in_an_outage_accuses_nobody() -> None:
    class Late(LogWay):
        async def append(self, event, partition):  # type: ignore[no-untyped-def]
            await asyncio.sleep(4.9)
            self.log.skew_ms = 60_000
            return await super().append(event, partition)

    async def life() -> None:
        parts = witness_of(2)
        parts.witness._log = Late(parts.log)
        await parts.witness.speak([id_of(1)])
        await asyncio.sleep(1)
        await parts.witness.speak([id_of(1)])
        assert words(parts) == 1
        assert parts.peers.node(id_of(1)).state == "up"

    run_virtually(life())


def test_a_log_that_is_away_is_asked_again() -> None:
    async def life() -> None:
        parts = witness_of(3)
        parts.way.up = False
        await speak(parts, 10, 1)
        parts.way.up = True
        await speak(parts, 1, 1)
        assert words(parts) == 1

    run_virtually(life())


@pytest.mark.parametrize("accusers", [(1,), (1, 2)])
def test_a_node_refutes_suspicion_and_death_once(accusers: tuple[int, ...]) -> None:
    async def life() -> None:
        parts = witness_of(3)
        for who in accusers:
            data = NodeSuspected(node_id=id_of(0), incarnation=1, witness=id_of(who), silence_ms=9000)
            await parts.witness._append(data, None)
        for _ in range(20):
            await parts.witness.refute()
            await asyncio.sleep(1)
        said = [event.data for _, event in parts.log.events if isinstance(event.data, NodeRecovered)]
        assert [data.incarnation for data in said] == [2]
        row = parts.peers.node(id_of(0))
        assert (row.state, row.suspicions) == ("up", ())

    run_virtually(life())
