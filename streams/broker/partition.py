"""One partition: its segments, its offsets and its producers, as the event loop sees them.

Nothing here writes. `append` gives a batch its offset, its append time and its place, and
returns what the commit cycle has to write; readers see it after `made_durable`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from streams.broker.batches import BatchHeader, BatchInvalid, check_produced, stamped
from streams.broker.producers import ProducerStates, SequenceRefused
from streams.broker.records import records_of
from streams.broker.segment import OpenFiles, Segment
from streams.broker.topics import TopicConfig


class OffsetOutOfRange(Exception):
    """No such offset: below the log's start or beyond its end."""


class BatchTooLarge(Exception):
    """Beyond `max.message.bytes`."""


@dataclass(slots=True, frozen=True)
class Append:
    """A batch with its place, to be written and synced."""

    partition: Partition
    segment: Segment
    position: int
    data: bytearray | memoryview
    base_offset: int
    next_offset: int
    time_ms: int


@dataclass(slots=True, frozen=True)
class Duplicate:
    """A batch that the log already has (perhaps not synced yet)."""

    base_offset: int
    next_offset: int
    time_ms: int


def _check_keys(header: BatchHeader, batch: bytes) -> None:
    if any(record.key is None for record in records_of(header, batch)):
        raise BatchInvalid("a compacted topic takes no records without a key")


class Partition:
    """The log of one partition."""

    def __init__(
        self, topic_id: bytes, topic: str, index: int, config: TopicConfig, files: OpenFiles, folder: str
    ) -> None:
        self.topic_id = topic_id
        self.topic = topic
        self.index = index
        self.config = config
        self.folder = folder
        self.files = files
        self.segments: list[Segment] = []
        self.producers = ProducerStates()
        self.log_start = 0
        self.next_offset = 0
        """Of the next batch; the log's end including what is not durable yet."""
        self.durable_offset = 0
        """The high watermark: everything below is durable and may be read."""
        self.last_time_ms = -1
        self.cleaned_offset = 0
        """Below it, compaction has left one record a key (and all that it could not read)."""
        self.deleted = False
        self.named = False
        """Whether the folder's own name is durable."""
        self._waiters: set[Callable[[], None]] = set()

    # Appending -------------------------------------------------------------------------------

    def append(self, batch: bytes, now_ms: int) -> Append | Duplicate:
        """Check a produced batch and give it its place.

        Raises:
            BatchInvalid, BatchTooLarge, SequenceRefused: nothing was changed.
        """
        if len(batch) > self.config.message_bytes_max:
            raise BatchTooLarge(f"{len(batch)} bytes are more than max.message.bytes={self.config.message_bytes_max}")
        header = check_produced(batch)
        if self.config.is_compacted:
            _check_keys(header, batch)
        if header.producer_id >= 0 and (earlier := self.producers.check(header)):
            return Duplicate(earlier.base_offset, earlier.last_offset + 1, earlier.time_ms)
        time_ms = max(now_ms, self.last_time_ms)
        return self.place(header, stamped(batch, self.next_offset, time_ms), time_ms)

    def is_repeat(self, batch: bytes) -> bool:
        """Whether a produced batch is in the log already."""
        try:
            header = check_produced(batch)
            return header.producer_id >= 0 and self.producers.check(header) is not None
        except (BatchInvalid, SequenceRefused):
            return False

    def place(self, header: BatchHeader, data: bytearray | memoryview, time_ms: int) -> Append:
        """Put a stamped batch at the end of the log (in memory)."""
        base = self.next_offset
        segment = self.segment_for(len(data), time_ms)
        position = segment.assign(header, base, time_ms)
        self.next_offset = segment.next_offset
        self.last_time_ms = time_ms
        self.producers.note(header, base, time_ms)
        return Append(self, segment, position, data, base, self.next_offset, time_ms)

    def segment_for(self, size: int, time_ms: int) -> Segment:
        """The active segment, rolled when it is full or too old for retention to work."""
        if self.segments:
            active = self.segments[-1]
            if not active.size or not self._is_due(active, size, time_ms):
                return active
        self.roll()
        return self.segments[-1]

    def _is_due(self, active: Segment, size: int, time_ms: int) -> bool:
        if active.size + size > self.config.segment_bytes:
            return True
        first = active.first_time_ms
        return first >= 0 and time_ms - first > self.config.segment_ms

    def roll(self) -> None:
        """Begin a segment at the log's end; its file is made by the first write."""
        self.segments.append(Segment(self.files, self.folder, self.next_offset))

    def made_durable(self, append: Append) -> None:
        """Let readers see a batch whose fsync returned."""
        segment = append.segment
        segment.durable_size = append.position + len(append.data)
        segment.durable_next_offset = append.next_offset
        segment.durable_time_ms = append.time_ms
        self.durable_offset = append.next_offset
        if self._waiters:
            for wake in tuple(self._waiters):
                wake()

    # Reading ---------------------------------------------------------------------------------

    def read(self, offset: int, max_bytes: int) -> memoryview:
        """Durable batches from `offset` on; empty at the end.

        Raises:
            OffsetOutOfRange: outside [log start, high watermark].
        """
        if offset == self.durable_offset:
            return memoryview(b"")
        if not self.log_start <= offset < self.durable_offset:
            raise OffsetOutOfRange(
                f"offset {offset} is not in [{self.log_start}, {self.durable_offset}] of {self.folder}"
            )
        at = max(bisect_right(self.segments, offset, key=lambda s: s.base_offset) - 1, 0)
        # After compaction a segment may end before the next one begins.
        for segment in self.segments[at:]:
            if len(data := segment.read(offset, max_bytes)):
                return data
        return memoryview(b"")

    def durable_bytes_from(self, offset: int) -> int:
        """About how many durable bytes lie at or beyond `offset` (to judge min_bytes cheaply)."""
        if offset >= self.durable_offset:
            return 0
        total = 0
        for segment in reversed(self.segments):
            if segment.base_offset <= offset:
                return total + max(segment.durable_size - segment.index.position_of(offset), 1)
            total += segment.durable_size
        return max(total, 1)

    def offset_at_time(self, time_ms: int) -> tuple[int, int] | None:
        """(append time, offset) of the first record appended at or after `time_ms`."""
        for segment in self.segments:
            if segment.durable_size and segment.durable_time_ms >= time_ms:
                found = segment.first_at_or_after(time_ms)
                if found is not None:
                    return found.max_timestamp, max(found.base_offset, self.log_start)
        return None

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` after every batch that becomes durable, until `unwatch`."""
        self._waiters.add(wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        self._waiters.discard(wake)

    def wake_all(self) -> None:
        """Let every waiting fetch look again (the partition was deleted, say)."""
        for wake in tuple(self._waiters):
            wake()

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        return sum(segment.size for segment in self.segments)

    def durable_end(self) -> tuple[int, int]:
        """Base offset of the segment in which the durable part ends, and its durable size."""
        for segment in reversed(self.segments):
            if segment.durable_size:
                return segment.base_offset, segment.durable_size
        if self.segments:
            return self.segments[0].base_offset, 0
        return self.durable_offset, 0

    def unsynced_segments(self) -> list[Segment]:
        """Segments with bytes that only the write-ahead log holds durably, oldest first."""
        out: list[Segment] = []
        for segment in reversed(self.segments):
            if segment.size and segment.synced_size >= segment.size and segment.named:
                break
            out.append(segment)
        out.reverse()
        return out
