"""The two digests of a folded partition.

*History* is a hash chain over every record: position, key, headers, time and value. *View* is a multiset hash of the
state: the sum, modulo 2**256, of the keyed BLAKE3 of every current row, so that it follows each change in constant
time and does not depend on order (Clarke et al., "Incremental Multiset Hash Functions", 2003: MSet-Add-Hash, which
needs the key to be secret).
"""

import struct
from collections.abc import Iterable

from blake3 import blake3

from schemas.topics import Topic
from streams.records import Record

MODULUS_MASK = (1 << 256) - 1
_number = int.from_bytes
_length = struct.Struct(">I").pack
_LENGTHS = [struct.Struct(f">QqI{count}I").pack for count in range(16)]
"""Packs offset, time, the count of a record's fields and their lengths; by the count."""


class History:
    """The chain of one partition. Used by one task: its hashers are made once, which costs more than a short hash.

    Attributes:
        digest: The chain as far as it goes.
        last_record: The hash of its last record; empty before the first.
    """

    __slots__ = ("_links", "_records", "digest", "last_record")

    def __init__(self, key: bytes, topic: Topic, partition: int) -> None:
        self._records = blake3(key=key)
        self._links = blake3()
        self.digest = blake3(f"govault-history\0{topic.value}\0{partition}".encode(), key=key).digest()
        self.last_record = b""

    def extend(self, record: Record) -> None:
        """The chain goes on with one more record."""
        self.last_record = hashed = self.hash_of(record)
        links = self._links
        links.update(self.digest + hashed)
        self.digest = links.digest()
        links.reset()

    def hash_of(self, record: Record) -> bytes:
        """What stands for one record in the chain: offset, time, then every field behind all their lengths."""
        position, time_ms, key, value, headers = record
        fields = [key]
        for name, content in headers:
            fields += (name.encode(), content)
        count = len(fields)
        pack = _LENGTHS[count] if count < len(_LENGTHS) else struct.Struct(f">QqI{count}I").pack
        records = self._records
        records.update(b"".join((pack(position[2], time_ms, count, *map(len, fields)), *fields, value)))
        hashed = records.digest()
        records.reset()
        return hashed


class RowDigests:
    """What stored rows add to the view digest. Used by one task: it has one hasher, which costs more than a row."""

    def __init__(self, key: bytes) -> None:
        self._hasher = blake3(key=key)

    def sum(self, rows: Iterable[tuple[bytes, bytes]]) -> int:
        """Of (key, value), each key with its partition's prefix; not yet modulo anything."""
        update, digest, reset = self._hasher.update, self._hasher.digest, self._hasher.reset
        total = 0
        for key, value in rows:
            update(_length(len(key)) + key + value)
            total += _number(digest(), "big")
            reset()
        return total
