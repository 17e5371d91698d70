"""Retention: whole segments go when they are too old or the partition is too large.

Write order: a checkpoint with the new log start is durable → files unlinked → folder synced. A
crash in between leaves files that the next start removes, never an offset that is used twice.
"""

from __future__ import annotations

from streams.broker.commit import Committer
from streams.broker.disk import Disk
from streams.broker.partition import Partition
from streams.broker.segment import Segment, remove_segments
from streams.broker.store import LogStore


def expired_start(partition: Partition, now_ms: int) -> int:
    """Where the log would start if everything that is due went; the present start if nothing is."""
    config = partition.config
    if not config.is_expiring:
        return partition.log_start
    start, size = partition.log_start, partition.size
    for segment in partition.segments:
        if not segment.size or segment.durable_size < segment.size:
            break
        too_old = config.retention_ms >= 0 and now_ms - segment.last_time_ms > config.retention_ms
        # A partition is cut only down to its bound, never below.
        too_much = config.retention_bytes >= 0 and size - segment.size >= config.retention_bytes
        if not (too_old or too_much):
            break
        start = max(start, segment.next_offset)
        size -= segment.size
    return start


async def retain(committer: Committer, store: LogStore, now_ms: int) -> int:
    """Remove what is due in all partitions; returns how many segments went."""
    starts = {}
    for partition in store.partitions():
        partition.producers.expire(now_ms)
        if (start := expired_start(partition, now_ms)) > partition.log_start:
            starts[partition] = start
    return await advance(committer, store, starts) if starts else 0


async def advance(committer: Committer, store: LogStore, starts: dict[Partition, int]) -> int:
    """Move the start of partitions and remove the segments that lie wholly below."""
    dropped: list[tuple[Partition, Segment]] = []
    for partition, start in starts.items():
        partition.log_start = max(partition.log_start, start)
        dropped += [(partition, segment) for segment in _drop_below(partition)]
    await committer.checkpoint()
    for _, segment in dropped:
        store.files.forget(segment.path)
        segment.close_writer()
    await committer.on_disk(lambda: _unlink(store.disk, dropped))
    return len(dropped)


def _drop_below(partition: Partition) -> list[Segment]:
    """Take the segments out of use that hold nothing at or beyond the log's start."""
    dropped = []
    while partition.segments:
        first = partition.segments[0]
        if first.next_offset > partition.log_start or not first.size or first.durable_size < first.size:
            break
        if len(partition.segments) == 1:
            partition.roll()
        dropped.append(partition.segments.pop(0))
    return dropped


def _unlink(disk: Disk, dropped: list[tuple[Partition, Segment]]) -> None:
    for partition in {partition for partition, _ in dropped}:
        remove_segments(disk, partition.folder, [segment for p, segment in dropped if p is partition])
