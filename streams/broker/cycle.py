"""A commit cycle: everything that came in while the last one was being synced, made durable at once.

Write order: batches written to their segments (not synced) → then either one synced write of
the same batches to the write-ahead log, or, when the cycle is large, the segments themselves
synced. Offsets of groups always go through the write-ahead log. Only after that are producers
answered and readers woken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.broker.checkpoint import PARTITIONS_FOLDER, sync_segments
from streams.broker.disk import Disk
from streams.broker.limits import WAL_CYCLE_BYTES_MAX
from streams.broker.partition import Append, Partition
from streams.broker.segment import Segment
from streams.broker.wal import Frame, WriteAheadLog

SyncAll = Callable[[list[Segment]], None]
"""Syncs segment files, in parallel where there are several."""


@dataclass(slots=True)
class Cycle:
    """What one commit makes durable."""

    appends: list[Append] = field(default_factory=list)
    changes: list[bytes] = field(default_factory=list)
    """Changes of committed offsets."""
    size: int = 0
    """Bytes of the batches."""
    unsynced: list[tuple[Partition, Segment, int]] = field(default_factory=list)
    """For a large cycle: all its partitions' segments that are not durable by themselves."""

    def __bool__(self) -> bool:
        return bool(self.appends or self.changes)

    @property
    def is_large(self) -> bool:
        """Whether it is cheaper to sync the segments than to write everything twice."""
        return self.size > WAL_CYCLE_BYTES_MAX

    def frames(self) -> list[Frame]:
        """What this cycle writes to the write-ahead log."""
        batches = [] if self.is_large else self.appends
        return [
            *(Frame.batch(a.partition.topic_id, a.partition.index, a.data) for a in batches),
            *(Frame.offsets(change) for change in self.changes),
        ]

    def seal(self) -> None:
        """Fix which segments a large cycle syncs; on the loop, before it runs."""
        if self.is_large:
            partitions = {append.partition: None for append in self.appends}
            self.unsynced = [(p, s, s.size) for p in partitions for s in p.unsynced_segments()]


def run_cycle(disk: Disk, wal: WriteAheadLog, cycle: Cycle, frames: list[Frame], sync_all: SyncAll) -> None:
    """Make a cycle durable. In a worker thread; never two at once.

    Raises:
        OSError: the broker must stop; nobody was told that anything of this cycle is durable.
    """
    write_appends(disk, cycle.appends)
    if cycle.is_large:
        sync_segments(disk, cycle.unsynced, sync_all)
    wal.write(frames)


def write_appends(disk: Disk, appends: list[Append]) -> None:
    """Write batches to their places, neighbours in one system call. Not durable yet."""
    at = 0
    while at < len(appends):
        first = appends[at]
        run, end = [first.data], first.position + len(first.data)
        at += 1
        while at < len(appends) and appends[at].segment is first.segment and appends[at].position == end:
            run.append(appends[at].data)
            end += len(appends[at].data)
            at += 1
        if not first.position:
            disk.make_dir(PARTITIONS_FOLDER)
            disk.make_dir(first.partition.folder)
        first.segment.writer(disk).pwrite(run, first.position)
