"""Checkpoints: what is durable in the segment files, so that the write-ahead log may be reused.

A checkpoint is planned on the event loop between two commit cycles, when everything in the
write-ahead log is in the segment files too, and runs beside later cycles. Write order:
segments synced → folders synced → index caches written (not synced, they are rebuilt when
wrong) → checkpoint file replaced. Only then is the older turn of the write-ahead log free.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from crc32c import crc32c

from streams.broker.disk import Disk, read_file, replace_file
from streams.broker.failures import LogDamaged
from streams.broker.index import write_index
from streams.broker.offsets import Offsets
from streams.broker.partition import Partition
from streams.broker.segment import Segment

PATH: Final = "checkpoint"
PARTITIONS_FOLDER: Final = "partitions"


@dataclass(slots=True, frozen=True)
class SegmentMark:
    """A segment as far as it was durable."""

    base_offset: int
    version: int
    size: int
    next_offset: int
    first_time_ms: int
    last_time_ms: int


@dataclass(slots=True, frozen=True)
class PartitionMark:
    """A partition as far as it was durable."""

    log_start: int
    durable_offset: int
    last_time_ms: int
    segments: tuple[SegmentMark, ...]
    producers: list[Any]
    cleaned_offset: int = 0
    """Up to which compaction has gone."""


@dataclass(slots=True, frozen=True)
class Checkpoint:
    """All that a start needs beside the catalogue, the segments and the write-ahead log."""

    wal_epoch: int
    partitions: dict[tuple[bytes, int], PartitionMark]
    offsets: list[Any]

    def encoded(self) -> bytes:
        body = json.dumps(
            {
                "wal_epoch": self.wal_epoch,
                "partitions": [
                    [
                        topic_id.hex(),
                        index,
                        mark.log_start,
                        mark.durable_offset,
                        mark.last_time_ms,
                        [
                            [s.base_offset, s.version, s.size, s.next_offset, s.first_time_ms, s.last_time_ms]
                            for s in mark.segments
                        ],
                        mark.producers,
                        mark.cleaned_offset,
                    ]
                    for (topic_id, index), mark in self.partitions.items()
                ],
                "offsets": self.offsets,
            },
            separators=(",", ":"),
        ).encode()
        return b"%08x\n" % crc32c(body) + body

    @classmethod
    def decoded(cls, content: bytes) -> Checkpoint:
        """Raises LogDamaged: not what was written."""
        crc, _, body = content.partition(b"\n")
        if crc != b"%08x" % crc32c(body):
            raise LogDamaged(f"the file {PATH} is damaged (its checksum does not match)")
        row = json.loads(body)
        partitions = {
            (bytes.fromhex(topic_id), index): PartitionMark(
                start, durable, time_ms, tuple(SegmentMark(*s) for s in segments), producers, cleaned
            )
            for topic_id, index, start, durable, time_ms, segments, producers, cleaned in row["partitions"]
        }
        return cls(row["wal_epoch"], partitions, row["offsets"])


def load_checkpoint(disk: Disk) -> Checkpoint:
    """The last checkpoint; an empty one for a new log."""
    content = read_file(disk, PATH)
    return Checkpoint(0, {}, []) if content is None else Checkpoint.decoded(content)


@dataclass(slots=True, frozen=True)
class CheckpointPlan:
    """What a checkpoint has to make durable, fixed at one moment."""

    checkpoint: Checkpoint
    segments: tuple[tuple[Partition, Segment, int, bytes], ...]
    """Segments to sync with their size at the moment and the content of their index file."""


def plan_checkpoint(wal_epoch: int, partitions: Iterable[Partition], offsets: Offsets) -> CheckpointPlan:
    """Fix what is durable now. Call between commit cycles only."""
    marks: dict[tuple[bytes, int], PartitionMark] = {}
    unsynced: list[tuple[Partition, Segment, int, bytes]] = []
    for partition in partitions:
        if not partition.durable_offset and not partition.segments:
            continue
        marks[partition.topic_id, partition.index] = PartitionMark(
            partition.log_start,
            partition.durable_offset,
            partition.last_time_ms,
            tuple(_mark(s) for s in partition.segments if s.durable_size),
            partition.producers.snapshot(partition.durable_offset),
            partition.cleaned_offset,
        )
        for segment in partition.unsynced_segments():
            if segment.durable_size:
                unsynced.append((partition, segment, segment.durable_size, segment.index.encoded()))
    return CheckpointPlan(Checkpoint(wal_epoch, marks, offsets.snapshot()), tuple(unsynced))


def _mark(segment: Segment) -> SegmentMark:
    return SegmentMark(
        segment.base_offset,
        segment.version,
        segment.durable_size,
        segment.durable_next_offset,
        segment.first_time_ms,
        segment.durable_time_ms,
    )


def run_checkpoint(disk: Disk, plan: CheckpointPlan, sync_all: Callable[[list[Segment]], None]) -> None:
    """Make a plan durable; in a worker thread, beside commit cycles.

    Raises:
        OSError: the broker must stop.
    """
    sync_segments(disk, [(p, s, size) for p, s, size, _ in plan.segments], sync_all)
    for _, segment, _, index in plan.segments:
        write_index(disk, segment.index_path, index)
    replace_file(disk, PATH, plan.checkpoint.encoded())


def sync_segments(
    disk: Disk,
    segments: Iterable[tuple[Partition, Segment, int]],
    sync_all: Callable[[list[Segment]], None],
) -> None:
    """Make segments durable up to a size, content first, then their names."""
    segments = list(segments)
    sync_all([segment for _, segment, size in segments if segment.synced_size < size])
    for partition, segment, size in segments:
        segment.synced_size = max(segment.synced_size, size)
        if not segment.named:
            disk.sync_dir(partition.folder)
            segment.named = True
    unnamed = {partition for partition, _, _ in segments if not partition.named}
    if unnamed:
        disk.sync_dir(PARTITIONS_FOLDER)
        disk.sync_dir("")
        for partition in unnamed:
            partition.named = True
