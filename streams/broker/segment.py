"""One segment: a file of record batches one after the other, and its sparse index."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from streams.broker.batches import (
    HEADER_SIZE,
    BatchCorrupt,
    BatchHeader,
    BatchInvalid,
    crc_is_right,
    parse_header,
    read_last_offset,
    read_prefix,
)
from streams.broker.disk import Disk, File
from streams.broker.index import SparseIndex
from streams.broker.limits import KIB, MIB, OPEN_SEGMENTS_MAX

READ_AHEAD_BYTES = 8 * KIB
SCAN_BYTES = 1 * MIB
PEEK_BYTES = 27
"""Enough of a batch to know its size and last offset."""


class OpenFiles:
    """Open segment files, the least recently read closed first."""

    def __init__(self, disk: Disk, limit: int = OPEN_SEGMENTS_MAX) -> None:
        self.disk = disk
        self._limit = limit
        self._files: OrderedDict[str, File] = OrderedDict()

    def get(self, path: str) -> File:
        """The file for reading; valid until the next call."""
        file = self._files.get(path)
        if file is None:
            file = self.disk.open(path)
            self._files[path] = file
            if len(self._files) > self._limit:
                self._files.popitem(last=False)[1].close()
        else:
            self._files.move_to_end(path)
        return file

    def forget(self, path: str) -> None:
        """Close it, before it is removed or replaced."""
        if file := self._files.pop(path, None):
            file.close()

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1].close()


def segment_stem(base_offset: int, version: int) -> str:
    """The name of a segment's files without what tells them apart."""
    return f"{base_offset:020d}" if not version else f"{base_offset:020d}-{version}"


def parse_stem(name: str) -> tuple[int, int]:
    """The inverse, for a name with or without its ending."""
    base, _, version = name.partition(".")[0].partition("-")
    return int(base), int(version or 0)


def remove_segments(disk: Disk, folder: str, segments: Iterable[Segment]) -> None:
    """Unlink the files of segments that no checkpoint names any more."""
    if not disk.exists(folder):
        return  # The topic was deleted meanwhile.
    for segment in segments:
        for path in (segment.path, segment.index_path):
            if disk.exists(path):
                disk.unlink(path)
    # A file that came back after a crash could stand where a new one of that name should.
    disk.sync_dir(folder)


class Segment:
    """The batches from `base_offset` on.

    Sizes and offsets are assigned when a batch is appended; its bytes are written later by the
    commit cycle, and readers are served up to `durable_size` only.
    """

    def __init__(self, files: OpenFiles, folder: str, base_offset: int, version: int = 0) -> None:
        self._files = files
        self.base_offset = base_offset
        self.version = version
        """How often its offsets were compacted: each time they get another file."""
        stem = segment_stem(base_offset, version)
        self.path = f"{folder}/{stem}.log"
        self.index_path = f"{folder}/{stem}.index"
        self.size = 0
        self.durable_size = 0
        self.durable_next_offset = base_offset
        self.durable_time_ms = -1
        self.next_offset = base_offset
        self.first_time_ms = -1
        self.last_time_ms = -1
        self.synced_size = 0
        """Bytes that are durable in this file itself, not only in the write-ahead log."""
        self.named = False
        """Whether the file's name is durable in its folder."""
        self._index: SparseIndex | None = SparseIndex()
        self._writer: File | None = None

    # Appending -------------------------------------------------------------------------------

    def assign(self, header: BatchHeader, base_offset: int, time_ms: int) -> int:
        """Give a batch its position; returns it."""
        position = self.size
        self.index.add(base_offset, position, time_ms, header.size)
        self.size += header.size
        self.next_offset = base_offset + header.last_offset_delta + 1
        if self.first_time_ms < 0:
            self.first_time_ms = time_ms
        self.last_time_ms = time_ms
        return position

    def writer(self, disk: Disk) -> File:
        """The file for writing, created when missing; used by one thread at a time."""
        if self._writer is None:
            self._writer = disk.open(self.path, create=True)
        return self._writer

    def close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # Reading ---------------------------------------------------------------------------------

    @property
    def index(self) -> SparseIndex:
        """The index; of a closed segment it is loaded (or built) at its first use."""
        if self._index is None:
            self._index = load_index(self._files.disk, self.index_path, self.size)
            if self._index.covered < self.size:
                start = self._index.covered
                for position, header in self.headers(start, self.size):
                    self._index.add(header.base_offset, position, header.max_timestamp, header.size)
        return self._index

    def set_index(self, index: SparseIndex | None) -> None:
        self._index = index

    def read(self, offset: int, max_bytes: int) -> memoryview:
        """Durable batches from the one that holds `offset` (or the next higher one) on.

        At least one whole batch; the last one may be cut short, as the protocol allows.
        Empty when nothing durable lies at or beyond `offset`.

        Raises:
            BatchCorrupt: the file does not hold what was durable there.
        """
        file = self._files.get(self.path)
        position, end = self.index.position_of(offset), self.durable_size
        while end - position >= HEADER_SIZE:
            data = memoryview(file.pread(min(max_bytes + READ_AHEAD_BYTES, end - position), position))
            at = 0
            while len(data) - at >= PEEK_BYTES:
                size = read_prefix(data, at)[1]
                if size < HEADER_SIZE:
                    raise BatchCorrupt(f"{self.path}: no batch at byte {position + at}")
                if read_last_offset(data, at) >= offset:
                    wanted = min(max(max_bytes, size), end - position - at)
                    if at + wanted <= len(data):
                        return data[at : at + wanted]
                    return self._whole(memoryview(file.pread(wanted, position + at)), size, position + at)
                at += size
            if not at:
                raise BatchCorrupt(f"{self.path}: no whole batch at byte {position}")
            position += at
        return memoryview(b"")

    def _whole(self, data: memoryview, size: int, position: int) -> memoryview:
        if len(data) < size:
            raise BatchCorrupt(f"{self.path}: no whole batch at byte {position}")
        return data

    def headers(self, start: int, end: int) -> Iterator[tuple[int, BatchHeader]]:
        """Position and header of every batch in [start, end), without checking CRCs."""
        position = start
        data, at = memoryview(b""), 0
        while position < end:
            if len(data) - at < HEADER_SIZE:
                data = memoryview(self._files.get(self.path).pread(min(SCAN_BYTES, end - position), position))
                at = 0
            header = parse_header(data, at)
            yield position, header
            position += header.size
            at = min(at + header.size, len(data))

    def first_at_or_after(self, time_ms: int) -> BatchHeader | None:
        """The first durable batch appended at or after `time_ms`."""
        for _, header in self.headers(self.index.position_of_time(time_ms), self.durable_size):
            if header.max_timestamp >= time_ms:
                return header
        return None


def load_index(disk: Disk, path: str, size: int) -> SparseIndex:
    """The stored index cut to `size`; an empty one when it is missing or damaged."""
    index = None
    if disk.exists(path):
        file = disk.open(path)
        try:
            index = SparseIndex.decoded(file.pread(file.size(), 0))
        finally:
            file.close()
    if index is None:
        return SparseIndex()
    if index.covered > size:
        index.cut(size)
    return index


def sound_batches(file: File, start: int, expected_offset: int) -> Iterator[tuple[int, BatchHeader, memoryview]]:
    """Batches from `start` on whose lengths, offsets and CRCs are right; ends at the first that is not.

    What follows a torn or missing batch cannot have been acknowledged through this file.
    """
    end, position = file.size(), start
    data, at = memoryview(b""), 0
    while end - position >= HEADER_SIZE:
        if len(data) - at < HEADER_SIZE:
            data, at = memoryview(file.pread(min(SCAN_BYTES, end - position), position)), 0
        try:
            header = parse_header(data, at)
        except BatchInvalid:
            return
        if header.base_offset != expected_offset or header.last_offset_delta < 0:
            return
        if header.size > end - position:
            return
        if header.size > len(data) - at:
            data, at = memoryview(file.pread(max(header.size, min(SCAN_BYTES, end - position)), position)), 0
        batch = data[at : at + header.size]
        if not crc_is_right(batch):
            return
        yield position, header, batch
        position += header.size
        at += header.size
        expected_offset = header.next_offset
