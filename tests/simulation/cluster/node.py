"""A whole node in the simulation: the real services over simulated log, network, disk and clock."""

import asyncio
import functools
import hashlib
import random
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from govault.domain.actor import Actor, system
from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_quotas import PlacedNode
from govault.errors import GoVaultError
from govault.services.catalog import Services, assemble
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.detection import Detection
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.heartbeats import Heartbeats
from govault.services.cluster.layout_worker import LayoutWorker
from govault.services.cluster.layouts import Layouts, LayoutWishes
from govault.services.cluster.links import LinkTable
from govault.services.cluster.vitals import NodeVitals
from govault.services.cluster.witness import Witness
from govault.services.healing.assembly import Healing, HealingPorts, HealingSettings, assemble_healing
from govault.services.maintenance.collection import Collector
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from govault.services.maintenance.collection_worker import CollectionWorker
from govault.services.maintenance.workers import Workers
from govault.services.replicas.serving import ReplicaService
from govault.services.replicas.store import ReplicatedStore
from govault.storage.repair_queue import StoredRepairQueue
from schemas.events.peers import NodeAdmitted, NodeStarted
from schemas.topics import FOLDED_TOPICS, Topic
from streams.views.generation import Generation
from streams.views.views import RocksViews
from tests.fakes.database import MemoryDatabase
from tests.fakes.world import START_MS, SeededRandomness
from tests.simulation.cluster.life import Life
from tests.simulation.cluster.log import SimLogClient
from tests.simulation.cluster.network import Endpoint, SimPeers
from tests.simulation.cluster.store import SimDisk, SimStore

if TYPE_CHECKING:
    from tests.simulation.cluster.vault import SimVault

ADMIN = Actor("admin", ("admin",))
COLLECTION_PERIOD_S = 60.0
SETTINGS = HealingSettings(
    repair_bytes_per_s=1e8,
    sole_grace_s=5.0,
    grace_s=40.0,
    resync_period_s=120.0,
    scrub_period_s=600.0,
    scrub_bytes_per_s=1e8,
)


@dataclass
class SimClock:
    """The loop's time, wrong by a node's own skew; seconds that only grow are right."""

    skew_s: float = 0.0

    def time_ms(self) -> int:
        return START_MS + int((asyncio.get_running_loop().time() + self.skew_s) * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()


@functools.lru_cache(maxsize=256)
def _computed(nodes: tuple[PlacedNode, ...], replicas: int, previous: str, given: "Given") -> Computed:
    return compute(nodes, replicas, given.previous)


@dataclass(frozen=True)
class Given:
    """A layout before, equal to all others: the text beside it is the cache's key."""

    previous: Previous | None = field(compare=False, hash=False)


async def compute_here(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None) -> Computed:
    """A layout, computed once for all seeds."""
    return _computed(tuple(nodes), replicas, repr(previous), Given(previous))


class SimNode:
    """What outlives a node's lives: its identity, its disk, its folder of views, its repair queue."""

    def __init__(self, vault: "SimVault", number: int) -> None:
        self.vault = vault
        self.number = number
        key = hashlib.sha256(b"node %d" % number).digest()
        self.public_key = key.hex()
        self.node_id = hashlib.sha256(key).hexdigest()
        self.disk = SimDisk()
        self.queue_database = MemoryDatabase()
        self.clock = SimClock()
        self.folder = vault.folder / f"node{number}"
        self.running: Running | None = None
        self.lives = 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.running is not None

    async def start(self) -> "Running":
        """A new life, caught up with what of the log it reaches."""
        assert self.running is None
        self.lives += 1
        life = Life(f"node{self.number}.{self.lives}", random.Random(f"{self.vault.seed} {self.number} {self.lives}"))
        self.running = Running(self, life)
        await self.running.begin()
        return self.running

    async def kill(self) -> None:
        """kill -9 with power loss: what was not synced is gone, views are as far as some batch."""
        running, self.running = self.running, None
        if running is not None:
            self.vault.network.endpoints.pop(self.node_id, None)
            await running.life.crash()
            running.views.close()
            self.vault.check_life(running.life)

    def lose_disk(self) -> None:
        """The disk is replaced by an empty one. The node must not run."""
        assert self.running is None
        self.disk = SimDisk()
        self.queue_database = MemoryDatabase()
        shutil.rmtree(self.folder, ignore_errors=True)


class Running:
    """One life of a node with its services."""

    def __init__(self, node: SimNode, life: Life) -> None:
        vault = node.vault
        self.node = node
        self.life = life
        self.log = SimLogClient(node.node_id, life, vault.log)
        self.views = RocksViews(Generation(node.folder / "views", vault.identity), vault.identity)
        self.catch_up()
        self.local = SimStore(life, node.disk, vault.keyring)
        self.local.node_id, self.local.on_removed = node.node_id, vault.checkers.removed
        clock, randomness = node.clock, SeededRandomness(vault.seed * 1000 + node.number * 100 + node.lives)
        self.cluster = FoldedClusterMap(self.views, self.views, node.node_id)
        self.links = LinkTable(clock, randomness)
        self.peers = SimPeers(node.node_id, life, vault.network)
        self.store = ReplicatedStore(
            self.local, self.peers, self.cluster, self.links, self.views.chunk_referenced,
            any_asks=self.views.replication_asked,
        )  # fmt: skip
        self.services: Services = assemble(
            log=self.log, views=self.views, store=self.store, clock=clock, randomness=randomness,
            source=f"/vaults/v/nodes/{node.node_id}",
        )  # fmt: skip
        self.healing: Healing = assemble_healing(
            HealingPorts(
                cluster=self.cluster, views=self.views, view_upkeep=self.views, store=self.local, packs=self.local,
                replicas=self.local, peers=self.peers, links=self.links, log=self.log, clock=clock,
                randomness=randomness, queue=StoredRepairQueue(node.queue_database, clock.monotonic_s),
            ),
            self.services.submitter,
            SETTINGS,
        )  # fmt: skip
        self.local.on_damage(self.healing.notices.damaged)
        self.collector = self._collector()
        submitter = self.services.submitter
        vitals = NodeVitals(self.cluster, self.local, self.views, lambda: 1 << 40, self.healing.backlog)
        self.heartbeats = Heartbeats(self.log, clock, randomness, submitter.source, node.node_id, vitals, self.links)
        self.reader = HeartbeatReader(self.log, clock, vault.mac_key, lambda: len(self.cluster.members()))
        witness = Witness(self.cluster, self.log, self.reader, clock, randomness, submitter.source)
        self.detection = Detection(self.cluster, self.peers, self.heartbeats, self.reader, witness, clock, randomness)
        layouts = Layouts(self.views, submitter, vault.wishes, self._slot_bytes, compute_here)
        layout_worker = LayoutWorker(layouts, self.views, clock, node.node_id, frozen=lambda: self.cluster.frozen)
        self.views.on_peers(layout_worker.note)
        self.workers = Workers(
            clock,
            [
                CollectionWorker(self.collector, COLLECTION_PERIOD_S, frozen=lambda: self.cluster.frozen),
                layout_worker,
                self.heartbeats,
                *self.healing.workers,
            ],
        )

    def _collector(self) -> Collector:
        dereferences = self.dereferences = Dereferences(self.store)
        self.views.on_dereferenced(dereferences.note)
        self.views.on_epoch(self.store.note_epoch)
        pace = EpochPace(self.node.clock.monotonic_s, COLLECTION_PERIOD_S)
        self.views.on_epoch(pace.note)
        for partition in self.views.partitions():
            self.store.note_epoch(self.views.partition_row(partition).epoch)
        return Collector(
            log=self.log, views=self.views, packs=self.local, submitter=self.services.submitter,
            barriers=EpochBarriers(self.services.submitter, self.views, self.store), dereferences=dereferences,
            in_flight=self.services.uploads.in_flight, pace=pace, fenced=lambda: self.cluster.fenced,
            surplus=self.healing.surplus,
        )  # fmt: skip

    async def _slot_bytes(self) -> int:
        return 1

    # --- life ------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Fold what there is, as a start does in bulk; nothing where the log is out of reach."""
        if self.node.vault.log.reaches(self.node.node_id):
            for (topic, partition), records in self.node.vault.log.records.items():
                if topic in FOLDED_TOPICS:
                    for record in records[self.views.next_offset(topic, partition) :]:
                        self.views.fold(record)

    async def begin(self) -> None:
        """Open the doors, follow the log, and tell it so as soon as it takes it."""
        node, vault = self.node, self.node.vault

        def epoch() -> int:
            return max(self.views.partition_row(partition).epoch for partition in self.views.partitions())

        requests = ReplicaService(self.local, self.cluster, epoch)
        vault.network.endpoints[node.node_id] = Endpoint(self.life, requests, self.detection)
        for topic in FOLDED_TOPICS:
            for partition in self.log.partitions(topic):
                self.life.spawn(self._follow(topic, partition), f"fold {topic.value}/{partition}")
        self.life.spawn(self._introduce(), "introduce")
        self.life.spawn(self.workers.run(), "workers")
        self.life.spawn(self.reader.run(), "heartbeats")
        self.life.spawn(self.detection.run(), "detection")

    async def _follow(self, topic: Topic, partition: int) -> None:
        records = self.node.vault.log.records[topic, partition]
        while True:
            await self.life.pause(0.01)
            offset = self.views.next_offset(topic, partition)
            if offset < len(records) and self.node.vault.log.reaches(self.node.node_id):
                self.views.fold(records[offset])
            elif offset < len(records):
                await asyncio.sleep(1.0)
            else:
                await self.node.vault.log.wait_appended((topic, partition), 30.0)

    async def _introduce(self) -> None:
        node, submit = self.node, self.services.submitter.submit
        while True:
            try:
                if self.views.peers().node(node.node_id) is None:
                    admitted = NodeAdmitted(
                        node_id=node.node_id, public_key=node.public_key, name=f"node{node.number}",
                        zone=node.vault.zone_of(node.number), token_hash=node.vault.token_hash(node.number),
                    )  # fmt: skip
                    await submit(system("join"), admitted, 0, subject=node.node_id)
                started = NodeStarted(node_id=node.node_id, version="1", peer_addresses=(node.node_id,))
                await submit(system("start"), started, 0, subject=node.node_id)
                await self.services.namespace.spaces.ensure_default_space()
                return
            except GoVaultError:
                await asyncio.sleep(1.0)


async def body_of(content: bytes) -> AsyncIterator[bytes]:
    """A content as a client sends it."""
    for start in range(0, len(content), 8192):
        yield content[start : start + 8192]


def scratch() -> Path:
    """Where simulated nodes keep their views: in memory where there is such a place."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else Path("/tmp")


__all__ = ["ADMIN", "LayoutWishes", "SimNode", "body_of", "compute_here", "scratch"]
