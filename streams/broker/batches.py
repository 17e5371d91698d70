"""Record batches (format v2): checked once at the door, then opaque bytes.

Layout (Kafka protocol guide, "Record Batch"): base offset i64 · length i32 (of what follows) ·
leader epoch i32 · magic i8 · CRC32C u32 (of what follows) · attributes i16 · last offset delta
i32 · base timestamp i64 · max timestamp i64 · producer id i64 · producer epoch i16 · base
sequence i32 · record count i32 · records. The base offset and leader epoch lie outside the CRC;
the append time lies inside, so stamping it computes the CRC anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from crc32c import crc32c

HEADER: Final = Struct(">qiibIhiqqqhii")
HEADER_SIZE: Final = HEADER.size  # 61
PREFIX_SIZE: Final = 12
"""Base offset and length: what must be read to know where a batch ends."""
CRC_START: Final = 21
MAGIC: Final = 2
LEADER_EPOCH: Final = 0
NO_PRODUCER: Final = -1

_CODEC_MASK: Final = 0x07
_CODEC_MAX: Final = 4
_APPEND_TIME: Final = 0x08
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
_SEQUENCE_MODULUS: Final = 1 << 31

_PREFIX = Struct(">qi")
_OFFSETS = Struct(">qiib")
_CRC = Struct(">I")
_ATTRIBUTES = Struct(">h")
_INT64 = Struct(">q")


class BatchInvalid(ValueError):
    """The bytes are no batch that this log takes."""


class BatchCorrupt(BatchInvalid):
    """The checksum or the lengths do not agree: damaged under way."""


class BatchFormatUnsupported(BatchInvalid):
    """A message set of the formats before v2 (before Kafka 0.11)."""


@dataclass(slots=True, frozen=True)
class BatchHeader:
    """The fields of a batch that the log looks at."""

    base_offset: int
    size: int
    """Of the whole batch, bytes."""
    attributes: int
    last_offset_delta: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        return (self.base_sequence + self.last_offset_delta) % _SEQUENCE_MODULUS

    @property
    def codec(self) -> int:
        return self.attributes & _CODEC_MASK


def next_sequence(sequence: int) -> int:
    """Sequences wrap from 2^31-1 to 0."""
    return (sequence + 1) % _SEQUENCE_MODULUS


def is_before(sequence: int, other: int) -> bool:
    """Whether a sequence was used up to half a turn before the other: numbers alone do not tell after a wrap."""
    return 0 < (other - sequence) % _SEQUENCE_MODULUS < _SEQUENCE_MODULUS // 2


def parse_header(data: bytes | bytearray | memoryview, at: int = 0) -> BatchHeader:
    """Read a header without checking the CRC.

    Raises:
        BatchCorrupt: too short, or lengths that cannot be.
        BatchFormatUnsupported: another magic.
    """
    if len(data) - at < HEADER_SIZE:
        # The magic byte stands at the same place in all formats.
        if len(data) - at > 16 and data[at + 16] < MAGIC:
            raise BatchFormatUnsupported(f"message format {data[at + 16]} is not supported, only {MAGIC}")
        raise BatchCorrupt(f"{len(data) - at} bytes are no batch header ({HEADER_SIZE})")
    (base, length, _, magic, _, attributes, last_delta, _, max_timestamp, pid, epoch, sequence, count) = (
        HEADER.unpack_from(data, at)
    )
    if magic != MAGIC:
        raise BatchFormatUnsupported(f"message format {magic} is not supported, only {MAGIC}")
    if length < HEADER_SIZE - PREFIX_SIZE:
        raise BatchCorrupt(f"batch length {length} is too small")
    return BatchHeader(base, length + PREFIX_SIZE, attributes, last_delta, max_timestamp, pid, epoch, sequence, count)


def crc_is_right(batch: bytes | bytearray | memoryview) -> bool:
    """Compare the CRC field with the content of exactly one batch."""
    stored: int = _CRC.unpack_from(batch, 17)[0]
    return stored == crc32c(memoryview(batch)[CRC_START:])


def check_produced(batch: bytes) -> BatchHeader:
    """Everything a produced batch must satisfy before it may be stored.

    Raises:
        BatchCorrupt, BatchFormatUnsupported, BatchInvalid: and nothing was changed.
    """
    header = parse_header(batch)
    if header.size != len(batch):
        if 0 < header.size < len(batch):
            raise BatchInvalid("a produce request holds exactly one batch a partition")
        raise BatchCorrupt(f"batch of {header.size} bytes in {len(batch)} bytes")
    if not crc_is_right(batch):
        raise BatchCorrupt("the batch's CRC32C does not match its content")
    if header.attributes & (_TRANSACTIONAL | _CONTROL):
        raise BatchInvalid("transactional and control batches are not supported")
    if header.codec > _CODEC_MAX:
        raise BatchInvalid(f"unknown compression codec {header.codec}")
    if header.record_count < 1 or header.last_offset_delta != header.record_count - 1:
        raise BatchInvalid(f"{header.record_count} records with last offset delta {header.last_offset_delta}")
    if header.producer_id >= 0 and (header.producer_epoch < 0 or header.base_sequence < 0):
        raise BatchInvalid("an idempotent batch needs an epoch and a sequence")
    return header


def stamped(batch: bytes, base_offset: int, append_time_ms: int) -> bytearray:
    """A copy with its place in the log, the append time as its timestamp, and a new CRC."""
    out = bytearray(batch)
    _OFFSETS.pack_into(out, 0, base_offset, len(out) - PREFIX_SIZE, LEADER_EPOCH, MAGIC)
    attributes: int = _ATTRIBUTES.unpack_from(out, CRC_START)[0]
    _ATTRIBUTES.pack_into(out, CRC_START, attributes | _APPEND_TIME)
    _INT64.pack_into(out, 35, append_time_ms)
    _CRC.pack_into(out, 17, crc32c(memoryview(out)[CRC_START:]))
    return out


def read_prefix(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Base offset and whole size of the batch at `at`; 12 bytes must be there."""
    base, length = _PREFIX.unpack_from(data, at)
    return base, length + PREFIX_SIZE


def read_last_offset(data: bytes | memoryview, at: int) -> int:
    """Last offset of the batch at `at`; 27 bytes must be there."""
    base: int = _INT64.unpack_from(data, at)[0]
    return base + int.from_bytes(data[at + 23 : at + 27], "big")
