"""The ZIP format as a stream (PKWARE APPNOTE 6.3): headers, descriptors, the central directory with its 64-bit forms.

Nothing here reads or waits. Names are UTF-8 (flag 11), times are UTC, modes are Unix modes; the extended timestamp
(0x5455) carries the exact second.
"""

import struct
from datetime import UTC, datetime
from typing import NamedTuple

STORED, DEFLATED = 0, 8
_VERSION = 45
_MADE_BY_UNIX = 3 << 8 | _VERSION
_UTF8 = 1 << 11
_DESCRIPTOR = 1 << 3
_U16, _U32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_BELOW_MAX = 64 * 1024 * 1024
"""Incompressible data grows a little when it is deflated: sizes this near to 4 GiB take the 64-bit form as well."""


class Member(NamedTuple):
    """One entry of an archive.

    Attributes:
        name: Its path; a folder's ends with ``/``.
        mode: Unix file type and permissions.
        mtime_s: Seconds since the epoch.
        size_bytes: Of the plain content.
    """

    name: bytes
    mode: int
    mtime_s: int
    size_bytes: int

    @property
    def wide(self) -> bool:
        """Whether its sizes need 64 bits."""
        return self.size_bytes > _U32 - _ZIP64_BELOW_MAX


class Written(NamedTuple):
    """What an entry turned out to be, and where it begins."""

    member: Member
    method: int
    crc: int
    packed_bytes: int
    offset: int
    streamed: bool


def local_header(member: Member, method: int) -> bytes:
    """The header of an entry whose checksum and sizes follow in a descriptor."""
    extra = _timestamp(member)
    if member.wide:
        extra += struct.pack("<HHQQ", 1, 16, 0, 0)
    return _local(member, method, _UTF8 | _DESCRIPTOR, 0, _U32 if member.wide else 0, _U32 if member.wide else 0, extra)


def whole_header(member: Member, method: int, crc: int, packed_bytes: int) -> bytes:
    """The header of an entry that is known whole (and is small)."""
    return _local(member, method, _UTF8, crc, packed_bytes, member.size_bytes, _timestamp(member))


def descriptor(member: Member, crc: int, packed_bytes: int) -> bytes:
    """What follows the bytes of a streamed entry."""
    return struct.pack("<4sLQQ" if member.wide else "<4sLLL", b"PK\x07\x08", crc, packed_bytes, member.size_bytes)


def directory_entry(written: Written) -> bytes:
    """The entry's record in the central directory."""
    member = written.member
    long_fields = [value for value in (member.size_bytes, written.packed_bytes, written.offset) if value >= _U32]
    extra = _timestamp(member)
    if long_fields:
        extra += struct.pack(f"<HH{len(long_fields)}Q", 1, 8 * len(long_fields), *long_fields)
    time, date = _dos_time(member.mtime_s)
    is_folder = member.name.endswith(b"/")
    fixed = struct.pack(
        "<4sHHHHHHLLLHHHHHLL",
        b"PK\x01\x02",
        _MADE_BY_UNIX,
        _VERSION,
        _UTF8 | (_DESCRIPTOR if written.streamed else 0),
        written.method,
        time,
        date,
        written.crc,
        min(written.packed_bytes, _U32),
        min(member.size_bytes, _U32),
        len(member.name),
        len(extra),
        0,
        0,
        0,
        (member.mode << 16) | (0x10 if is_folder else 0),
        min(written.offset, _U32),
    )
    return fixed + member.name + extra


def end_of_directory(entries: int, directory_bytes: int, directory_offset: int) -> bytes:
    """The end of the archive."""
    end = b""
    if entries >= _U16 or directory_bytes >= _U32 or directory_offset >= _U32:
        end = struct.pack(
            "<4sQHHLLQQQQ",
            b"PK\x06\x06",
            44,
            _MADE_BY_UNIX,
            _VERSION,
            0,
            0,
            entries,
            entries,
            directory_bytes,
            directory_offset,
        ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, directory_offset + directory_bytes, 1)
    count = min(entries, _U16)
    return end + struct.pack(
        "<4sHHHHLLH",
        b"PK\x05\x06",
        0,
        0,
        count,
        count,
        min(directory_bytes, _U32),
        min(directory_offset, _U32),
        0,
    )


def _local(member: Member, method: int, flags: int, crc: int, packed: int, plain: int, extra: bytes) -> bytes:
    time, date = _dos_time(member.mtime_s)
    fixed = struct.pack(
        "<4sHHHHHLLLHH",
        b"PK\x03\x04",
        _VERSION,
        flags,
        method,
        time,
        date,
        crc,
        packed,
        plain,
        len(member.name),
        len(extra),
    )
    return fixed + member.name + extra


def _timestamp(member: Member) -> bytes:
    seconds = min(max(member.mtime_s, -(2**31)), 2**31 - 1)
    return struct.pack("<HHBl", 0x5455, 5, 1, seconds)


def _dos_time(seconds: int) -> tuple[int, int]:
    """The old two-second form, clamped to the years it can say."""
    moment = datetime.fromtimestamp(min(max(seconds, 315_532_800), 4_354_819_198), UTC)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day
