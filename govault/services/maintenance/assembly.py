"""All of upkeep in one value: what the administration's routes call, and what the node runs in the background."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from govault.domain.actor import Actor
from govault.ports import (
    ChunkStore,
    Clock,
    ClusterMap,
    EventLog,
    KeyCustody,
    LogReader,
    Randomness,
    StoreMaintenance,
    Views,
    ViewsMaintenance,
)
from govault.services.cluster.join_tokens import JoinTokens
from govault.services.cluster.layout_worker import LayoutWorker
from govault.services.cluster.layouts import Layouts, LayoutWishes, slot_bytes_by
from govault.services.cluster.members import Members, ThisNode
from govault.services.cluster.membership import Membership
from govault.services.cluster.network import BenchmarkReport, Network, no_network
from govault.services.cluster.rules_raising import RulesRaiser
from govault.services.cluster.sealing_roots import SealingRoots
from govault.services.contents.in_flight import InFlight
from govault.services.healing.assembly import Healing
from govault.services.healing.metrics import RepairMetrics
from govault.services.log.audit import AuditTrail
from govault.services.log.browser import LogBrowser
from govault.services.log.checkpoints import Checkpoints, NodeKey
from govault.services.log.submit import Submitter
from govault.services.maintenance.backup import Backup, BackupReport, BackupSources
from govault.services.maintenance.checking import Checker
from govault.services.maintenance.collection import CollectionReport, Collector
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from govault.services.maintenance.collection_worker import CollectionWorker
from govault.services.maintenance.health import Health, HealthSources
from govault.services.maintenance.jobs import Job, Jobs
from govault.services.maintenance.metrics import UpkeepCounters, UpkeepMetrics
from govault.services.maintenance.purges import Purges
from govault.services.maintenance.retention import RetentionWorker
from govault.services.maintenance.space_worker import SpacesWorker
from govault.services.maintenance.stats import Stats
from govault.services.maintenance.workers import Worker, Workers
from govault.services.namespace.spaces import Spaces
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class UpkeepSettings:
    """Periods of the background, seconds.

    Attributes:
        throttle: Seconds of rest per second of a worker's work.
        layout_automatic: Whether the layout follows members by itself.
        layout_wishes: What the first layout wants.
    """

    collection_period_s: float = 3600.0
    retention_period_s: float = 900.0
    checkpoint_period_s: float = 3600.0
    throttle: float = 1.0
    layout_automatic: bool = True
    layout_wishes: LayoutWishes = field(default_factory=LayoutWishes)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What was folded again: every partition from its first record on."""

    partitions: int
    records: int


@dataclass(frozen=True, slots=True)
class UpkeepPorts:
    """What upkeep stands on."""

    log: EventLog
    reader: LogReader
    views: Views
    view_upkeep: ViewsMaintenance
    store: ChunkStore
    packs: StoreMaintenance
    keys: KeyCustody
    node_key: NodeKey
    clock: Clock
    randomness: Randomness
    mac_key: bytes
    cluster: ClusterMap
    join_token_key: bytes


@dataclass(frozen=True, slots=True)
class NodeSources:
    """What only the node itself knows.

    Attributes:
        files: The files of the data folder that a backup takes along.
        config: The effective configuration, secrets masked, JSON-able.
        log_process: ``running``, ``stopped``; empty where the log is external.
        log_sizes: Bytes each partition of an embedded log takes; blocks.
        stopping: Whether the node is shutting down.
        insecure: Sentences on what the configuration leaves open.
        network: The links to peers; None where the node runs alone.
        frozen: Whether the log is out of reach for all: then no layout changes.
        is_drained: Whether a node may be removed without loss; None: as layouts say.
    """

    files: BackupSources
    config: Callable[[], Mapping[str, object]] = dict
    log_process: Callable[[], str] = lambda: ""
    log_sizes: Callable[[], Mapping[tuple[Topic, int], int]] = dict
    stopping: Callable[[], bool] = lambda: False
    insecure: Callable[[], tuple[str, ...]] = tuple
    frozen: Callable[[], bool] = lambda: False
    network: Network | None = None
    is_drained: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the administration's routes call."""

    ports: UpkeepPorts
    node: ThisNode
    sources: NodeSources
    jobs: Jobs
    workers: Workers
    collector: Collector
    checker: Checker
    health: Health
    stats: Stats
    members: Members
    membership: Membership
    layouts: Layouts
    roots: SealingRoots
    logs: LogBrowser
    checkpoints: Checkpoints
    audit: AuditTrail
    metrics: UpkeepMetrics
    backup: Backup
    healing: Healing | None
    join_tokens: JoinTokens

    async def run(self) -> None:
        """Run jobs and workers; returns only by cancellation. Belongs into a TaskGroup of the node."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.jobs.run(), name="jobs")
            group.create_task(self.workers.run(), name="workers")

    def start_collection(self, actor: Actor, *, dry_run: bool) -> Job:
        """Begin ``gc`` as a job."""

        async def work(job: Job) -> CollectionReport:
            def said(text: str, report: CollectionReport) -> None:
                job.advance(report.removed_chunks, None, "chunks", text)

            return await (self.collector.estimate(said) if dry_run else self.collector.collect(said))

        return self.jobs.start("gc", actor, work)

    def start_check(self, actor: Actor, *, read_data: bool, read_files: bool) -> Job:
        """Begin ``check`` as a job."""

        async def work(job: Job) -> object:
            def said(done: int, unit: str, text: str) -> None:
                job.advance(done, None, unit, text)

            return await self.checker.check(said, read_data=read_data, read_files=read_files)

        return self.jobs.start("check", actor, work)

    def start_rebuild(self, actor: Actor) -> Job:
        """Begin ``views rebuild`` as a job."""

        async def work(job: Job) -> object:
            def progress(done: int, total: int) -> None:
                job.advance(done, total, "records", "folding the log again")

            await self.ports.view_upkeep.rebuild(progress)
            rows = self.ports.view_upkeep.status()
            return RebuildReport(len(rows), sum(row.applied + 1 for row in rows))

        return self.jobs.start("rebuild", actor, work)

    def start_benchmark(self, actor: Actor, node: str | None) -> Job:
        """Begin a measurement of links as a job.

        Args:
            node: Name or id; None for all peers that are up.

        Raises:
            NotFound: No member is named so.
            Conflict: This node runs alone.
        """
        network = self.sources.network
        if network is None:
            raise no_network()
        chosen = None if node is None else self.membership.find(node).node_id

        async def work(job: Job) -> BenchmarkReport:
            return await network.benchmark(chosen, lambda done, text: job.advance(done, None, "peers", text))

        return self.jobs.start("benchmark", actor, work)

    def start_backup(self, actor: Actor, *, path: str, keys: bool) -> Job:
        """Begin ``backup`` as a job.

        Raises:
            InvalidRequest: The path is not absolute, or inside the data folder.
        """
        self.backup.check_path(path)

        async def work(job: Job) -> BackupReport:
            def said(done: int, total: int, unit: str, text: str) -> None:
                job.advance(done, total, unit, text)

            return await self.backup.back_up(Path(path), keys=keys, said=said)

        return self.jobs.start("backup", actor, work)


def assemble_upkeep(
    ports: UpkeepPorts,
    submitter: Submitter,
    node: ThisNode,
    sources: NodeSources,
    settings: UpkeepSettings,
    registry: CollectorRegistry,
    in_flight: InFlight | None = None,
    healing: Healing | None = None,
    more_workers: Sequence[Worker] = (),
) -> Upkeep:
    """Put upkeep together and hook it into the views. Nothing runs before ``Upkeep.run``.

    Args:
        registry: Where the vault's metrics go: the one that ``/metrics`` shows.
        in_flight: The node's uploads in flight (``Services.uploads.in_flight``).
        more_workers: Of the node's own.
        healing: What keeps replicas whole; None where nothing does (tests).
    """
    dereferences = Dereferences(ports.store)
    ports.view_upkeep.on_dereferenced(dereferences.note)
    ports.view_upkeep.on_epoch(ports.store.note_epoch)
    pace = EpochPace(ports.clock.monotonic_s, settings.collection_period_s)
    if healing is not None:
        pace.alone = lambda: not healing.duties.layout_version
    ports.view_upkeep.on_epoch(pace.note)
    collector = Collector(
        log=ports.log,
        views=ports.views,
        packs=ports.packs,
        submitter=submitter,
        barriers=EpochBarriers(submitter, ports.views, ports.store),
        dereferences=dereferences,
        in_flight=in_flight or InFlight(),
        pace=pace,
        fenced=(lambda: healing.cluster.fenced) if healing else lambda: False,
        surplus=healing.surplus if healing else None,
    )
    audit = AuditTrail(ports.log, ports.clock, ports.randomness, submitter.source)
    checkpoints = Checkpoints(
        ports.log,
        ports.view_upkeep,
        ports.node_key,
        ports.clock,
        ports.randomness,
        submitter.source,
        settings.checkpoint_period_s,
    )
    purges = Purges(ports.views, submitter)
    members = Members(ports.views, node, sources.network)
    if sources.network is not None:
        registry.register(sources.network)
    roots = SealingRoots(ports.views, submitter, ports.keys)

    async def slot_bytes() -> int:
        return slot_bytes_by((await ports.store.stats()).stored_bytes, members.slots_here())

    layouts = Layouts(ports.views, submitter, settings.layout_wishes, slot_bytes)
    layout_worker = LayoutWorker(
        layouts, ports.views, ports.clock, node.node_id, automatic=settings.layout_automatic, frozen=sources.frozen
    )
    ports.view_upkeep.on_peers(layout_worker.note)
    ports.view_upkeep.on_peers(roots.note)
    rules = RulesRaiser(ports.views, submitter)
    ports.view_upkeep.on_peers(rules.note)
    background: list[Worker] = [
        CollectionWorker(collector, settings.collection_period_s, frozen=sources.frozen),
        RetentionWorker(ports.views, ports.view_upkeep, purges, settings.retention_period_s),
        SpacesWorker(Spaces(ports.views, submitter, purges, ports.clock, ports.randomness)),
        audit,
        checkpoints,
        layout_worker,
        roots,
        rules,
    ]
    background.extend(more_workers)
    if healing is not None:
        background.extend(healing.workers)
    workers = Workers(ports.clock, background, settings.throttle)
    if healing is not None:
        # Its budget of bytes a second is its pace already.
        workers.set_throttle(healing.repairer.name, 0.0)
    health = Health(
        ports.log,
        ports.view_upkeep,
        ports.store,
        HealthSources(
            recovery_key_exported=lambda: ports.keys.exported,
            workers=workers.list,
            audit=lambda: audit.counts,
            log_process=sources.log_process,
            stopping=sources.stopping,
            insecure=sources.insecure,
            repair=healing.status if healing else lambda: None,
        ),
    )
    # A vault that came back alone has layouts of nodes that it will never reach: there all should be here.
    shares = healing.shares if healing is not None and sources.network is not None else None
    stats = Stats(ports.views, ports.store)
    jobs = Jobs(ports.clock, ports.randomness)
    registry.register(UpkeepCounters(workers, jobs, audit.counts))
    if healing is not None:
        registry.register(RepairMetrics(healing))
    return Upkeep(
        ports=ports,
        node=node,
        sources=sources,
        jobs=jobs,
        workers=workers,
        collector=collector,
        checker=Checker(ports.views, ports.view_upkeep, ports.store, ports.packs, shares),
        health=health,
        stats=stats,
        members=members,
        membership=Membership(ports.views, submitter, roots, node.node_id, node.log_kind, sources.is_drained),
        layouts=layouts,
        roots=roots,
        logs=LogBrowser(ports.reader, ports.view_upkeep, ports.mac_key, sources.log_sizes, sources.stopping),
        checkpoints=checkpoints,
        audit=audit,
        metrics=UpkeepMetrics(registry, health, stats),
        healing=healing,
        join_tokens=JoinTokens(
            ports.views,
            submitter,
            ports.cluster,
            ports.clock,
            ports.randomness,
            ports.join_token_key,
            node.vault_id,
        ),
        backup=Backup(ports.reader, ports.view_upkeep, ports.packs, collector, ports.clock, sources.files),
    )
