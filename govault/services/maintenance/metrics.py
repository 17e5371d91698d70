"""The vault's own metrics, set from what the ports count anyway when ``/metrics`` is asked.

No label names a file, a chunk, a path or a space: their number has no bound.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricsSource

from govault.ports import StoreStats
from govault.services.log.audit import AuditCounts
from govault.services.maintenance.diagnosis import Facts
from govault.services.maintenance.health import Health
from govault.services.maintenance.jobs import Job, Jobs
from govault.services.maintenance.stats import Stats
from govault.services.maintenance.workers import WorkerRecord, Workers

_PLACE = ("topic", "partition")


class UpkeepMetrics:
    """Gauges of log, views, store and upkeep in a registry."""

    def __init__(self, registry: CollectorRegistry, health: Health, stats: Stats) -> None:
        self._health = health
        self._stats = stats
        self._end = Gauge("govault_log_end_offset", "Next offset of a partition.", _PLACE, registry=registry)
        self._applied = Gauge("govault_views_applied_offset", "Last applied offset.", _PLACE, registry=registry)
        self._lag = Gauge("govault_views_lag_records", "Records not applied yet.", _PLACE, registry=registry)
        self._malformed = Gauge("govault_views_malformed_records", "Skipped records.", _PLACE, registry=registry)
        self._stopped = Gauge("govault_views_stopped", "1 where folding stopped for good.", _PLACE, registry=registry)
        self._log_up = Gauge("govault_log_up", "1 where the log answers.", registry=registry)
        self._store = {
            name: Gauge(f"govault_store_{name}", help_text, registry=registry)
            for name, help_text in _STORE_GAUGES.items()
        }
        self._logical = Gauge("govault_logical_bytes", "Sizes of all retained versions.", registry=registry)
        self._files = Gauge("govault_files", "Files, trash included.", registry=registry)
        self._versions = Gauge("govault_versions", "Retained versions.", registry=registry)
        self._spaces = Gauge("govault_spaces", "Spaces.", registry=registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    async def refresh(self) -> None:
        """Set every gauge to what is the case now. Never raises: what cannot be learnt keeps its last value."""
        facts = await self._health.facts()
        self._set_views(facts)
        if facts.store is not None:
            self._set_store(facts.store)
            stats = await self._stats.vault()
            self._logical.set(stats.logical_bytes)
            self._files.set(stats.files)
            self._versions.set(stats.versions)
            self._spaces.set(len(stats.spaces))

    def _set_views(self, facts: Facts) -> None:
        ends = facts.log_ends or {}
        self._log_up.set(0 if facts.log_error else 1)
        for row in facts.partitions:
            place = (row.topic.value, str(row.partition))
            self._applied.labels(*place).set(row.applied)
            self._malformed.labels(*place).set(row.malformed)
            self._stopped.labels(*place).set(1 if row.stopped else 0)
            end = ends.get((row.topic, row.partition))
            if end is not None:
                self._end.labels(*place).set(end)
                self._lag.labels(*place).set(max(0, end - 1 - row.applied))

    def _set_store(self, store: StoreStats) -> None:
        for name, gauge in self._store.items():
            gauge.set(getattr(store, name))


_STORE_GAUGES = {
    "chunks": "Chunks in the store.",
    "plain_bytes": "Plaintext of all chunks.",
    "stored_bytes": "What those take in packs.",
    "dead_bytes": "Bytes of removed chunks that packs still hold.",
    "packs": "Pack files.",
    "pack_file_bytes": "Size of all pack files.",
    "quarantined": "Chunks that failed their check.",
    "free_disk_bytes": "Space left on the data folder's disk.",
}


class UpkeepCounters(MetricsSource):
    """Counters of workers, jobs and the audit trail, read when asked."""

    def __init__(self, workers: Workers, jobs: Jobs, audit: AuditCounts) -> None:
        self._workers = workers
        self._jobs = jobs
        self._audit = audit

    def collect(self) -> list[Metric]:
        """The metric families."""
        return [*_of_workers(self._workers.list()), _of_jobs(self._jobs.list()), *_of_audit(self._audit)]


def _of_workers(records: Sequence[WorkerRecord]) -> list[CounterMetricFamily]:
    steps = CounterMetricFamily("govault_worker_steps", "Steps of a background worker.", labels=["worker"])
    failures = CounterMetricFamily("govault_worker_failures", "Failed steps.", labels=["worker"])
    busy = CounterMetricFamily("govault_worker_busy_seconds", "Time spent in steps.", labels=["worker"])
    for record in records:
        steps.add_metric([record.name], record.steps)
        failures.add_metric([record.name], record.failures)
        busy.add_metric([record.name], record.busy_s)
    return [steps, failures, busy]


def _of_jobs(jobs: Sequence[Job]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("govault_jobs_kept", "Kept jobs by kind and state.", labels=["kind", "state"])
    counts: dict[tuple[str, str], int] = {}
    for job in jobs:
        counts[job.kind, job.state.value] = counts.get((job.kind, job.state.value), 0) + 1
    for (kind, state), count in counts.items():
        family.add_metric([kind, state], count)
    return family


def _of_audit(counts: AuditCounts) -> list[CounterMetricFamily]:
    return [
        CounterMetricFamily("govault_audit_events", "Refusals written to the audit trail.", value=counts.written),
        CounterMetricFamily("govault_audit_dropped", "Refusals beyond its rate.", value=counts.dropped),
    ]
