"""Reads a pack from front to back without an index: every record that is whole, and the gaps between them."""

from collections.abc import Iterator
from typing import NamedTuple

from govault.limits import MIB
from govault.storage.disk import File
from govault.storage.record import RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, decode_header

_SEARCH_BYTES = 1 * MIB


class Found(NamedTuple):
    """A record whose header is whole and that fits into the file; its content is not checked."""

    offset: int
    header: RecordHeader

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + self.header.record_bytes


def scan(file: File, start: int, end: int) -> Iterator[Found]:
    """Records between two positions, in order. Where a header is damaged, the search goes on behind it."""
    position = start
    while position < end:
        header = decode_header(file.pread(RECORD_HEADER_BYTES, position))
        if header is not None and position + header.record_bytes <= end:
            found = Found(position, header)
            yield found
            position = found.end
        else:
            position = _next_magic(file, position + 1, end)


def _next_magic(file: File, start: int, end: int) -> int:
    """The next place that looks like a record; ``end`` where there is none."""
    position = start
    while position < end:
        window = file.pread(min(_SEARCH_BYTES, end - position), position)
        at = window.find(RECORD_MAGIC)
        if at >= 0:
            return position + at
        if len(window) < _SEARCH_BYTES:
            break
        # A magic may straddle two windows.
        position += len(window) - len(RECORD_MAGIC) + 1
    return end
