"""What is wrong with a node, in sentences: what it is, what it means, and what to do. Pure: facts in, findings out.

The same findings stand in ``/health``, in ``govault doctor`` and in the report of a check; ``doctor`` also works on a
stopped node, with the facts that a data folder alone gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from govault.limits import GIB
from govault.ports import PartitionStatus, StoreStats
from schemas.topics import Topic

LAG_RECORDS_MAX = 1000
FREE_DISK_BYTES_MIN = 1 * GIB
FREE_DISK_BYTES_CRITICAL = 128 * 1024 * 1024


class Severity(StrEnum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth telling.

    Attributes:
        code: Stable, for programs.
        what: What is the case, in a sentence.
        means: What follows from it.
        todo: What to do about it.
    """

    severity: Severity
    code: str
    what: str
    means: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class WorkerFact:
    """A worker that fails."""

    name: str
    failures_in_a_row: int
    last_error: str


@dataclass(frozen=True, slots=True)
class RepairFact:
    """How repair stands.

    Attributes:
        under_replicated: Chunks of this node's slots with fewer replicas than wanted.
        waiting: Chunks that wait for repair.
        lost: Chunks that should be here and that no node has.
        eta_s: Until nothing waits, at the present rate; None where that is not known.
    """

    under_replicated: int = 0
    waiting: int = 0
    lost: int = 0
    paused: bool = False
    fenced: bool = False
    bytes_per_s: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a node. None means: could not be learnt; the error beside it says why.

    Attributes:
        log_ends: Next offset of each folded partition.
        log_process: State of the embedded log's process: ``running``, ``stopped``, or empty for an external log.
        recovery_key_exported: Whether somebody took the recovery key.
        workers: Workers that fail.
        insecure: Sentences on what the configuration leaves open.
    """

    partitions: Sequence[PartitionStatus] = ()
    log_ends: dict[tuple[Topic, int], int] | None = None
    log_error: str = ""
    log_process: str = ""
    store: StoreStats | None = None
    store_error: str = ""
    recovery_key_exported: bool = True
    workers: Sequence[WorkerFact] = ()
    audit_dropped: int = 0
    insecure: Sequence[str] = field(default=())
    repair: RepairFact | None = None


def diagnose(facts: Facts) -> list[Finding]:
    """All findings, the worst first."""
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    findings = [*_log(facts), *_views(facts), *_store(facts), *_replicas(facts.repair), *_upkeep(facts)]
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def lag_of(facts: Facts) -> int | None:
    """Records that the views have not applied; None where the log's end is not known."""
    if facts.log_ends is None:
        return None
    applied = {(row.topic, row.partition): row.applied for row in facts.partitions}
    return sum(max(0, end - 1 - applied.get(place, -1)) for place, end in facts.log_ends.items())


def _log(facts: Facts) -> Iterator[Finding]:
    if facts.log_process == "stopped":
        yield Finding(
            Severity.ERROR,
            "log.process-stopped",
            "The embedded log's process is not running.",
            "Nothing can be written; reads go on.",
            "Restart the node. If it stops again, look at the node's log output for the log's own words: a full or "
            "failing disk is the usual cause.",
        )
    if facts.log_error:
        yield Finding(
            Severity.ERROR,
            "log.unreachable",
            f"The log cannot be reached: {facts.log_error}",
            "Nothing can be written; reads go on with what the views have.",
            "See that the log runs and that its address and credentials in the configuration are right.",
        )


def _views(facts: Facts) -> Iterator[Finding]:
    for row in facts.partitions:
        if row.stopped:
            yield Finding(
                Severity.ERROR,
                "views.stopped",
                f"Folding of {row.topic.value}/{row.partition} stopped behind offset {row.applied}: {row.stopped}",
                "Spaces of this partition can be read as of that position, and take no writes.",
                "Run a version of GoVault that knows this: the log was written by a newer one.",
            )
    malformed = [row for row in facts.partitions if row.malformed]
    if malformed:
        where = ", ".join(f"{row.topic.value}/{row.partition} ({row.malformed})" for row in malformed[:10])
        yield Finding(
            Severity.WARNING,
            "views.malformed",
            f"{sum(row.malformed for row in malformed)} records are not authentic events and were skipped: {where}.",
            "They changed nothing. Somebody else writes to the vault's topics, or the log was damaged.",
            "`govault log dump` shows them. See who has credentials that may write to the log.",
        )
    lag = lag_of(facts)
    if lag is not None and lag > LAG_RECORDS_MAX:
        yield Finding(
            Severity.WARNING,
            "views.lagging",
            f"The views are {lag} records behind the log.",
            "Answers are as of an earlier position, and writes wait for it.",
            "Wait; if the number does not fall, look for a stopped partition or an overloaded disk.",
        )


def _store(facts: Facts) -> Iterator[Finding]:
    if facts.store_error:
        yield Finding(
            Severity.ERROR,
            "store.unusable",
            f"The chunk store cannot be used: {facts.store_error}",
            "Files can be neither read nor written.",
            "See that the data folder's disk is mounted, writable and healthy.",
        )
    if facts.store is None:
        return
    if facts.store.quarantined:
        yield Finding(
            Severity.ERROR,
            "store.quarantine",
            f"{facts.store.quarantined} chunks failed their check and are in quarantine.",
            "The files that hold them cannot be read whole. The disk or its memory is failing.",
            "Where other nodes have them they are repaired by themselves. `govault check` names the files that remain: "
            "take those from a backup. Replace the disk.",
        )
    free = facts.store.free_disk_bytes
    if free < FREE_DISK_BYTES_MIN:
        yield Finding(
            Severity.ERROR if free < FREE_DISK_BYTES_CRITICAL else Severity.WARNING,
            "disk.low",
            f"The data folder's disk has {free // (1024 * 1024)} MiB left.",
            "Uploads are refused with 507 when it is full; nothing that was acknowledged is lost.",
            "Free space: remove files and versions, empty the trash, then `govault gc`; or enlarge the disk.",
        )


def _replicas(repair: RepairFact | None) -> Iterator[Finding]:
    if repair is None:
        return
    if repair.fenced:
        yield Finding(
            Severity.ERROR,
            "node.fenced",
            "This node reaches neither the log nor any other node, and has fenced itself.",
            "It serves reads of what it has; it takes no writes, and neither repairs nor collects.",
            "See to its network. It goes on by itself as soon as it reaches either.",
        )
    if repair.lost:
        yield Finding(
            Severity.ERROR,
            "replicas.lost",
            f"{repair.lost} chunks that files need are on no node.",
            "The files that hold them cannot be read whole.",
            "Bring back the nodes and disks that are away: what they have is found by itself. `govault check` names "
            "the files; take those from a backup.",
        )
    if repair.under_replicated:
        eta = "" if repair.eta_s is None else f", at the present rate in {repair.eta_s:.0f} s"
        yield Finding(
            Severity.WARNING,
            "replicas.few",
            f"{repair.under_replicated} chunks have fewer replicas than wanted.",
            "They can be read. Should more nodes or disks be lost now, some might not.",
            f"{repair.waiting} wait for repair here{eta}. Bring back the nodes that are away, or `govault peers "
            "remove` those that will not come back.",
        )
    if repair.paused:
        yield Finding(
            Severity.WARNING,
            "repair.paused",
            "Repair and scrub are paused on this node.",
            "Lost replicas are not made again.",
            "`govault repair resume` when you are done.",
        )


def _upkeep(facts: Facts) -> Iterator[Finding]:
    if not facts.recovery_key_exported:
        yield Finding(
            Severity.INFO,
            "keys.not-exported",
            "The recovery key was never exported.",
            "If the data folder's keys are lost, nothing can be decrypted, not even from a backup.",
            "Export the recovery key, and keep it away from this machine.",
        )
    for worker in facts.workers:
        yield Finding(
            Severity.WARNING,
            "worker.failing",
            f"The worker {worker.name} failed {worker.failures_in_a_row} times in a row: {worker.last_error}",
            "It tries again, ever more rarely; its upkeep is not done meanwhile.",
            "The sentence says what stands in its way.",
        )
    if facts.audit_dropped:
        yield Finding(
            Severity.INFO,
            "audit.dropped",
            f"{facts.audit_dropped} refusals came faster than the audit trail takes and are not in it.",
            "Somebody was refused very often, or the log was away.",
            "`/metrics` and the node's log output show when.",
        )
    for sentence in facts.insecure:
        yield Finding(Severity.WARNING, "config.insecure", sentence)
