"""The bytes of a pack: a pack header, then self-describing records.

Pack header (24 bytes): magic, pack number u32, key check (8 bytes that tell one vault's keys from another's), CRC32C
of the former u32.
Record: header (68 bytes, below), for a bundle the table of its chunks, then the sealed content: ciphertext and 16
bytes of AES-GCM tag. Header and table are the seal's associated data, so that nothing of a record can be exchanged
unnoticed; their own CRC32C let a scanner list chunks without opening records. Integers are big-endian.
Table (6 bytes and 36 a chunk): count u16, then id and plain size (u32) of each chunk in the order of the content,
which is their plaintexts one after the other; CRC32C of the former u32.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from crc32c import crc32c

from govault.domain import manifest
from govault.domain.manifest import PACKED_CHUNK_BYTES, ChunkRef
from govault.limits import CHUNK_BYTES_MAX, KIB
from govault.storage.disk import Buffer
from schemas.ids import ChunkId

PACK_MAGIC = b"GVPACK\x00\x01"
PACK_HEADER_BYTES = 24
KEY_CHECK_BYTES = 8
RECORD_MAGIC = b"\xf1GVr"
TAG_BYTES = 16
STORED_BYTES_MAX = CHUNK_BYTES_MAX + 64 * KIB
BUNDLE_CHUNKS_MAX = 1024

_FIELDS = struct.Struct(">4sBxHIII32s12s")
_CRC = struct.Struct(">I")
_PACK_FIELDS = struct.Struct(">8sI8s")
_COUNT = struct.Struct(">H")
RECORD_HEADER_BYTES = _FIELDS.size + _CRC.size
_FORMAT = 1
_FORMAT_BUNDLE = 2


class RecordHeader(NamedTuple):
    """What a record says of itself.

    Attributes:
        stored_bytes: Sealed content, tag included, and a bundle's table, without this header.
        chunk_id: The chunk's; a bundle's is the hash of its table.
        is_bundle: Whether a table of several chunks follows.
    """

    codec: int
    sealing_epoch: int
    plain_bytes: int
    stored_bytes: int
    chunk_id: ChunkId
    nonce: bytes
    is_bundle: bool = False

    @property
    def record_bytes(self) -> int:
        """The whole record, header included."""
        return RECORD_HEADER_BYTES + self.stored_bytes

    def encode(self) -> bytes:
        """The 68 bytes."""
        fields = _FIELDS.pack(
            RECORD_MAGIC,
            self.codec,
            _FORMAT_BUNDLE if self.is_bundle else _FORMAT,
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
    if record_format not in (_FORMAT, _FORMAT_BUNDLE):
        return None
    if not TAG_BYTES <= stored_bytes <= STORED_BYTES_MAX or plain_bytes > CHUNK_BYTES_MAX:
        return None
    is_bundle = record_format == _FORMAT_BUNDLE
    return RecordHeader(codec, epoch, plain_bytes, stored_bytes, ChunkId(chunk_id), nonce, is_bundle)


def encode_table(chunks: Sequence[ChunkRef]) -> bytes:
    """A bundle's table."""
    fields = _COUNT.pack(len(chunks)) + manifest.pack(chunks)
    return fields + _CRC.pack(crc32c(fields))


def table_bytes(record: Buffer) -> int:
    """The size of the table that a bundle's record announces."""
    if len(record) < RECORD_HEADER_BYTES + _COUNT.size:
        return 0
    count: int = _COUNT.unpack_from(record, RECORD_HEADER_BYTES)[0]
    return _COUNT.size + count * PACKED_CHUNK_BYTES + _CRC.size


def chunks_of(header: RecordHeader, record: Buffer) -> list[ChunkRef]:
    """The chunks of a record, in the order of its content; none where a bundle's table is damaged.

    They are what the record says, not yet what was sealed.
    """
    if not header.is_bundle:
        return [ChunkRef(header.chunk_id, header.plain_bytes)]
    table = bytes(record[RECORD_HEADER_BYTES : RECORD_HEADER_BYTES + table_bytes(record)])
    fields = table[: -_CRC.size]
    if len(fields) <= _COUNT.size or _CRC.unpack_from(table, len(fields))[0] != crc32c(fields):
        return []
    chunks = list(manifest.unpack(fields[_COUNT.size :]))
    return chunks if sum(chunk.size_bytes for chunk in chunks) == header.plain_bytes else []


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
