"""How one node drives its probes: what it answers to peers, and what it makes of its own standstill."""

import asyncio
from types import SimpleNamespace

import pytest

from govault.errors import Cluster
from govault.services.cluster.detection import Detection
from tests.fakes.shared_log import LoopClock
from tests.fakes.world import SeededRandomness
from tests.simulation.virtual_time import run_virtually
from tests.unit.domain.test_members import id_of
from tests.unit.services.cluster.test_cluster_map import map_of


class Wire:
    """``PeerProbes``: whoever is in ``up`` answers."""

    def __init__(self, *up: int) -> None:
        self.up = {id_of(number) for number in up}
        self.through: list[str] = []

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        if peer in self.up:
            return b"whatever"
        await asyncio.sleep(timeout_s)
        raise Cluster("no answer in time")

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        self.through.append(proxy)
        await asyncio.sleep(timeout_s)
        raise Cluster("no answer in time")


class StalledClock(LoopClock):
    """A clock that can be found later than it should be, as after a suspended process."""

    lost_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.lost_s


def detection_of(nodes: int, wire: Wire) -> SimpleNamespace:
    cluster, views = map_of(nodes)
    clock = StalledClock()
    heartbeats = SimpleNamespace(reaches_log=lambda: True, last_offset=5)
    reader = SimpleNamespace(has_read=lambda offset: True, silence_ms=lambda peer: 60_000)
    said: list[list[str]] = []

    async def speak(silent: list[str]) -> None:
        said.append(silent)

    async def refute() -> None:
        pass

    witness = SimpleNamespace(speak=speak, refute=refute)
    detection = Detection(cluster, wire, heartbeats, reader, witness, clock, SeededRandomness(3))  # type: ignore[arg-type]
    return SimpleNamespace(detection=detection, cluster=cluster, clock=clock, said=said, views=views)


def test_it_pings_members_for_others_and_nobody_else() -> None:
    async def life() -> None:
        parts = detection_of(3, Wire(1))
        assert await parts.detection.ping_for(id_of(2), id_of(1), b"garbage", 1.0) == b"whatever"
        with pytest.raises(Cluster):
            await parts.detection.ping_for(id_of(2), "ab" * 32, b"", 1.0)
        began_s = parts.clock.monotonic_s()
        with pytest.raises(Cluster):
            await parts.detection.ping_for(id_of(1), id_of(2), b"", 0.5)
        assert parts.clock.monotonic_s() - began_s < 0.5, "the caller hears of it before it gives up on this node"
        assert len(await parts.detection.pinged("ab" * 32, b"")) > 0

    run_virtually(life())


def test_who_does_not_answer_is_doubted_and_then_spoken_of_and_others_were_asked_first() -> None:
    async def life() -> None:
        wire = Wire(1)
        parts = detection_of(3, wire)
        task = asyncio.create_task(parts.detection.run())
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert parts.cluster.is_up(id_of(1))
        assert not parts.cluster.is_up(id_of(2))
        assert parts.said[-1] == [id_of(2)]
        assert id_of(1) in wire.through
        assert id_of(2) not in wire.through

    run_virtually(life())


def test_what_was_found_before_the_process_stood_still_counts_nothing() -> None:
    async def life() -> None:
        wire = Wire(1, 2)
        parts = detection_of(3, wire)
        task = asyncio.create_task(parts.detection.run())
        await asyncio.sleep(10)
        wire.up.clear()
        await asyncio.sleep(4)
        assert not parts.cluster.is_up(id_of(1)) or not parts.cluster.is_up(id_of(2))
        assert not any(parts.said)
        parts.clock.lost_s = 30.0
        wire.up = {id_of(1), id_of(2)}
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not any(parts.said)
        assert parts.cluster.is_up(id_of(1))
        assert parts.cluster.is_up(id_of(2))

    run_virtually(life())
