"""Compaction: of every key the newest record stays, at its offset; tombstones go when they are old.

Closed segments are read and written anew beside the serving ones, in a worker thread. Write
order: new segments synced → folder synced → segments exchanged in memory → checkpoint that names
the new ones durable → old ones unlinked. A crash before the checkpoint leaves new files that the
next start removes, one after it leaves old ones.

A topic with a bound on compaction's lag promises that what has a newer record or a tombstone is
gone by then: from the active segment too, which is closed for that, and from the write-ahead log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from streams.broker.batches import BatchCorrupt, BatchHeader, crc_is_right, parse_header
from streams.broker.commit import Committer
from streams.broker.disk import Disk, File
from streams.broker.index import SparseIndex
from streams.broker.limits import MIB
from streams.broker.partition import Partition
from streams.broker.records import CodecUnsupported, Record, records_of, with_records
from streams.broker.segment import OpenFiles, Segment, remove_segments
from streams.broker.store import LogStore

_READ_BYTES = 1 * MIB


@dataclass(slots=True, frozen=True)
class Source:
    """A closed segment as it was when compaction began; it never changes."""

    path: str
    base_offset: int
    size: int
    next_offset: int
    version: int


def is_due(partition: Partition, now_ms: int) -> bool:
    """Whether enough was written behind what is clean, or something there is too old to stay."""
    config = partition.config
    closed = _closed(partition)
    dirty = [segment for segment in closed if segment.next_offset > partition.cleaned_offset]
    if not config.is_compacted or not dirty:
        return False
    if now_ms - dirty[0].first_time_ms > config.compaction_lag_ms_max:
        return True
    size = sum(segment.size for segment in closed)
    return sum(segment.size for segment in dirty) >= config.dirty_ratio_min * size


def roll_if_lagging(partition: Partition, now_ms: int) -> None:
    """Close the active segment when it holds something that has to be compacted by now."""
    active = partition.segments[-1] if partition.segments else None
    if (
        active is not None
        and partition.config.is_compacted
        and active.size
        and active.durable_size == active.size
        and now_ms - active.first_time_ms > partition.config.compaction_lag_ms_max
    ):
        partition.roll()


def _closed(partition: Partition) -> list[Segment]:
    """The segments before the active one whose bytes are all in their files."""
    closed = []
    for segment in partition.segments[:-1]:
        if segment.durable_size < segment.size:
            break
        closed.append(segment)
    return closed


def bytes_wanted(partition: Partition) -> int:
    """How much compaction may write before it removes anything."""
    return sum(segment.size for segment in _closed(partition))


async def compact(committer: Committer, store: LogStore, partition: Partition, now_ms: int) -> int:
    """Compact the closed segments; returns the bytes won. Hold the catalogue's lock."""
    closed = _closed(partition)
    sources = [Source(s.path, s.base_offset, s.size, s.next_offset, s.version) for s in closed]
    horizon_ms = now_ms - partition.config.delete_retention_ms
    made = await asyncio.get_running_loop().run_in_executor(
        None, write_compacted, store.disk, partition, sources, horizon_ms
    )
    won = sum(s.size for s in closed) - sum(s.size for s in made)
    if won and partition.config.promises_to_forget:
        # Before the segments are exchanged: should the log end in between, compaction is due again.
        await committer.clear_wal()
    if partition.segments[: len(closed)] != closed:
        # Retention took some of them meanwhile: what was made from them is of no use.
        await committer.on_disk(lambda: remove_segments(store.disk, partition.folder, made))
        return 0
    partition.segments[: len(closed)] = made
    partition.cleaned_offset = closed[-1].next_offset
    await committer.checkpoint()
    for segment in closed:
        store.files.forget(segment.path)
        segment.close_writer()
    await committer.on_disk(lambda: remove_segments(store.disk, partition.folder, closed))
    return won


def write_compacted(disk: Disk, partition: Partition, sources: list[Source], horizon_ms: int) -> list[Segment]:
    """Write the records that stay into new, synced segments. Blocks; touches nothing that is served."""
    stays = Stays(_newest_offsets(disk, sources), horizon_ms, sources[-1].next_offset)
    version = 1 + max(source.version for source in sources)
    output = _Output(disk, partition, version)
    try:
        for source in sources:
            for header, batch in _batches(disk, source):
                kept = stays.of(header, batch)
                if kept is not None:
                    output.add(kept)
            output.reaches(source.next_offset)
        return output.finished()
    except Exception:
        # On a full disk what was begun would keep the room that is wanted.
        output.abandon()
        raise


def _newest_offsets(disk: Disk, sources: list[Source]) -> dict[bytes, int]:
    """Key → offset of its newest record."""
    newest: dict[bytes, int] = {}
    for source in sources:
        for header, batch in _batches(disk, source):
            try:
                records = records_of(header, batch)
            except CodecUnsupported:
                continue  # Written before the topic was compacted; it stays whole.
            for record in records:
                if record.key is not None:
                    newest[record.key] = header.base_offset + record.offset_delta
    return newest


@dataclass(slots=True, frozen=True)
class Stays:
    """Which records stay."""

    newest: dict[bytes, int]
    horizon_ms: int
    """Tombstones older than this go."""
    end: int
    """The record before this offset always stays: readers that wait for the end must get there."""

    def keeps(self, header: BatchHeader, record: Record) -> bool:
        offset = header.base_offset + record.offset_delta
        if record.key is None or offset == self.end - 1:
            return True
        is_gone = record.is_tombstone and header.max_timestamp < self.horizon_ms
        return self.newest[record.key] == offset and not is_gone

    def of(self, header: BatchHeader, batch: bytes) -> bytes | None:
        """The batch as it stays; None when nothing of it does."""
        try:
            records = records_of(header, batch)
        except CodecUnsupported:
            return batch
        kept = [record for record in records if self.keeps(header, record)]
        if len(kept) == len(records):
            return batch
        return with_records(header, batch, kept) if kept else None


def _batches(disk: Disk, source: Source) -> Iterator[tuple[BatchHeader, bytes]]:
    """All batches of a source, each checked.

    Raises:
        BatchCorrupt: the segment is damaged; it stays as it is.
    """
    file = disk.open(source.path)
    try:
        yield from _read_batches(file, source)
    finally:
        file.close()


def _read_batches(file: File, source: Source) -> Iterator[tuple[BatchHeader, bytes]]:
    position = 0
    while position < source.size:
        data = file.pread(min(_READ_BYTES, source.size - position), position)
        header = parse_header(data)
        if header.size > len(data):
            data = file.pread(header.size, position)
        at = 0
        while len(data) - at >= 61:
            header = parse_header(data, at)
            if at + header.size > len(data):
                break
            batch = data[at : at + header.size]
            if not crc_is_right(batch):
                raise BatchCorrupt(f"{source.path}: the batch at byte {position + at} is damaged")
            yield header, batch
            at += header.size
        if not at:
            raise BatchCorrupt(f"{source.path}: no whole batch at byte {position}")
        position += at


class _Output:
    """The new segments, filled up to the topic's segment size."""

    def __init__(self, disk: Disk, partition: Partition, version: int) -> None:
        self._disk = disk
        self._partition = partition
        self._version = version
        self._segments: list[Segment] = []
        # Its own file table: the serving one belongs to the event loop.
        self._files = OpenFiles(disk)

    def add(self, batch: bytes) -> None:
        header = parse_header(batch)
        last = self._segments[-1] if self._segments else None
        if last is None or last.size + len(batch) > self._partition.config.segment_bytes:
            self._begin(header.base_offset)
        segment = self._segments[-1]
        position = segment.assign(header, header.base_offset, header.max_timestamp)
        segment.writer(self._disk).pwrite([batch], position)

    def _begin(self, base_offset: int) -> None:
        self._finish_last()
        if self._segments:
            self._segments[-1].next_offset = base_offset
        partition = self._partition
        segment = Segment(partition.files, partition.folder, base_offset, self._version)
        self._segments.append(segment)
        segment.writer(self._disk).truncate(0)
        segment.set_index(SparseIndex())

    def _finish_last(self) -> None:
        if self._segments:
            last = self._segments[-1]
            last.writer(self._disk).sync()
            last.close_writer()

    def reaches(self, offset: int) -> None:
        """The offsets up to here belong to the last segment, whether records of them stayed or not."""
        if self._segments:
            self._segments[-1].next_offset = offset

    def abandon(self) -> None:
        """Leave nothing of what was written."""
        for segment in self._segments:
            segment.close_writer()
        remove_segments(self._disk, self._partition.folder, self._segments)

    def finished(self) -> list[Segment]:
        self._finish_last()
        self._disk.sync_dir(self._partition.folder)
        for segment in self._segments:
            segment.durable_size = segment.synced_size = segment.size
            segment.durable_next_offset = segment.next_offset
            segment.durable_time_ms = segment.last_time_ms
            segment.named = True
        return self._segments
