"""Healing put together: its workers, its hooks, and what people ask of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from govault.limits import MIB
from govault.ports import (
    ChunkStore,
    Clock,
    ClusterMap,
    EventLog,
    LinkQualities,
    PeerStores,
    Randomness,
    RepairCounts,
    RepairQueue,
    ReplicaStore,
    StoreMaintenance,
    Views,
    ViewsMaintenance,
)
from govault.services.healing.budget import ByteBudget
from govault.services.healing.comparing import Comparing
from govault.services.healing.counts import RepairTally
from govault.services.healing.duties import Duties, Grace
from govault.services.healing.knowing import Knowing
from govault.services.healing.notices import Notices
from govault.services.healing.repairer import Repairer
from govault.services.healing.reports import ReplicaReports
from govault.services.healing.resync import Resync
from govault.services.healing.scrub import Scrub
from govault.services.healing.shares import Shares
from govault.services.healing.status import RepairStatus, eta_s, scrub_eta_s, walk_status
from govault.services.healing.surplus import Surplus
from govault.services.healing.transfers import Transfers
from govault.services.log.submit import Submitter
from govault.services.maintenance.workers import Worker


@dataclass(frozen=True, slots=True)
class HealingSettings:
    """How fast and how soon.

    Attributes:
        repair_bytes_per_s: Sealed bytes moved for repair, both ways.
        lanes: Batches of chunks at once.
        sole_grace_s: How long a holder stays dead before others stand in for it, where at most one replica is left.
        grace_s: The same elsewhere: long enough that a reboot moves nothing.
        resync_period_s: Between two walks over the slots where nothing calls for one.
        scrub_period_s: For a whole pass over all chunks.
        scrub_bytes_per_s: The scrub's cap.
    """

    repair_bytes_per_s: float = 32 * MIB
    lanes: int = 4
    sole_grace_s: float = 30.0
    grace_s: float = 600.0
    resync_period_s: float = 4 * 3600.0
    scrub_period_s: float = 30 * 86_400.0
    scrub_bytes_per_s: float = 32 * MIB


@dataclass(frozen=True, slots=True)
class HealingPorts:
    """What healing stands on."""

    cluster: ClusterMap
    views: Views
    view_upkeep: ViewsMaintenance
    store: ChunkStore
    packs: StoreMaintenance
    replicas: ReplicaStore
    peers: PeerStores
    links: LinkQualities
    log: EventLog
    clock: Clock
    randomness: Randomness
    queue: RepairQueue


@dataclass(frozen=True, slots=True)
class Healing:
    """What the node runs and what the administration's routes call.

    Attributes:
        notices: Takes ``damaged`` (``PackChunkStore.on_damage``) and ``missed`` (failed reads).
        surplus: What collection asks before it lets go of replicas.
    """

    cluster: ClusterMap
    queue: RepairQueue
    duties: Duties
    notices: Notices
    surplus: Surplus
    repairer: Repairer
    resync: Resync
    scrub: Scrub
    reports: ReplicaReports
    tally: RepairTally
    budget: ByteBudget
    views: Views

    @property
    def workers(self) -> Sequence[Worker]:
        """The workers of ``Workers``."""
        return (self.notices, self.repairer, self.resync, self.scrub, self.reports)

    @property
    def shares(self) -> Shares:
        """What a check goes by."""
        return Shares(self.cluster, self.duties, self.queue)

    def run(self, *, scrub: bool = False) -> None:
        """Walk over the slots now; with ``scrub`` verify every chunk now."""
        self.resync.ask()
        if scrub:
            self.scrub.run_now()

    def pause(self, paused: bool) -> None:
        """Hold repair and scrub, until resumed or the node restarts. Walks go on: they only look."""
        self.repairer.paused = self.scrub.paused = paused

    def is_drained(self) -> bool:
        """See ``Resync.is_drained``."""
        return self.resync.is_drained()

    def backlog(self) -> int:
        """Chunks that wait for repair, for heartbeats."""
        return self.queue.counts().chunks

    def status(self) -> RepairStatus:
        """All of it, for people. Takes microseconds."""
        counts: RepairCounts = self.queue.counts()
        chunks_per_s, bytes_per_s = self.tally.rates()
        layouts = self.views.peers().layouts()
        current = self.scrub.state.current
        return RepairStatus(
            paused=self.repairer.paused,
            fenced=self.cluster.fenced,
            queue=counts,
            total=self.tally.total,
            chunks_per_s=chunks_per_s,
            bytes_per_s=bytes_per_s,
            bytes_per_s_max=self.budget.bytes_per_s,
            eta_s=eta_s(counts, self.tally),
            walk=walk_status(self.resync, sum(1 for _ in self.duties.walked_slots())),
            layout_version=layouts[-1].version if layouts else 0,
            layout_reached=not layouts or self.cluster.node_id in layouts[-1].reached,
            drained=self.is_drained(),
            scrub=self.scrub.state,
            scrub_share=current.share if current.began_ms else None,
            scrub_eta_s=scrub_eta_s(self.scrub),
            scrub_bytes_per_s=self.scrub.bytes_per_s,
        )


def assemble_healing(ports: HealingPorts, submitter: Submitter, settings: HealingSettings) -> Healing:
    """Put healing together and hook it into the views. Nothing runs before its workers do.

    The store's ``on_damage`` is the caller's to set: ``store.on_damage(healing.notices.damaged)``.
    """
    monotonic_s = ports.clock.monotonic_s
    tally = RepairTally(monotonic_s)
    budget = ByteBudget(settings.repair_bytes_per_s, monotonic_s)
    duties = Duties(ports.cluster, ports.views, monotonic_s, Grace(settings.sole_grace_s, settings.grace_s))
    knowing = Knowing(
        cluster=ports.cluster,
        duties=duties,
        views=ports.views,
        packs=ports.packs,
        peers=ports.peers,
        links=ports.links,
    )
    notices = Notices(duties, ports.packs, ports.queue, tally)
    surplus = Surplus(duties, knowing, ports.queue, tally)
    transfers = Transfers(ports.replicas, ports.peers, ports.links, knowing, budget, tally)
    resync = Resync(
        cluster=ports.cluster,
        duties=duties,
        views=ports.views,
        packs=ports.packs,
        queue=ports.queue,
        notices=notices,
        comparing=Comparing(duties, ports.views, ports.replicas, ports.peers, ports.queue),
        surplus=surplus,
        submitter=submitter,
        log=ports.log,
        monotonic_s=monotonic_s,
        period_s=settings.resync_period_s,
    )
    ports.view_upkeep.on_referenced(notices.referenced)
    ports.view_upkeep.on_peers(resync.look)
    return Healing(
        cluster=ports.cluster,
        queue=ports.queue,
        duties=duties,
        notices=notices,
        surplus=surplus,
        repairer=Repairer(
            ports.cluster, ports.queue, knowing, transfers, settings.lanes, monotonic_s, tell_empty=resync.look
        ),
        resync=resync,
        scrub=Scrub(
            store=ports.store,
            packs=ports.packs,
            views=ports.views,
            queue=ports.queue,
            clock=ports.clock,
            period_s=settings.scrub_period_s,
            bytes_per_s_max=settings.scrub_bytes_per_s,
        ),
        reports=ReplicaReports(
            ports.cluster.node_id, ports.log, tally, ports.clock, ports.randomness, submitter.source
        ),
        tally=tally,
        budget=budget,
        views=ports.views,
    )
