"""The records inside a batch, for compaction alone: everything else leaves batches opaque.

Record (Kafka protocol guide, "Record"), all numbers zigzag varints: length · attributes i8 ·
timestamp delta · offset delta · key length and key (-1: null) · value length and value · headers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct

from crc32c import crc32c

from streams.broker.batches import CRC_START, HEADER_SIZE, PREFIX_SIZE, BatchCorrupt, BatchHeader, BatchInvalid
from streams.broker.limits import UNCOMPRESSED_BYTES_MAX

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
_LENGTH = Struct(">i")
_CRC = Struct(">I")


class CodecUnsupported(BatchInvalid):
    """A codec that compaction cannot read; topics that are compacted refuse it."""


@dataclass(slots=True, frozen=True)
class Record:
    """What compaction needs of a record."""

    offset_delta: int
    key: bytes | None
    is_tombstone: bool
    raw: bytes
    """The record as it stands in the (uncompressed) batch."""


def records_of(header: BatchHeader, batch: bytes | memoryview) -> list[Record]:
    """Take a batch apart.

    Raises:
        CodecUnsupported: compressed with something else than gzip, lz4 or zstd.
        BatchCorrupt: it does not hold what its header says.
    """
    data = decompressed(header.codec, bytes(batch[HEADER_SIZE : header.size]))
    out: list[Record] = []
    at = 0
    try:
        for _ in range(header.record_count):
            record, at = _record(data, at)
            out.append(record)
    except IndexError:
        raise BatchCorrupt("records end before they should") from None
    if at != len(data):
        raise BatchCorrupt("bytes behind the last record")
    return out


def _record(data: bytes, start: int) -> tuple[Record, int]:
    length, at = _varint(data, start)
    end = at + length
    if length < 0 or end > len(data):
        raise BatchCorrupt(f"a record of {length} bytes")
    _, at = _varint(data, at + 1)
    offset_delta, at = _varint(data, at)
    size, at = _varint(data, at)
    key = None
    if size >= 0:
        key = data[at : at + size]
        at += size
    value_size, at = _varint(data, at)
    if at > end:
        raise BatchCorrupt("a key longer than its record")
    return Record(offset_delta, key, value_size < 0, data[start:end]), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise BatchCorrupt("a varint of more than ten bytes")


def with_records(header: BatchHeader, batch: bytes | memoryview, kept: list[Record]) -> bytes:
    """The batch with some of its records: same offsets and times, new length, count and CRC."""
    body = compressed(header.codec, b"".join(record.raw for record in kept))
    out = bytearray(batch[:HEADER_SIZE]) + body
    _LENGTH.pack_into(out, 8, len(out) - PREFIX_SIZE)
    _LENGTH.pack_into(out, HEADER_SIZE - 4, len(kept))
    _CRC.pack_into(out, 17, crc32c(memoryview(out)[CRC_START:]))
    return bytes(out)


def decompressed(codec: int, data: bytes) -> bytes:
    """Raises CodecUnsupported, or BatchCorrupt for damaged or unreasonably large content."""
    if codec == NONE:
        return data
    try:
        out = _decompressed(codec, data)
    except CodecUnsupported:
        raise
    except (zlib.error, RuntimeError, ValueError, EOFError) as problem:
        raise BatchCorrupt(f"cannot decompress: {problem}") from problem
    if len(out) > UNCOMPRESSED_BYTES_MAX:
        raise BatchCorrupt(f"more than {UNCOMPRESSED_BYTES_MAX} bytes when decompressed")
    return out


def _decompressed(codec: int, data: bytes) -> bytes:
    # Imported here: only brokers with compacted topics and compressing producers need them.
    if codec == GZIP:
        return zlib.decompressobj(wbits=31).decompress(data, UNCOMPRESSED_BYTES_MAX + 1)
    if codec == LZ4:
        import lz4.frame

        out: bytes = lz4.frame.LZ4FrameDecompressor().decompress(data, UNCOMPRESSED_BYTES_MAX + 1)
        return out
    if codec == ZSTD:
        import zstandard

        try:
            with zstandard.ZstdDecompressor().stream_reader(data) as reader:
                return reader.read(UNCOMPRESSED_BYTES_MAX + 1)
        except zstandard.ZstdError as problem:
            raise ValueError(str(problem)) from problem
    raise CodecUnsupported("compacted topics take no snappy; use gzip, lz4 or zstd")


def compressed(codec: int, data: bytes) -> bytes:
    """The inverse, with each codec's default level."""
    if codec == GZIP:
        packer = zlib.compressobj(wbits=31)
        return packer.compress(data) + packer.flush()
    if codec == LZ4:
        import lz4.frame

        out: bytes = lz4.frame.compress(data)
        return out
    if codec == ZSTD:
        import zstandard

        return zstandard.ZstdCompressor().compress(data)
    return data
