"""Is the node alive, ready, and well: gathers the facts, each under a deadline, and lets ``diagnosis`` judge them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from govault.errors import GoVaultError
from govault.ports import ChunkStore, EventLog, ViewsMaintenance
from govault.services.healing.status import RepairStatus
from govault.services.log.audit import AuditCounts
from govault.services.maintenance.diagnosis import (
    LAG_RECORDS_MAX,
    Facts,
    Finding,
    RepairFact,
    Severity,
    WorkerFact,
    diagnose,
    lag_of,
)
from govault.services.maintenance.workers import WorkerRecord
from schemas.topics import FOLDED_TOPICS

_PROBE_S = 2.0
_FRESH_S = 0.2
_FAILURES_TOLD_FROM = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One of the checks of ``/health`` and ``/readyz``."""

    name: str
    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """``status``: ``ok``, ``degraded`` (warnings) or ``failing`` (errors)."""

    status: str
    ready: bool
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class HealthSources:
    """What health asks beside the ports, each answered at once from memory.

    Attributes:
        log_process: ``running``, ``stopped``; empty where the log is external.
        repair: How repair stands; None where there is none.
        stopping: Whether the node is shutting down.
    """

    recovery_key_exported: Callable[[], bool]
    workers: Callable[[], list[WorkerRecord]]
    audit: Callable[[], AuditCounts]
    log_process: Callable[[], str] = lambda: ""
    stopping: Callable[[], bool] = lambda: False
    insecure: Callable[[], tuple[str, ...]] = tuple
    repair: Callable[[], RepairStatus | None] = lambda: None


class Health:
    """Looks at the node."""

    def __init__(self, log: EventLog, views: ViewsMaintenance, store: ChunkStore, sources: HealthSources) -> None:
        self._log = log
        self._views = views
        self._store = store
        self._sources = sources
        self._probing = asyncio.Lock()
        self._probed: Facts | None = None
        self._probed_at_s = 0.0

    async def facts(self) -> Facts:
        """What is known now, or was a moment ago. Never raises: what cannot be learnt is a fact too.

        Anybody may ask for health, so those who ask at the same time share one look.
        """
        async with self._probing:
            now_s = asyncio.get_running_loop().time()
            if self._probed is None or now_s - self._probed_at_s > _FRESH_S:
                self._probed = await self._probe()
                self._probed_at_s = now_s
            return self._probed

    async def _probe(self) -> Facts:
        log_ends, log_error, store, store_error = None, "", None, ""
        try:
            async with asyncio.timeout(_PROBE_S):
                ends = [(topic, await self._log.end_offsets(topic)) for topic in FOLDED_TOPICS]
                log_ends = {(topic, partition): end for topic, found in ends for partition, end in found.items()}
        except TimeoutError:
            log_error = f"no answer in {_PROBE_S:.0f} s"
        except GoVaultError as error:
            log_error = str(error)
        try:
            async with asyncio.timeout(_PROBE_S):
                store = await self._store.stats()
        except TimeoutError:
            store_error = f"no answer in {_PROBE_S:.0f} s"
        except GoVaultError as error:
            store_error = str(error)
        return Facts(
            partitions=self._views.status(),
            log_ends=log_ends,
            log_error=log_error,
            log_process=self._sources.log_process(),
            store=store,
            store_error=store_error,
            recovery_key_exported=self._sources.recovery_key_exported(),
            workers=[
                WorkerFact(record.name, record.failures_in_a_row, record.last_error)
                for record in self._sources.workers()
                if record.failures_in_a_row >= _FAILURES_TOLD_FROM
            ],
            audit_dropped=self._sources.audit().dropped,
            insecure=self._sources.insecure(),
            repair=_repair_fact(self._sources.repair()),
        )

    async def report(self) -> HealthReport:
        """The node's health for people."""
        facts = await self.facts()
        checks = tuple(readiness(facts, self._sources.stopping()))
        findings = tuple(diagnose(facts))
        worst = {finding.severity for finding in findings}
        ready = all(check.ok for check in checks)
        failing = Severity.ERROR in worst or not ready
        status = "failing" if failing else "degraded" if Severity.WARNING in worst else "ok"
        return HealthReport(status, ready, checks, findings)


def _repair_fact(status: RepairStatus | None) -> RepairFact | None:
    if status is None:
        return None
    return RepairFact(
        under_replicated=status.walk.under_replicated,
        waiting=status.queue.chunks - status.queue.lost,
        lost=status.queue.lost,
        paused=status.paused,
        fenced=status.fenced,
        bytes_per_s=status.bytes_per_s,
        eta_s=status.eta_s,
    )


def readiness(facts: Facts, stopping: bool) -> list[Check]:
    """Whether requests should come here."""
    lag = lag_of(facts)
    caught_up = lag is not None and lag <= LAG_RECORDS_MAX
    behind = "it is not known how far the views are" if lag is None else f"the views are {lag} records behind the log"
    stopped = facts.store.stopped if facts.store is not None else facts.store_error or "no answer"
    return [
        Check(
            "log",
            not facts.log_error,
            f"the log cannot be reached: {facts.log_error}" if facts.log_error else "the log answers",
        ),
        Check("views", caught_up, behind if lag else "the views have caught up with the log"),
        Check("store", not stopped, f"the chunk store: {stopped}" if stopped else "the chunk store answers"),
        Check("running", not stopping, "the node is shutting down" if stopping else "the node takes requests"),
    ]
