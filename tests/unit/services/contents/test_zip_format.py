"""The 64-bit forms of ZIP, which only huge archives need, checked with a reader that knows them."""

import io
import zipfile

from govault.services.contents.zip_format import (
    DEFLATED,
    STORED,
    Member,
    Written,
    directory_entry,
    end_of_directory,
    local_header,
)


class _Sparse(io.RawIOBase):
    """A file that is zero but for its end."""

    def __init__(self, size: int, tail: bytes) -> None:
        self._size, self._tail, self._at = size, tail, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = {0: 0, 1: self._at, 2: self._size + len(self._tail)}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size + len(self._tail)
        stop = end if size < 0 else min(end, self._at + size)
        assert stop - self._at < 1 << 24
        zeros = max(0, min(stop, self._size) - self._at)
        begin = max(self._at - self._size, 0)
        out = bytes(zeros) + self._tail[begin : max(stop - self._size, 0)]
        self._at = stop
        return out


def test_sizes_and_offsets_beyond_4_gib_are_told_in_64_bits() -> None:
    huge = Member(b"huge", 0o100644, 0, 10 * 2**32)
    after = Member(b"after", 0o100644, 0, 3)
    offset = 11 * 2**32
    directory = directory_entry(Written(huge, DEFLATED, 1, 5 * 2**32, 0, True))
    directory += directory_entry(Written(after, STORED, 2, 3, offset, False))
    begin = offset + 100
    tail = directory + end_of_directory(2, len(directory), begin)
    archive = zipfile.ZipFile(_Sparse(begin, tail))  # type: ignore[arg-type]
    first, second = archive.infolist()
    assert (first.file_size, first.compress_size, first.header_offset) == (10 * 2**32, 5 * 2**32, 0)
    assert (second.file_size, second.header_offset) == (3, offset)
    assert local_header(huge, DEFLATED).count(b"\x01\x00\x10\x00") == 1


def test_more_than_65535_entries_are_counted_in_64_bits() -> None:
    count = 70_000
    directory = b"".join(
        directory_entry(Written(Member(b"%d" % n, 0o100644, 0, 0), STORED, 0, 0, 0, False)) for n in range(count)
    )
    archive = zipfile.ZipFile(io.BytesIO(directory + end_of_directory(count, len(directory), 0)))
    assert len(archive.infolist()) == count


def test_times_that_dos_cannot_say_are_clamped() -> None:
    for seconds in (-(2**40), 0, 2**40):
        entry = directory_entry(Written(Member(b"x", 0o100644, seconds, 0), STORED, 0, 0, 0, False))
        archive = zipfile.ZipFile(io.BytesIO(entry + end_of_directory(1, len(entry), 0)))
        assert 1980 <= archive.infolist()[0].date_time[0] <= 2107
