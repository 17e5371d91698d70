"""Which backup the log is taken from, partition by partition: the one that goes furthest, if all tell one history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from govault.errors import Config
from govault.ports import LogRecord
from govault.services.maintenance.backup_files import BackedUpPartition, decode_records
from govault.services.maintenance.recovery_sources import LOGS, GivenBackup, Said
from schemas.topics import TOPICS, Topic

_KEPT_WHOLE = frozenset(spec.topic for spec in TOPICS if spec.retention_ms < 0 and not spec.compacted)


@dataclass(frozen=True, slots=True)
class PartitionSource:
    """A partition as one backup has it."""

    backup: GivenBackup
    row: BackedUpPartition

    @property
    def topic(self) -> Topic:
        """Whose partition it is."""
        return Topic(self.row.topic)

    @property
    def name(self) -> str:
        """The file's, in the backup."""
        return f"{LOGS}{self.row.topic}/{self.row.partition}"

    @property
    def reach(self) -> tuple[int, int]:
        """The larger, the further it goes; of two that end alike, the one that begins earlier."""
        return self.row.end, -self.row.begin

    def records(self) -> Iterator[LogRecord]:
        """Its records. Blocks.

        Raises:
            Config: The file is damaged.
        """
        return decode_records(self.backup.folder / self.name, self.topic, self.row.partition)


def choose_logs(backups: Sequence[GivenBackup], said: Said = lambda *told: None) -> list[PartitionSource]:
    """For each partition the backup that goes furthest, held against all others. Blocks; the backups were verified.

    Raises:
        Config: The one that goes furthest is damaged; or two backups are not of one history.
    """
    places: dict[tuple[str, int], list[PartitionSource]] = {}
    for backup in backups:
        for row in backup.manifest.partitions:
            places.setdefault((row.topic, row.partition), []).append(PartitionSource(backup, row))
    chosen: list[PartitionSource] = []
    for number, sources in enumerate(places.values()):
        said(number, len(places), f"comparing the logs: {sources[0].row.topic}/{sources[0].row.partition}")
        best = _furthest(sources)
        for other in sources:
            if other is not best and other.name not in other.backup.damaged:
                _check_agreement(best, other)
        chosen.append(best)
    return chosen


def _furthest(sources: Sequence[PartitionSource]) -> PartitionSource:
    furthest = max(sources, key=lambda source: source.reach)
    sound = [source for source in sources if source.name not in source.backup.damaged]
    best = max(sound, key=lambda source: source.reach, default=None)
    if best is not None and best.row.end >= furthest.row.end:
        return best
    rest = (
        "and no other backup has it" if best is None else f"and the next, {best.backup.folder}, ends at {best.row.end}"
    )
    raise Config(
        f"{furthest.backup.folder / furthest.name} {furthest.backup.damaged[furthest.name]}; it goes furthest, to "
        f"{furthest.row.end}, {rest}. Take another backup of that node, or leave this one out: then what only it has "
        "is lost",
        code="config.log-damaged",
    )


def _check_agreement(one: PartitionSource, other: PartitionSource) -> None:
    """Refuse two partitions whose common part is not the same, record by record."""
    first, second = one.backup.file(one.name), other.backup.file(other.name)
    if first is not None and second is not None and first.sha256 == second.sha256:
        return
    begin, end = max(one.row.begin, other.row.begin), min(one.row.end, other.row.end)
    offset = _first_difference(
        _between(one.records(), begin, end), _between(other.records(), begin, end), gaps=one.topic not in _KEPT_WHOLE
    )
    if offset is not None:
        raise Config(
            f"{one.row.topic}/{one.row.partition} is not the same in {one.backup.folder} and {other.backup.folder}, "
            f"from offset {offset} on: the vault went on from an older state between the two. Give the backups that "
            "were made after that, or those before",
            code="config.backups-differ",
        )


def _between(records: Iterator[LogRecord], begin: int, end: int) -> Iterator[LogRecord]:
    for record in records:
        if record.position.offset >= end:
            return
        if record.position.offset >= begin:
            yield record


def _first_difference(one: Iterator[LogRecord], other: Iterator[LogRecord], *, gaps: bool) -> int | None:
    """The first offset where two runs of records differ; None where there is none.

    Args:
        gaps: Whether expiry or compaction may have taken a record from one before the other was made.
    """
    ours, theirs = next(one, None), next(other, None)
    while ours is not None or theirs is not None:
        offset = min(record.position.offset for record in (ours, theirs) if record is not None)
        has_ours = ours is not None and ours.position.offset == offset
        has_theirs = theirs is not None and theirs.position.offset == offset
        if (has_ours and has_theirs and ours != theirs) or (has_ours != has_theirs and not gaps):
            return offset
        ours = next(one, None) if has_ours else ours
        theirs = next(other, None) if has_theirs else theirs
    return None
