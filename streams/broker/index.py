"""Sparse index of a segment: about one entry every 4 KiB, by offset and by append time.

An entry says that a batch with this base offset and append time starts at this position. Both
rise along the segment, so both look-ups are bisections. The file is a cache: it carries a CRC
and how far it reaches, is never synced, and is built again from the segment when it is wrong.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from struct import Struct, error
from typing import Final

from crc32c import crc32c

from streams.broker.disk import Disk
from streams.broker.limits import INDEX_INTERVAL_BYTES

_HEADER: Final = Struct(">4sIQQ")  # magic, CRC of the entries, number of entries, bytes of segment covered
_MAGIC: Final = b"GVI1"


class SparseIndex:
    """Entries of one segment, in memory."""

    __slots__ = ("_offsets", "_positions", "_times", "covered")

    def __init__(self) -> None:
        self._offsets = array("q")
        self._positions = array("q")
        self._times = array("q")
        self.covered = 0
        """Bytes of the segment that the entries describe."""

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, base_offset: int, position: int, time_ms: int, size: int) -> None:
        """Note a batch that was appended at `position`; most need no entry."""
        positions = self._positions
        if not positions or position - positions[-1] >= INDEX_INTERVAL_BYTES:
            self._offsets.append(base_offset)
            positions.append(position)
            self._times.append(time_ms)
        self.covered = position + size

    def position_of(self, offset: int) -> int:
        """Where to start looking for the batch that holds `offset`."""
        at = bisect_right(self._offsets, offset) - 1
        return self._positions[at] if at >= 0 else 0

    def position_of_time(self, time_ms: int) -> int:
        """Where to start looking for the first batch appended at or after `time_ms`."""
        at = bisect_left(self._times, time_ms) - 1
        return self._positions[at] if at >= 0 else 0

    def cut(self, size: int) -> None:
        """Forget what lies at or beyond `size` bytes."""
        keep = bisect_left(self._positions, size)
        del self._offsets[keep:]
        del self._positions[keep:]
        del self._times[keep:]
        self.covered = min(self.covered, size)

    def encoded(self) -> bytes:
        """The whole file."""
        entries = self._offsets.tobytes() + self._positions.tobytes() + self._times.tobytes()
        return _HEADER.pack(_MAGIC, crc32c(entries), len(self), self.covered) + entries

    @classmethod
    def decoded(cls, data: bytes) -> SparseIndex | None:
        """The index in a file's bytes, or None when they are damaged or unfinished."""
        try:
            magic, crc, count, covered = _HEADER.unpack_from(data)
        except error:
            return None
        entries = memoryview(data)[_HEADER.size :]
        if magic != _MAGIC or len(entries) != count * 24 or crc32c(entries) != crc:
            return None
        index = cls()
        index._offsets.frombytes(entries[: count * 8])
        index._positions.frombytes(entries[count * 8 : count * 16])
        index._times.frombytes(entries[count * 16 :])
        index.covered = covered
        return index


def write_index(disk: Disk, path: str, content: bytes) -> None:
    """Store what `encoded` gave. A crash in between leaves bytes that `decoded` refuses."""
    file = disk.open(path, create=True)
    try:
        file.pwrite([content], 0)
        file.truncate(len(content))
    finally:
        file.close()
