"""Links for people: who sees whom how, and a measurement that writes nothing."""

import asyncio
import hashlib
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from govault.errors import Cluster
from govault.limits import BENCHMARK_BYTES_MAX, BENCHMARK_ROUND_TRIPS, MIB
from govault.ports import SealedChunk
from govault.services.cluster.heartbeat_reader import NodeReport
from govault.services.cluster.links import LinkTable
from govault.services.cluster.members import Members, ThisNode
from govault.services.cluster.network import Network
from schemas.events.peers import NodeRemoved
from schemas.events.records import HeartbeatSent, LinkMeasured
from tests.fakes.shared_log import LoopClock
from tests.fakes.world import FakeClock, SeededRandomness
from tests.simulation.virtual_time import run_virtually
from tests.unit.domain.test_members import id_of
from tests.unit.services.cluster.test_cluster_map import layout, map_of


class Reports:
    """The part of the reader that the network asks."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, LinkMeasured]] = {}

    def report(self, node_id: str) -> NodeReport | None:
        links = self.told.get(node_id)
        return NodeReport(HeartbeatSent(node_id=node_id, incarnation=1), 0, links) if links is not None else None

    def silence_ms(self, node_id: str) -> int:
        return 1500


class Peers:
    """``PeerProbes`` and ``PeerStores`` of a network with a round trip and a bandwidth; counts what is asked."""

    def __init__(self, chunks: int = 0, down: tuple[int, ...] = (), slot: int | None = None) -> None:
        self.slot = slot
        self.chunks = [hashlib.sha256(b"%d" % number).digest() for number in range(chunks)]
        self.down = {id_of(number) for number in down}
        self.pings = 0
        self.fetched_bytes = 0

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        self.pings += 1
        await asyncio.sleep(0.004)
        if peer in self.down:
            raise Cluster("it does not answer", code="cluster.unreachable")
        return b""

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[bytes]:
        return sorted(self.chunks)[:limit] if self._is_filled(slot) else []

    async def slot_digests(self, peer: str, slots: list[int]) -> list[bytes]:
        return [bytes([1] * 16) if self._is_filled(slot) else bytes(16) for slot in slots]

    def _is_filled(self, slot: int) -> bool:
        return bool(self.chunks) and self.slot in (None, slot)

    async def fetch(self, peer: str, chunks: list[bytes]) -> list[SealedChunk]:
        given = [SealedChunk(chunk_id, MIB, bytes(MIB)) for chunk_id in chunks[:4]]  # type: ignore[arg-type]
        self.fetched_bytes += len(given) * MIB
        await asyncio.sleep(len(given) / 64)
        return given


def network_of(nodes: int, peers: Peers, clock: object) -> SimpleNamespace:
    cluster, views = map_of(nodes)
    views.write(layout(0, *range(nodes)))
    links, reports = LinkTable(clock, SeededRandomness()), Reports()  # type: ignore[arg-type]
    network = Network(cluster, links, reports, peers, peers, clock)  # type: ignore[arg-type]
    return SimpleNamespace(network=network, cluster=cluster, views=views, links=links, reports=reports)


def test_the_few_chunks_of_a_small_vault_are_found_for_a_measurement() -> None:
    async def life() -> None:
        peers = Peers(chunks=2, slot=12_345)
        report = await network_of(2, peers, LoopClock()).network.benchmark(None, lambda done, text: None)
        assert [peer.transferred_bytes for peer in report.peers] == [2 * MIB]

    run_virtually(life())


def test_own_links_are_as_measured_here_and_those_of_others_as_their_heartbeats_told() -> None:
    parts = network_of(3, Peers(), FakeClock())
    parts.links.answered(id_of(1), 0.002)
    parts.links.answered("stranger", 0.002)
    parts.reports.told[id_of(1)] = {
        id_of(0): LinkMeasured(peer=id_of(0), latency_ms=3.5, bandwidth_bytes_s=9, score=0.5),
        id_of(2): LinkMeasured(peer=id_of(2)),
    }
    found = {(link.source, link.target): link for link in parts.network.links()}
    assert set(found) == {(id_of(0), id_of(1)), (id_of(1), id_of(0)), (id_of(1), id_of(2))}
    assert found[id_of(0), id_of(1)].latency_ms == pytest.approx(2)
    assert (found[id_of(1), id_of(0)].latency_ms, found[id_of(1), id_of(0)].score) == (3.5, 0.5)
    parts.views.write(NodeRemoved(node_id=id_of(2)))
    assert len(parts.network.links()) == 2


def test_a_peer_is_shown_with_its_link_and_this_node_without() -> None:
    parts = network_of(3, Peers(), FakeClock())
    parts.links.answered(id_of(1), 0.002)
    parts.links.corrupted(id_of(1))
    parts.cluster.doubt(frozenset({id_of(2)}))
    this = ThisNode("v", id_of(0), "", "n0", "", "1", 0, (), "kafka")
    views = SimpleNamespace(peers=parts.views.peers, partitions=lambda: [0], nodes=parts.views.folded.nodes)
    members = Members(views, this, parts.network)  # type: ignore[arg-type]
    own, first, second = sorted(members.peers(), key=lambda peer: peer.name)
    assert own.link is None
    assert first.link is not None
    assert second.link is not None
    assert (first.link.reachable, first.link.corruptions, first.link.reputation) == (True, 1, 0.5)
    assert (second.link.reachable, second.link.silence_ms) == (False, 1500)
    assert len(members.topology().links) == 1


def test_a_measurement_tells_round_trips_and_bandwidth_and_fetches_a_bounded_amount() -> None:
    async def life() -> None:
        peers = Peers(chunks=200, down=(2,))
        parts = network_of(3, peers, LoopClock())
        told: list[str] = []
        report = await parts.network.benchmark(None, lambda done, text: told.append(text))
        good, bad = sorted(report.peers, key=lambda peer: peer.error)
        assert good.round_trip_ms == pytest.approx(4, rel=0.01)
        assert good.bandwidth_bytes_s == pytest.approx(64 * MIB, rel=0.01)
        assert good.transferred_bytes == peers.fetched_bytes == BENCHMARK_BYTES_MAX
        assert peers.pings == BENCHMARK_ROUND_TRIPS + 1
        assert "does not answer" in bad.error
        assert len(told) == 2
        only = await parts.network.benchmark(id_of(1), lambda done, text: None)
        assert [peer.node_id for peer in only.peers] == [id_of(1)]

    run_virtually(life())


def test_a_peer_that_holds_nothing_has_round_trips_only() -> None:
    async def life() -> None:
        parts = network_of(2, Peers(), LoopClock())
        (only,) = (await parts.network.benchmark(None, lambda done, text: None)).peers
        assert (only.error, only.transferred_bytes, only.bandwidth_bytes_s) == ("", 0, 0)
        assert only.round_trip_ms > 0

    run_virtually(life())


def test_metrics_have_one_sample_a_peer() -> None:
    parts = network_of(3, Peers(), FakeClock())
    parts.links.answered(id_of(1), 0.002)
    parts.cluster.frozen = True
    registry = CollectorRegistry()
    registry.register(parts.network)
    text = generate_latest(registry).decode()
    assert f'govault_peer_latency_seconds{{peer="{id_of(1)}"}} 0.002' in text
    assert text.count("govault_peer_reachable{") == 2
    assert "govault_cluster_frozen 1.0" in text
    assert "govault_cluster_fenced 0.0" in text
