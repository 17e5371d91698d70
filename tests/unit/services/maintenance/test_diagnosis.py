"""What ails a node, in sentences."""

import dataclasses

import pytest

from govault.limits import GIB
from govault.ports import StoreStats
from govault.services.log.audit import AuditCounts
from govault.services.maintenance.diagnosis import LAG_RECORDS_MAX, Facts, Severity, WorkerFact, diagnose, lag_of
from govault.services.maintenance.health import Health, HealthSources
from schemas.topics import FOLDED_TOPICS, Topic
from tests.unit.services.maintenance.fakes import FakeLog, FakeViewUpkeep, status_row

STORE = StoreStats(1, 1, 1, 0, 1, 1, 0, 100 * GIB)
WELL = Facts(partitions=[status_row(0, applied=9)], log_ends={(Topic.FILES, 0): 10}, store=STORE)


def test_a_well_node_has_no_findings() -> None:
    assert diagnose(WELL) == []
    assert lag_of(WELL) == 0


@pytest.mark.parametrize(
    ("changed", "code", "severity"),
    [
        ({"log_error": "refused", "log_ends": None}, "log.unreachable", Severity.ERROR),
        ({"log_process": "stopped"}, "log.process-stopped", Severity.ERROR),
        ({"partitions": [status_row(0, stopped="unknown type")]}, "views.stopped", Severity.ERROR),
        ({"partitions": [status_row(0, malformed=3)]}, "views.malformed", Severity.WARNING),
        ({"log_ends": {(Topic.FILES, 0): 11 + LAG_RECORDS_MAX}}, "views.lagging", Severity.WARNING),
        ({"store": None, "store_error": "gone"}, "store.unusable", Severity.ERROR),
        ({"store": STORE._replace(quarantined=2)}, "store.quarantine", Severity.ERROR),
        ({"store": STORE._replace(free_disk_bytes=GIB // 2)}, "disk.low", Severity.WARNING),
        ({"store": STORE._replace(free_disk_bytes=1)}, "disk.low", Severity.ERROR),
        ({"recovery_key_exported": False}, "keys.not-exported", Severity.INFO),
        ({"workers": [WorkerFact("collection", 4, "odd")]}, "worker.failing", Severity.WARNING),
        ({"audit_dropped": 5}, "audit.dropped", Severity.INFO),
        ({"insecure": ("Plain HTTP beyond loopback.",)}, "config.insecure", Severity.WARNING),
    ],
)
def test_each_ailment_is_told_with_what_it_means_and_what_to_do(
    changed: dict[str, object], code: str, severity: Severity
) -> None:
    (finding,) = diagnose(dataclasses.replace(WELL, **changed))  # type: ignore[arg-type]
    assert (finding.code, finding.severity) == (code, severity)
    assert finding.what.endswith((".", "odd", "refused", "type", "gone"))
    assert code == "config.insecure" or (finding.means and finding.todo)


def test_the_worst_comes_first() -> None:
    findings = diagnose(dataclasses.replace(WELL, audit_dropped=1, insecure=("Open.",), log_error="away"))
    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.WARNING, Severity.INFO]


class FakeStore:
    async def stats(self) -> StoreStats:
        return STORE


def health(log: FakeLog, stopping: bool = False) -> Health:
    sources = HealthSources(
        recovery_key_exported=lambda: True, workers=list, audit=AuditCounts, stopping=lambda: stopping
    )
    return Health(log, FakeViewUpkeep([status_row(0, applied=9)]), FakeStore(), sources)  # type: ignore[arg-type]


async def test_a_node_is_ready_when_log_views_and_store_answer() -> None:
    report = await health(FakeLog(ends={Topic.FILES: {0: 10}})).report()
    assert (report.status, report.ready) == ("ok", True)
    assert {check.name for check in report.checks} == {"log", "views", "store", "running"}
    assert Topic.FILES in FOLDED_TOPICS


async def test_a_node_is_not_ready_without_its_log_while_behind_or_while_stopping() -> None:
    away = await health(FakeLog(failing=True)).report()
    assert (away.status, away.ready) == ("failing", False)
    assert [check.name for check in away.checks if not check.ok] == ["log", "views"]
    behind = await health(FakeLog(ends={Topic.FILES: {0: 10 + LAG_RECORDS_MAX + 1}})).report()
    assert [check.name for check in behind.checks if not check.ok] == ["views"]
    stopping = await health(FakeLog(ends={Topic.FILES: {0: 10}}), stopping=True).report()
    assert [check.name for check in stopping.checks if not check.ok] == ["running"]
