"""A cluster of nodes that only look after one another, on one log and one network in memory, under virtual time.

The network and each node's way to the log can lose, delay, cut and pause; all chance comes from the world's seed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from govault.domain.position import Position
from govault.domain.rows import LayoutRow, NodeRow
from govault.errors import Cluster
from govault.errors import EventLog as EventLogError
from govault.ports import LogRecord
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.detection import Detection
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.heartbeats import Heartbeats, Vitals
from govault.services.cluster.links import LinkTable
from govault.services.cluster.witness import Witness
from govault.services.maintenance.workers import Workers
from schemas.envelope import Event
from schemas.events.peers import NodeSuspected
from schemas.events.records import HeartbeatSent
from schemas.topics import Topic
from tests.fakes.shared_log import MAC_KEY, LogWay, LoopClock, SharedLog
from tests.fakes.world import SeededRandomness
from tests.unit.domain.test_members import id_of, vault_of


@dataclass
class Network:
    """Calls between nodes.

    Attributes:
        loss: Share of messages that are lost, each way.
        cut: (from, to) that no message passes.
        burst: Until when everything of a node is lost, by node.
        paused: Nodes that stand still until their event is set.
    """

    chance: Random
    loss: float = 0.0
    latency_s: float = 0.002
    cut: set[tuple[str, str]] = field(default_factory=set)
    burst: dict[str, float] = field(default_factory=dict)
    paused: dict[str, asyncio.Event] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    def passes(self, sender: str, receiver: str) -> bool:
        """Whether one message arrives now."""
        now_s = asyncio.get_running_loop().time()
        lost = (sender, receiver) in self.cut or self.chance.random() < self.loss
        bursting = any(self.burst.get(end, 0) > now_s for end in (sender, receiver))
        return not (lost or bursting or self.down & {sender, receiver})

    async def stand_still(self, node: str) -> None:
        """Wait while a node is paused."""
        if node in self.paused:
            await self.paused[node].wait()


class Probes:
    """``PeerProbes`` of one node: a call is two messages, and takes its whole timeout where one is lost."""

    def __init__(self, me: str, network: Network, nodes: dict[str, "Node"]) -> None:
        self._me = me
        self._network = network
        self._nodes = nodes

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        return await self._call(peer, timeout_s, lambda node: node.detection.pinged(self._me, gossip))

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        return await self._call(
            proxy, timeout_s, lambda node: node.detection.ping_for(self._me, peer, gossip, timeout_s)
        )

    async def _call(self, peer: str, timeout_s: float, ask: "Callable[[Node], asyncio.Future[bytes]]") -> bytes:
        network = self._network
        try:
            async with asyncio.timeout(timeout_s):
                if not network.passes(self._me, peer):
                    await asyncio.Event().wait()
                await asyncio.sleep(network.latency_s * (0.5 + network.chance.random()))
                await network.stand_still(peer)
                answer = await ask(self._nodes[peer])
                if not network.passes(peer, self._me):
                    await asyncio.Event().wait()
        except TimeoutError as error:
            await network.stand_still(self._me)
            raise Cluster("no answer in time") from error
        await network.stand_still(self._me)
        return answer


@dataclass
class Snapshot:
    """``.peers`` as one node has folded it."""

    rows: list[NodeRow] = field(default_factory=list)
    told: list[Callable[[], None]] = field(default_factory=list)

    def peers(self) -> "Snapshot":
        return self

    def nodes(self) -> list[NodeRow]:
        return self.rows

    def layouts(self) -> list[LayoutRow]:
        return []

    def on_peers(self, callback: Callable[[], None]) -> None:
        self.told.append(callback)

    def fold(self, rows: list[NodeRow]) -> None:
        self.rows = rows
        for tell in self.told:
            tell()


class Way(LogWay):
    """A node's way to the log: its appends may be lost, and wait while it is paused."""

    def __init__(self, log: SharedLog, me: str, network: Network, loss: float) -> None:
        super().__init__(log)
        self._me = me
        self._network = network
        self.loss = loss

    async def append(self, event: Event, partition: int) -> Position:
        await self._network.stand_still(self._me)
        if self._me in self._network.down or self._network.chance.random() < self.loss:
            raise EventLogError("the append was lost")
        return await super().append(event, partition)


class SharingReader(HeartbeatReader):
    """Decodes each record once for all nodes of a world: the same result, a hundred times less work."""

    shared: dict[int, HeartbeatSent | None]

    def _decoded(self, record: LogRecord) -> HeartbeatSent | None:
        offset = record.position.offset
        if offset not in self.shared:
            self.shared[offset] = super()._decoded(record)
            self.shared.pop(offset - 5000, None)
        return self.shared[offset]


@dataclass
class Node:
    """One node's parts."""

    node_id: str
    zone: str
    snapshot: Snapshot
    cluster: FoldedClusterMap
    way: Way
    heartbeats: Heartbeats
    reader: HeartbeatReader
    witness: Witness
    links: LinkTable
    detection: Detection

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(Workers(LoopClock(), [self.heartbeats]).run())
            group.create_task(self.reader.run())
            group.create_task(self.detection.run())


class World:
    """``nodes`` nodes that started, in zones; all on one log."""

    def __init__(self, nodes: int, seed: int, zones: tuple[str, ...] = ("",), loss: float = 0.0) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.network = Network(self.chance, loss)
        self.log = SharedLog()
        self.folded = vault_of(nodes, zones)
        self.deaths: list[tuple[float, str]] = []
        self.wrong: list[str] = []
        self.heard_s: dict[str, float] = {}
        self.nodes: dict[str, Node] = {}
        self._shared: dict[int, HeartbeatSent | None] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.log.on_append.append(self._appended)
        for number in range(nodes):
            self._add(id_of(number), zones[number % len(zones)], loss)
        self.ids = list(self.nodes)

    def _add(self, node_id: str, zone: str, loss: float) -> None:
        clock, randomness = LoopClock(self.chance.randrange(-(10**8), 10**8)), SeededRandomness(self.chance.random())
        snapshot = Snapshot(self.folded.nodes())
        cluster = FoldedClusterMap(snapshot, snapshot, node_id)
        way = Way(self.log, node_id, self.network, loss)
        links = LinkTable(clock, randomness)
        source = f"/vaults/v/nodes/{node_id}"

        async def vitals() -> Vitals:
            return Vitals(cluster.incarnation)

        reader = SharingReader(way, clock, MAC_KEY, lambda: len(self.nodes))
        reader.shared = self._shared
        heartbeats = Heartbeats(way, clock, randomness, source, node_id, vitals, links)
        witness = Witness(cluster, way, reader, clock, randomness, source)
        probes = Probes(node_id, self.network, self.nodes)
        detection = Detection(cluster, probes, heartbeats, reader, witness, clock, randomness)
        self.nodes[node_id] = Node(node_id, zone, snapshot, cluster, way, heartbeats, reader, witness, links, detection)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """All nodes run; a failure inside says the seed."""
        self._tasks = {name: asyncio.create_task(node.run()) for name, node in self.nodes.items()}
        try:
            yield self
            for name, task in self._tasks.items():
                assert not task.done() or name in self.network.down, f"seed {self.seed}: a node ended: {task}"
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {error}") from error
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    @property
    def now_s(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def kill(self, node_id: str) -> None:
        """A node ends without a word."""
        self.network.down.add(node_id)
        self._tasks[node_id].cancel()

    def state_of(self, node_id: str) -> str:
        """By the log."""
        row = self.folded.node(node_id)
        assert row is not None
        return row.state

    def cut(self, some: Iterable[str], others: Iterable[str], both_ways: bool = True) -> None:
        """No message passes from some to others (nor back)."""
        for one in some:
            for other in others:
                self.network.cut.add((one, other))
                if both_ways:
                    self.network.cut.add((other, one))

    def cut_log(self, nodes: Iterable[str]) -> None:
        """These do not reach the log."""
        for node_id in nodes:
            self.nodes[node_id].way.up = False

    def heal(self) -> None:
        """Everything passes again."""
        self.network.cut.clear()
        for node in self.nodes.values():
            if not node.way.up:
                node.way.up = True
                self._fold(node)

    def _appended(self, event: Event, position: Position, time_ms: int) -> None:
        if isinstance(event.data, HeartbeatSent):
            self.heard_s[event.data.node_id] = self.now_s
        if position.topic is not Topic.PEERS:
            return
        accused = event.data.node_id if isinstance(event.data, NodeSuspected) else ""
        before = self.state_of(accused) if accused else ""
        self.folded.apply(event, self.folded.applied + 1, time_ms)
        if accused and before == "up" and self.state_of(accused) == "dead":
            self.deaths.append((self.now_s, accused))
            if self.now_s - self.heard_s.get(accused, 0) < 5.9:
                self.wrong.append(f"{accused[:8]} was called dead at {self.now_s:.1f} s, heard on the log just before")
        for node in self.nodes.values():
            asyncio.get_running_loop().call_later(node.way.latency_s, self._fold, node)

    def _fold(self, node: Node) -> None:
        if node.way.up:
            node.snapshot.fold(self.folded.nodes())
