"""Nodes that heal, under a virtual clock: real healing over stores, links and views in memory."""

import asyncio
import hashlib
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from govault.domain.actor import Actor
from govault.domain.layout import encode_table, placement_of
from govault.domain.position import Outcome, Position, Verdict
from govault.domain.rows import LayoutRow, PartitionRow
from govault.limits import SLOTS
from govault.services.healing.assembly import Healing, HealingPorts, HealingSettings, assemble_healing
from govault.services.maintenance.workers import Workers
from govault.storage.repair_queue import StoredRepairQueue
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.peers import LayoutReached
from schemas.ids import ChunkId
from schemas.topics import Topic
from tests.fakes.database import MemoryDatabase
from tests.fakes.peer_stores import FixedMap, MemoryPeers, Network, PeerStore, PlainLinks, node_row
from tests.fakes.world import START_MS

SETTINGS = HealingSettings(repair_bytes_per_s=1e9, scrub_bytes_per_s=1e9)


class LoopClock:
    """The loop's own time."""

    def time_ms(self) -> int:
        return START_MS + int(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class SharedViews:
    """``Views``, ``ViewsMaintenance``, ``EventLog``, ``Submitter`` and ``Randomness``: what all nodes fold alike.

    Attributes:
        applied_lag: Records that the views lack.
    """

    references: set[bytes] = field(default_factory=set)
    epoch: int = 1
    layouts_: list[LayoutRow] = field(default_factory=list)
    said: list[EventData] = field(default_factory=list)
    applied_lag: int = 0
    asked: dict[bytes, int] = field(default_factory=dict)
    """Replicas of chunks whose spaces ask for a number of their own."""
    source: str = "/vaults/v/nodes/n"
    referenced_hooks: list[Callable[[Sequence[bytes], int], None]] = field(default_factory=list)
    peers_hooks: list[Callable[[], None]] = field(default_factory=list)
    reached_hook: Callable[[], None] = lambda: None
    _sorted: list[bytes] | None = None

    def replication_asked(self) -> bool:
        return bool(self.asked)

    def replicas_asked(self) -> frozenset[tuple[str, int]]:
        return frozenset((chunk_id.hex(), replicas) for chunk_id, replicas in self.asked.items())

    def replicas_of(self, chunk_id: ChunkId, default: int) -> int:
        return self.asked.get(chunk_id, default)

    def chunk_referenced(self, chunk_id: ChunkId) -> bool:
        return chunk_id in self.references

    def referenced_chunks(self, after: bytes, limit: int) -> list[bytes]:
        if self._sorted is None:
            self._sorted = sorted(self.references)
        at = bisect_right(self._sorted, after)
        return self._sorted[at : at + limit]

    def refer(self, chunks: Iterable[bytes]) -> None:
        """An applied version references them."""
        self.references.update(chunks)
        self._sorted = None

    def forget(self, chunks: Iterable[bytes]) -> None:
        """Nothing references them any more."""
        self.references.difference_update(chunks)
        self._sorted = None

    def partitions(self) -> Sequence[int]:
        return (0,)

    def partition_row(self, partition: int) -> PartitionRow:
        return PartitionRow(epoch=self.epoch)

    def applied(self) -> dict[tuple[Topic, int], int]:
        return {(Topic.FILES, 0): 9 - self.applied_lag}

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        return {0: 10} if topic is Topic.FILES else {}

    def peers(self) -> "SharedViews":
        return self

    def layouts(self) -> Sequence[LayoutRow]:
        return self.layouts_

    def on_referenced(self, hook: Callable[[Sequence[bytes], int], None]) -> None:
        self.referenced_hooks.append(hook)

    def on_peers(self, hook: Callable[[], None]) -> None:
        self.peers_hooks.append(hook)

    async def append(self, event: Event, partition: int) -> Position:
        self.said.append(event.data)
        return Position(event.data.TOPIC, partition, len(self.said) - 1)

    async def submit(self, actor: Actor, data: EventData, partition: int, *, subject: str) -> Outcome:
        self.said.append(data)
        if isinstance(data, LayoutReached):
            row = next(row for row in self.layouts_ if row.version == data.version)
            reached = row._replace(reached=(*row.reached, data.node_id))
            done = set(row.node_ids) <= set(reached.reached)
            self.layouts_ = [
                reached if old.version == row.version else old
                for old in self.layouts_
                if not done or old.version >= row.version
            ]
            self.reached_hook()
        return Outcome(Verdict.ACCEPTED, Position(Topic.PEERS, 0, len(self.said)), "", ())

    def token(self, size_bytes: int) -> bytes:
        return bytes(size_bytes)


@dataclass
class Node:
    """One node."""

    store: PeerStore
    map: FixedMap
    links: PlainLinks
    healing: Healing
    database: MemoryDatabase
    running: asyncio.Task[None] | None = None


class World:
    """A cluster. Use it as a context: leaving it stops the nodes."""

    def __init__(
        self,
        names: str,
        settings: HealingSettings = SETTINGS,
        *,
        replicas: int = 3,
        network: Network | None = None,
        seed: int = 1,
    ) -> None:
        self.rng = random.Random(seed)
        self.views = SharedViews(reached_hook=self._map_anew)
        self.rows = {name: node_row(name) for name in names}
        self.network = network or Network({name: PeerStore() for name in names})
        self.settings = settings
        self.replicas = replicas
        self.nodes: dict[str, Node] = {}
        for name in names:
            self.nodes[name] = self.build(name, MemoryDatabase())

    def build(self, name: str, database: MemoryDatabase) -> Node:
        """A node's services on its store and its queue's database."""
        store, links = self.network.stores[name], PlainLinks()
        own_map = FixedMap(name, placement_of(self.views.layouts_, name), self.rows)
        clock = LoopClock()
        ports = HealingPorts(
            cluster=own_map,
            views=self.views,  # type: ignore[arg-type]
            view_upkeep=self.views,  # type: ignore[arg-type]
            store=store,  # type: ignore[arg-type]
            packs=store,  # type: ignore[arg-type]
            replicas=store,
            peers=MemoryPeers(name, self.network),
            links=links,
            log=self.views,
            clock=clock,
            randomness=self.views,
            queue=StoredRepairQueue(database, clock.monotonic_s),
        )
        healing = assemble_healing(ports, self.views, self.settings)  # type: ignore[arg-type]
        return Node(store, own_map, links, healing, database)

    async def __aenter__(self) -> "World":
        for name in self.nodes:
            self.start(name)
        return self

    async def __aexit__(self, *failed: object) -> None:
        for name in self.nodes:
            await self.stop(name)

    def start(self, name: str) -> None:
        """Run a node's workers."""
        node = self.nodes[name]
        node.running = asyncio.create_task(Workers(LoopClock(), node.healing.workers, throttle=0.0).run())

    async def stop(self, name: str) -> None:
        """End them, wherever they are."""
        running, self.nodes[name].running = self.nodes[name].running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def restart(self, name: str) -> None:
        """kill -9 and a new start on what was kept."""
        await self.stop(name)
        self.nodes[name] = self.build(name, self.nodes[name].database)
        self.start(name)

    # --- what happens ----------------------------------------------------------------------------------------

    def lay_out(self, holders: str, replicas: int | None = None) -> None:
        """A next layout over these nodes; the one before stays until all have reached it."""
        replicas = replicas or self.replicas
        version = self.views.layouts_[-1].version + 1 if self.views.layouts_ else 1
        ids = tuple(holders)
        width = min(replicas, len(ids))
        table = encode_table([[ids.index(n) for n in ranked(slot, ids)[:width]] for slot in range(SLOTS)])
        self.views.layouts_ = [*self.views.layouts_, LayoutRow(version, replicas, min(2, width), ids, table, 0)]
        self._map_anew()

    def _map_anew(self) -> None:
        for node in self.nodes.values():
            node.map.placement = placement_of(self.views.layouts_, node.map.node_id)
        self.tell_peers()

    def tell_peers(self) -> None:
        """``.peers`` has changed."""
        for hook in self.views.peers_hooks:
            hook()

    async def die(self, name: str) -> None:
        """A node is gone, and the log says so."""
        await self.stop(name)
        self.network.part(name)
        self.rows[name] = self.rows[name]._replace(state="dead")
        self.tell_peers()

    def come_back(self, name: str) -> None:
        """It runs again, and the log says so."""
        self.network.join(name)
        self.rows[name] = self.rows[name]._replace(state="up")
        self.tell_peers()
        self.start(name)

    def commit(self, count: int, size_bytes: int = 100, *, on: str = "") -> list[ChunkId]:
        """Chunks of an applied commit, on their holders or on the nodes that are named."""
        chunks: list[ChunkId] = []
        for _ in range(count):
            content = self.rng.randbytes(size_bytes)
            chunk_id = self.network.stores[next(iter(self.nodes))].put(content)
            self.network.stores[next(iter(self.nodes))].lose(chunk_id)
            for name in on or self.holders(chunk_id):
                self.network.stores[name].put(content)
            chunks.append(chunk_id)
        self.views.refer(chunks)
        for hook in self.views.referenced_hooks:
            hook(chunks, self.views.epoch)
        return chunks

    # --- what is the case ------------------------------------------------------------------------------------

    def holders(self, chunk_id: bytes) -> Sequence[str]:
        """Who should hold a chunk."""
        placement = next(iter(self.nodes.values())).map.placement
        return placement.holders(int.from_bytes(chunk_id[:2], "big") >> 2)

    def replicas_of(self, chunk_id: ChunkId) -> str:
        """Who has it, of those that are not dead."""
        return "".join(
            name
            for name, store in sorted(self.network.stores.items())
            if chunk_id in store.contents and self.rows[name].state == "up"
        )

    def whole(self, chunks: Sequence[ChunkId]) -> bool:
        """Whether every chunk is on all its holders that are not dead."""
        up = {name for name, row in self.rows.items() if row.state == "up"}
        return all(set(self.holders(c)) & up <= set(self.replicas_of(c)) for c in chunks)

    async def until(self, true: Callable[[], bool], within_s: float, every_s: float = 1.0) -> float:
        """Seconds until something holds."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while not true():
            if loop.time() - began_s > within_s:
                raise AssertionError(f"not within {within_s} s")
            await asyncio.sleep(every_s)
        return loop.time() - began_s


def ranked(slot: int, nodes: Sequence[str]) -> Sequence[str]:
    """Nodes in an order of the slot's own."""
    key = slot.to_bytes(2, "big")
    return sorted(nodes, key=lambda node: hashlib.blake2b(node.encode(), key=key, digest_size=8).digest())


def settings(**changes: float) -> HealingSettings:
    """The usual ones but for these."""
    return replace(SETTINGS, **changes)  # type: ignore[arg-type]
