"""The network between nodes, for people: how good every link is, and a measurement on demand."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricsSource

from govault.domain.rows import NodeState
from govault.errors import Conflict, GoVaultError
from govault.limits import (
    BENCHMARK_BYTES_MAX,
    BENCHMARK_ROUND_TRIPS,
    DIGEST_SLOTS_PER_CALL,
    PROBE_TIMEOUT_S,
    SLOTS,
)
from govault.ports import Clock, PeerProbes, PeerStores
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.links import LinkTable
from schemas.ids import ChunkId

_SLOTS_TRIED_MAX = 8
_CHUNKS_A_SLOT = 64


@dataclass(frozen=True, slots=True)
class Link:
    """How one node sees its link to another.

    Attributes:
        bandwidth_bytes_s: Of real transfers; 0 where there were none.
        score: 0 (avoid) … 1.
    """

    source: str
    target: str
    latency_ms: float
    bandwidth_bytes_s: int
    score: float


@dataclass(frozen=True, slots=True)
class PeerLink:
    """How this node sees its link to a peer, whole.

    Attributes:
        reachable: Whether it is worth calling: up by the log, and answering this node.
        error_rate: Share of calls that failed, of late, 0 … 1.
        corruptions: Chunks it gave that failed their check, since this node started.
        reputation: 0 … 1: how far its bytes are trusted to be sound.
        silence_ms: Since its last heartbeat, by the log's times.
    """

    reachable: bool
    latency_ms: float
    bandwidth_bytes_s: int
    error_rate: float
    corruptions: int
    reputation: float
    score: float
    silence_ms: int


@dataclass(frozen=True, slots=True)
class PeerMeasured:
    """One peer, measured on demand.

    Attributes:
        error: Why it could not be measured; empty where it was.
        transferred_bytes: What was fetched from it; 0 where it holds nothing: then there is no bandwidth.
    """

    node_id: str
    name: str
    error: str = ""
    round_trip_ms: float = 0.0
    round_trip_ms_max: float = 0.0
    transferred_bytes: int = 0
    bandwidth_bytes_s: int = 0


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """What a measurement found."""

    peers: tuple[PeerMeasured, ...]


class Network(MetricsSource):
    """Answers about links; it is also the source of the metrics ``govault_peer_*``."""

    def __init__(
        self,
        cluster: FoldedClusterMap,
        links: LinkTable,
        reader: HeartbeatReader,
        probes: PeerProbes,
        stores: PeerStores,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._links = links
        self._reader = reader
        self._probes = probes
        self._stores = stores
        self._clock = clock

    def links(self) -> tuple[Link, ...]:
        """All links between members: this node's as it sees them now, others' as their heartbeats told."""
        own = self._cluster.node_id
        members = [row.node_id for row in self._cluster.members()]
        return tuple(link for source in members for link in (self._own() if source == own else self._told(source)))

    def peer(self, node_id: str) -> PeerLink | None:
        """This node's link to a member; None for this node and strangers."""
        if node_id == self._cluster.node_id or self._cluster.member(node_id) is None:
            return None
        quality = self._links.of(node_id)
        return PeerLink(
            reachable=self._cluster.is_up(node_id),
            latency_ms=round(quality.latency_s * 1000, 3),
            bandwidth_bytes_s=int(quality.bandwidth_bytes_s),
            error_rate=round(quality.error_rate, 4),
            corruptions=quality.corruptions,
            reputation=round(self._links.reputation(node_id), 4),
            score=round(quality.score, 4),
            silence_ms=self._reader.silence_ms(node_id),
        )

    async def benchmark(self, node_id: str | None, said: Callable[[int, str], None]) -> BenchmarkReport:
        """Measure links one after another: round trips, then a transfer of chunks that the peer holds anyway.

        Nothing is written anywhere, and at most BENCHMARK_BYTES_MAX are fetched from each.

        Args:
            node_id: Only this member; None for all peers that are up.
            said: Told (peers done, what is being measured).
        """
        rows = [row for row in self._cluster.members() if row.node_id != self._cluster.node_id]
        chosen = [row for row in rows if (row.node_id == node_id if node_id else row.state == NodeState.UP)]
        found: list[PeerMeasured] = []
        for row in chosen:
            said(len(found), f"measuring {row.name or row.node_id}")
            try:
                found.append(await self._measure(row.node_id, row.name))
            except GoVaultError as error:
                found.append(PeerMeasured(row.node_id, row.name, error=str(error)))
        return BenchmarkReport(tuple(found))

    async def _measure(self, peer: str, name: str) -> PeerMeasured:
        trips_s: list[float] = []
        for _ in range(BENCHMARK_ROUND_TRIPS):
            began_s = self._clock.monotonic_s()
            await self._probes.ping(peer, b"", PROBE_TIMEOUT_S)
            trips_s.append(self._clock.monotonic_s() - began_s)
        fetched_bytes, took_s = await self._transfer(peer)
        return PeerMeasured(
            peer,
            name,
            round_trip_ms=round(statistics.median(trips_s) * 1000, 3),
            round_trip_ms_max=round(max(trips_s) * 1000, 3),
            transferred_bytes=fetched_bytes,
            bandwidth_bytes_s=int(fetched_bytes / took_s) if took_s > 0 else 0,
        )

    async def _transfer(self, peer: str) -> tuple[int, float]:
        """(bytes, seconds) of fetching some of the chunks that the peer holds."""
        fetched_bytes, took_s = 0, 0.0
        for slot in await self._some_slots(peer):
            if fetched_bytes >= BENCHMARK_BYTES_MAX:
                break
            chunks = await self._stores.slot_chunks(peer, slot, b"", _CHUNKS_A_SLOT)
            while chunks and fetched_bytes < BENCHMARK_BYTES_MAX:
                began_s = self._clock.monotonic_s()
                given = await self._stores.fetch(peer, chunks)
                took_s += self._clock.monotonic_s() - began_s
                fetched_bytes += sum(len(chunk.sealed) for chunk in given)
                chunks = _behind(chunks, given[-1].chunk_id) if given else []
        return fetched_bytes, took_s

    async def _some_slots(self, peer: str) -> list[int]:
        """Slots of the peer's in which it has chunks, from all over: in a small vault most have none."""
        holders = self._cluster.placement.holders
        held = [slot for slot in range(SLOTS) if peer in holders(slot)]
        strides = -(-len(held) // DIGEST_SLOTS_PER_CALL)
        found: list[int] = []
        for first in range(strides):
            slots = held[first::strides]
            digests = await self._stores.slot_digests(peer, slots)
            found += [slot for slot, digest in zip(slots, digests, strict=True) if any(digest)]
            if len(found) >= _SLOTS_TRIED_MAX:
                break
        return found[:: max(1, len(found) // _SLOTS_TRIED_MAX)][:_SLOTS_TRIED_MAX]

    def _own(self) -> Iterator[Link]:
        own = self._cluster.node_id
        for peer in self._links.peers():
            if peer != own and self._cluster.member(peer) is not None:
                quality = self._links.of(peer)
                latency_ms, bandwidth = round(quality.latency_s * 1000, 3), int(quality.bandwidth_bytes_s)
                yield Link(own, peer, latency_ms, bandwidth, round(quality.score, 4))

    def _told(self, source: str) -> Iterator[Link]:
        report = self._reader.report(source)
        for peer, told in report.links.items() if report else ():
            if self._cluster.member(peer) is not None:
                yield Link(source, peer, told.latency_ms, told.bandwidth_bytes_s, told.score)

    def collect(self) -> Iterator[Metric]:
        """The metric families: one sample a peer, so as many as the vault has nodes."""
        families = {name: GaugeMetricFamily(f"govault_peer_{name}", text, labels=["peer"]) for name, text in _GAUGES}
        for row in self._cluster.members():
            link = self.peer(row.node_id)
            if link is None:
                continue
            families["reachable"].add_metric([row.node_id], link.reachable)
            families["latency_seconds"].add_metric([row.node_id], link.latency_ms / 1000)
            families["bandwidth_bytes_per_second"].add_metric([row.node_id], link.bandwidth_bytes_s)
            families["error_ratio"].add_metric([row.node_id], link.error_rate)
            families["corrupt_chunks"].add_metric([row.node_id], link.corruptions)
            families["score"].add_metric([row.node_id], link.score)
            families["heartbeat_silence_seconds"].add_metric([row.node_id], link.silence_ms / 1000)
        yield from families.values()
        yield GaugeMetricFamily(
            "govault_cluster_fenced", "1 where this node reaches neither log nor peers.", int(self._cluster.fenced)
        )
        yield GaugeMetricFamily(
            "govault_cluster_frozen", "1 where collection and layouts wait for the log.", int(self._cluster.frozen)
        )


_GAUGES = (
    ("reachable", "1 where the peer is up by the log and answers this node."),
    ("latency_seconds", "Smoothed round trip to the peer."),
    ("bandwidth_bytes_per_second", "Of real transfers, smoothed; 0 where there were none."),
    ("error_ratio", "Share of calls to the peer that failed, of late."),
    ("corrupt_chunks", "Chunks it gave that failed their check, since this node started."),
    ("score", "How good the link is, 0 to 1."),
    ("heartbeat_silence_seconds", "Since the peer's last heartbeat, by the log's times."),
)


def no_network() -> Conflict:
    """What to raise where a node has no peers to measure."""
    return Conflict("this node runs alone: there is no link to measure", code="conflict.alone")


def _behind(chunks: list[ChunkId], last: bytes) -> list[ChunkId]:
    return [chunk_id for chunk_id in chunks if chunk_id > last]
