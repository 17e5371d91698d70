"""Which keys are surely not in a RocksDB that is being filled from nothing.

Most reads of a fresh fold ask for what is not there yet (a new file's id, its chunk, its outcome), and each would
cost RocksDB five microseconds. A bit per hash answers nearly all of them in a fraction of one; where a million files
have set theirs, it is wrong about one absent key in ninety, which costs a look.
"""

_BITS = 1 << 28
MASK = _BITS - 1


class KeyFilter:
    """Of a database that was empty when the filter was made, and is written through it alone. Takes 32 MiB.

    Keys are those behind a partition's prefix, whose hashes Python has at hand from looking rows up; what is in one
    partition may seem to be in another.

    Attributes:
        bits: A bit for each value of ``hash(key) & MASK``, lowest first; the fold asks and sets them itself, since a
            call would cost more than the look.
    """

    def __init__(self) -> None:
        self.bits = bytearray(_BITS // 8)

    def add(self, key: bytes) -> None:
        """The key may be present from now on."""
        bit = hash(key) & MASK
        self.bits[bit >> 3] |= 1 << (bit & 7)

    def may_have(self, key: bytes) -> int:
        """Zero only where the key is not present."""
        bit = hash(key) & MASK
        return self.bits[bit >> 3] & 1 << (bit & 7)
