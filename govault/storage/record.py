"""The bytes of a pack: a pack header, then self-describing records.

Pack header (24 bytes): magic, pack number u32, key check (8 bytes that tell one vault's keys from another's), CRC32C
of the former u32.
Record: header (68 bytes, below), then the sealed content: ciphertext and 16 bytes of AES-GCM tag. The header is the
seal's associated data, so that nothing of a record can be exchanged unnoticed; its own CRC32C lets a scanner find
records without opening them. Integers are big-endian.
"""

import struct
from typing import NamedTuple

from crc32c import crc32c

from govault.limits import CHUNK_BYTES_MAX, KIB
from govault.storage.disk import Buffer
from schemas.ids import ChunkId

PACK_MAGIC = b"GVPACK\x00\x01"
PACK_HEADER_BYTES = 24
KEY_CHECK_BYTES = 8
RECORD_MAGIC = b"\xf1GVr"
TAG_BYTES = 16
STORED_BYTES_MAX = CHUNK_BYTES_MAX + 64 * KIB

_FIELDS = struct.Struct(">4sBxHIII32s12s")
_CRC = struct.Struct(">I")
_PACK_FIELDS = struct.Struct(">8sI8s")
RECORD_HEADER_BYTES = _FIELDS.size + _CRC.size
_FORMAT = 1


class RecordHeader(NamedTuple):
    """What a record says of itself.

    Attributes:
        stored_bytes: Sealed content, tag included, without this header.
    """

    codec: int
    sealing_epoch: int
    plain_bytes: int
    stored_bytes: int
    chunk_id: ChunkId
    nonce: bytes

    @property
    def record_bytes(self) -> int:
        """The whole record, header included."""
        return RECORD_HEADER_BYTES + self.stored_bytes

    def encode(self) -> bytes:
        """The 68 bytes."""
        fields = _FIELDS.pack(
            RECORD_MAGIC,
            self.codec,
            _FORMAT,
            self.sealing_epoch,
            self.plain_bytes,
            self.stored_bytes,
            self.chunk_id,
            self.nonce,
        )
        return fields + _CRC.pack(crc32c(fields))


def decode_header(raw: Buffer) -> RecordHeader | None:
    """The header that the bytes begin with; None where they are none."""
    if len(raw) < RECORD_HEADER_BYTES or raw[:4] != RECORD_MAGIC:
        return None
    if _CRC.unpack_from(raw, _FIELDS.size)[0] != crc32c(raw[: _FIELDS.size]):
        return None
    _, codec, record_format, epoch, plain_bytes, stored_bytes, chunk_id, nonce = _FIELDS.unpack_from(raw)
    if record_format != _FORMAT or not TAG_BYTES <= stored_bytes <= STORED_BYTES_MAX or plain_bytes > CHUNK_BYTES_MAX:
        return None
    return RecordHeader(codec, epoch, plain_bytes, stored_bytes, ChunkId(chunk_id), nonce)


def encode_pack_header(number: int, key_check: bytes) -> bytes:
    """The first bytes of a pack."""
    fields = _PACK_FIELDS.pack(PACK_MAGIC, number, key_check)
    return fields + _CRC.pack(crc32c(fields))


def decode_pack_header(raw: bytes) -> tuple[int, bytes] | None:
    """The number and key check of a pack; None where the header is damaged."""
    if len(raw) < PACK_HEADER_BYTES or _CRC.unpack_from(raw, _PACK_FIELDS.size)[0] != crc32c(raw[: _PACK_FIELDS.size]):
        return None
    magic, number, key_check = _PACK_FIELDS.unpack_from(raw)
    return (number, key_check) if magic == PACK_MAGIC else None


def pack_name(number: int) -> str:
    """The file name of a pack."""
    return f"{number:08d}.pack"


def pack_number(name: str) -> int | None:
    """The number of a pack file's name; None where it is not one."""
    stem, dot, suffix = name.partition(".")
    return int(stem) if dot and suffix == "pack" and len(stem) == 8 and stem.isascii() and stem.isdigit() else None
