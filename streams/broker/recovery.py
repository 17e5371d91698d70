"""Opening a log folder: from the last checkpoint on, what is sound is kept and the rest is cut.

1. Segments up to the checkpoint are taken as they are; missing or short ones are damage.
2. What lies behind it in segment files is scanned: the first torn batch ends the segment.
3. The write-ahead log is replayed; a batch that a segment already has is skipped, so replaying
   twice changes nothing. A batch that leaves a gap is damage.
   Offsets that groups committed in topics that are not there any more are forgotten.
4. Everything found beyond the checkpoint is written again and synced and a new checkpoint written, before anybody
   is served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.broker.batches import BatchInvalid, parse_header
from streams.broker.checkpoint import (
    PARTITIONS_FOLDER,
    Checkpoint,
    PartitionMark,
    SegmentMark,
    load_checkpoint,
    run_checkpoint,
)
from streams.broker.cycle import write_appends
from streams.broker.disk import Disk
from streams.broker.failures import LogDamaged
from streams.broker.identity import load_or_make_identity
from streams.broker.limits import WAL_FILE_BYTES
from streams.broker.partition import Partition
from streams.broker.segment import Segment, load_index, parse_stem, remove_segments, sound_batches
from streams.broker.store import LogStore
from streams.broker.topics import load_topics
from streams.broker.wal import KIND_BATCH, KIND_OFFSETS, Frame, WriteAheadLog, read_turns, replayed_batch

SyncAll = Callable[[list[Segment]], None]


@dataclass(slots=True)
class Recovered:
    """What opening found, for the log line."""

    scanned_batches: int = 0
    replayed_batches: int = 0
    replayed_offsets: int = 0
    forgotten_offsets: int = 0
    cut_bytes: int = 0
    removed_files: int = 0

    @property
    def changed(self) -> bool:
        return bool(
            self.scanned_batches
            or self.replayed_batches
            or self.replayed_offsets
            or self.forgotten_offsets
            or self.cut_bytes
            or self.removed_files
        )


def open_store(disk: Disk, sync_all: SyncAll, *, wal_file_bytes: int = WAL_FILE_BYTES) -> tuple[LogStore, Recovered]:
    """Open (or make) a log. Blocks; the time depends on what was written since the last checkpoint.

    Raises:
        LogDamaged, LogTooNew: with what is wrong.
        OSError: from the disk.
    """
    identity = load_or_make_identity(disk)
    checkpoint = load_checkpoint(disk)
    # Older turns are in the checkpoint; their offsets must not come back over newer ones.
    turns = read_turns(disk, checkpoint.wal_epoch)
    newest = max([checkpoint.wal_epoch, *(epoch for epoch, _ in turns)])
    store = LogStore(disk, identity, WriteAheadLog(disk, newest + 1, wal_file_bytes))
    recovered = Recovered()
    for topic in load_topics(disk).values():
        store.add_topic(topic)
    store.offsets.restore(checkpoint.offsets)
    _remove_strange_folders(disk, store, recovered)
    for partition in store.partitions():
        try:
            _open_partition(disk, partition, checkpoint, recovered)
        except BatchInvalid as problem:
            raise LogDamaged(
                f"topic {partition.topic} partition {partition.index}: what was durable in its last segment is damaged"
                f" ({problem}); restore the log from a backup"
            ) from problem
    for _, frames in turns:
        _replay(disk, store, frames, recovered)
    recovered.forgotten_offsets = store.offsets.keep_topics(store.topics)
    for partition in store.partitions():
        _all_durable(partition)
    if recovered.changed:
        # The write-ahead log still holds what it replayed until this checkpoint is durable.
        run_checkpoint(disk, store.plan_checkpoint(), sync_all)
        store.finish_checkpoint()
    return store, recovered


def _remove_strange_folders(disk: Disk, store: LogStore, recovered: Recovered) -> None:
    """Folders of topics that were deleted (or never made known) just before a crash."""
    known = {partition.folder for partition in store.partitions()}
    for name in disk.list_dir(PARTITIONS_FOLDER):
        folder = f"{PARTITIONS_FOLDER}/{name}"
        if folder not in known:
            remove_folder(disk, folder)
            recovered.removed_files += 1


def remove_folder(disk: Disk, folder: str) -> None:
    """Remove a partition's folder with its files."""
    for name in disk.list_dir(folder):
        disk.unlink(f"{folder}/{name}")
    disk.remove_dir(folder)
    disk.sync_dir(PARTITIONS_FOLDER)


def _open_partition(disk: Disk, partition: Partition, checkpoint: Checkpoint, recovered: Recovered) -> None:
    none = PartitionMark(0, 0, -1, (), [])
    mark = checkpoint.partitions.get((partition.topic_id, partition.index), none)
    partition.log_start = mark.log_start
    partition.next_offset = mark.durable_offset
    partition.last_time_ms = mark.last_time_ms
    partition.cleaned_offset = mark.cleaned_offset
    partition.producers.restore(mark.producers)
    names = disk.list_dir(partition.folder)
    partition.named = bool(mark.segments)
    found = sorted(parse_stem(name) for name in names if name.endswith(".log"))
    marked = {(segment.base_offset, segment.version) for segment in mark.segments}
    for segment_mark in mark.segments:
        partition.segments.append(_known_segment(disk, partition, segment_mark))
    last = mark.segments[-1].base_offset if mark.segments else -1
    # Segments that retention dropped or compaction replaced, and those that it had not finished.
    strange = [stem for stem in found if (stem[0] <= last or stem[1]) and stem not in marked]
    _remove(disk, partition, strange, recovered)
    _scan_tail(disk, partition, [base for base, version in found if base > last and not version], recovered)


def _known_segment(disk: Disk, partition: Partition, mark: SegmentMark) -> Segment:
    """A segment as the checkpoint has it."""
    segment = Segment(partition.files, partition.folder, mark.base_offset, mark.version)
    size = _file_size(disk, segment.path)
    if size < mark.size:
        raise LogDamaged(
            f"{segment.path} of topic {partition.topic} has {size} bytes, {mark.size} were durable:"
            " the log lost acknowledged records; restore it from a backup"
        )
    segment.size = segment.durable_size = segment.synced_size = mark.size
    segment.named = True
    segment.next_offset = mark.next_offset
    segment.first_time_ms, segment.last_time_ms = mark.first_time_ms, mark.last_time_ms
    segment.set_index(None)
    return segment


def _file_size(disk: Disk, path: str) -> int:
    if not disk.exists(path):
        return 0
    file = disk.open(path)
    try:
        return file.size()
    finally:
        file.close()


def _remove(disk: Disk, partition: Partition, stems: list[tuple[int, int]], recovered: Recovered) -> None:
    """Unlink segments (base offset, version) that are not part of the log."""
    if stems:
        segments = [Segment(partition.files, partition.folder, *stem) for stem in stems]
        remove_segments(disk, partition.folder, segments)
        recovered.removed_files += len(stems)


def _scan_tail(disk: Disk, partition: Partition, bases: list[int], recovered: Recovered) -> None:
    """Take over sound batches behind the checkpoint, and remove segments that do not continue."""
    whole = _scan_segment(disk, partition, partition.segments[-1], recovered) if partition.segments else True
    for base in bases:
        if whole and base == partition.next_offset:
            partition.roll()
            whole = _scan_segment(disk, partition, partition.segments[-1], recovered)
        else:
            _remove(disk, partition, [(base, 0)], recovered)


def _scan_segment(disk: Disk, partition: Partition, segment: Segment, recovered: Recovered) -> bool:
    """Returns whether the file was sound to its end."""
    if segment.size:
        segment.set_index(load_index(disk, segment.index_path, segment.size))
        if segment.index.covered < segment.size:
            for position, header in segment.headers(segment.index.covered, segment.size):
                segment.index.add(header.base_offset, position, header.max_timestamp, header.size)
    file = segment.writer(disk)
    for position, header, batch in sound_batches(file, segment.size, segment.next_offset):
        # Written again, for the checkpoint to sync: after an fsync that failed the system reads from
        # memory what is not on the disk, and has nothing left to write.
        file.pwrite([batch], position)
        segment.assign(header, header.base_offset, header.max_timestamp)
        partition.next_offset = segment.next_offset
        partition.last_time_ms = max(partition.last_time_ms, header.max_timestamp)
        partition.producers.note(header, header.base_offset, header.max_timestamp)
        recovered.scanned_batches += 1
    torn = file.size() - segment.size
    if torn:
        # Synced at once: a tail that came back after new batches were written over its start
        # could look like their continuation.
        file.truncate(segment.size)
        file.sync()
        recovered.cut_bytes += torn
    return not torn


def _replay(disk: Disk, store: LogStore, frames: list[Frame], recovered: Recovered) -> None:
    for frame in frames:
        match frame.kind:
            case k if k == KIND_BATCH:
                _replay_batch(disk, store, frame, recovered)
            case k if k == KIND_OFFSETS:
                store.offsets.apply(bytes(frame.payload[0]))
                recovered.replayed_offsets += 1
            case kind:
                raise LogDamaged(f"the write-ahead log holds a frame of unknown kind {kind}")


def _replay_batch(disk: Disk, store: LogStore, frame: Frame, recovered: Recovered) -> None:
    replayed = replayed_batch(frame)
    partition = store.partition_of_id(replayed.topic_id, replayed.partition)
    if partition is None:
        return  # The topic was deleted since.
    header = parse_header(replayed.batch)
    if header.base_offset < partition.next_offset:
        return
    if header.base_offset > partition.next_offset:
        raise LogDamaged(
            f"topic {partition.topic} partition {partition.index}: the write-ahead log goes on at offset"
            f" {header.base_offset}, the segments end at {partition.next_offset}"
        )
    write_appends(disk, [partition.place(header, replayed.batch, header.max_timestamp)])
    recovered.replayed_batches += 1


def _all_durable(partition: Partition) -> None:
    """What was found is readable (after `open_store` has synced it, which is before serving)."""
    partition.durable_offset = partition.next_offset
    for segment in partition.segments:
        segment.durable_size = segment.size
        segment.durable_next_offset = segment.next_offset
        segment.durable_time_ms = segment.last_time_ms
