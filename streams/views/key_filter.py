"""Which keys are surely not in a RocksDB that is being filled from nothing.

Most reads of a fresh fold ask for what is not there yet (a new file's id, its chunk, its outcome), and each would
cost RocksDB five microseconds. A Bloom filter with two probes answers nearly all of them in half of one.
"""

_BITS = 1 << 28


class KeyFilter:
    """Of a database that was empty when the filter was made, and is written through it alone. Takes 32 MiB."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, key: bytes) -> None:
        """The key may be present from now on."""
        hashed = hash(key)
        one, two = hashed & _BITS - 1, hashed >> 29 & _BITS - 1
        self._bits[one >> 3] |= 1 << (one & 7)
        self._bits[two >> 3] |= 1 << (two & 7)

    def may_have(self, key: bytes) -> bool:
        """False only where the key is not present."""
        hashed = hash(key)
        one, two = hashed & _BITS - 1, hashed >> 29 & _BITS - 1
        return bool(self._bits[one >> 3] >> (one & 7) & self._bits[two >> 3] >> (two & 7) & 1)
