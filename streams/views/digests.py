"""The two digests of a folded partition.

*History* is a hash chain over every record: position, key, headers, time and value. *View* is a multiset hash of the
state: the sum, modulo 2**256, of the keyed BLAKE3 of every current row, so that it follows each change in constant
time and does not depend on order (Clarke et al., "Incremental Multiset Hash Functions", 2003: MSet-Add-Hash, which
needs the key to be secret).
"""

import struct

from blake3 import blake3

from schemas.topics import Topic
from streams.records import Record

MODULUS_MASK = (1 << 256) - 1
_number = int.from_bytes
_length = struct.Struct(">I").pack
_LENGTHS = [struct.Struct(f">QqI{count}I").pack for count in range(16)]
"""Packs offset, time, the count of a record's fields and their lengths; by the count."""


def history_start(key: bytes, topic: Topic, partition: int) -> bytes:
    """The chain before the first record."""
    return blake3(f"govault-history\0{topic.value}\0{partition}".encode(), key=key).digest()


def record_hash(key: bytes, record: Record) -> bytes:
    """What stands for one record in the chain: offset, time, then every field behind all their lengths."""
    fields = [record.key]
    for name, content in record.headers:
        fields.append(name.encode())
        fields.append(content)
    count = len(fields)
    pack = _LENGTHS[count] if count < len(_LENGTHS) else struct.Struct(f">QqI{count}I").pack
    lengths = pack(record.position[2], record.time_ms, count, *map(len, fields))
    fields.append(record.value)
    return blake3(lengths + b"".join(fields), key=key).digest()


def history_next(history: bytes, hashed: bytes) -> bytes:
    """The chain after one more record."""
    return blake3(history + hashed).digest()


def row_digest(key: bytes, row_key: bytes, value: bytes) -> int:
    """What one stored row adds to the view digest; ``row_key`` has the partition's prefix."""
    return _number(blake3(_length(len(row_key)) + row_key + value, key=key).digest(), "big")
