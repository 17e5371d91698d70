"""The two digests of a folded partition.

*History* is a hash chain over every record: position, key, headers, time and value. *View* is a multiset hash of the
state: the sum, modulo 2**256, of the keyed BLAKE3 of every current row, so that it follows each change in constant
time and does not depend on order (Clarke et al., "Incremental Multiset Hash Functions", 2003: MSet-Add-Hash, which
needs the key to be secret).
"""

from blake3 import blake3

from schemas.topics import Topic
from streams.records import Record

MODULUS_MASK = (1 << 256) - 1


def history_start(key: bytes, topic: Topic, partition: int) -> bytes:
    """The chain before the first record."""
    return blake3(f"govault-history\0{topic.value}\0{partition}".encode(), key=key).digest()


def record_hash(key: bytes, record: Record) -> bytes:
    """What stands for one record in the chain. Every field is preceded by its length."""
    pieces = [record.position.offset.to_bytes(8, "big"), record.time_ms.to_bytes(8, "big", signed=True)]
    for field in (record.key, *(piece for name, content in record.headers for piece in (name.encode(), content))):
        pieces += (len(field).to_bytes(4, "big"), field)
    pieces += (b"\xff\xff\xff\xff", record.value)
    return blake3(b"".join(pieces), key=key).digest()


def history_next(history: bytes, hashed: bytes) -> bytes:
    """The chain after one more record."""
    return blake3(history + hashed).digest()


def row_digest(key: bytes, row_key: bytes, value: bytes) -> int:
    """What one stored row adds to the view digest; ``row_key`` has the partition's prefix."""
    return int.from_bytes(blake3(len(row_key).to_bytes(4, "big") + row_key + value, key=key).digest(), "big")
