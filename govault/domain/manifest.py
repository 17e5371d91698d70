"""Manifests: the ordered chunks of a version, packed, and cut by content into parts that versions share.

Packed form of a run of chunks: 36 bytes each, the 32-byte chunk id and the plain size as a big-endian u32.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from govault.limits import PART_CHUNKS_MAX, PART_CHUNKS_MEAN
from schemas.ids import ChunkId

PACKED_CHUNK_BYTES = 36
_PART_CHUNKS_MIN = PART_CHUNKS_MEAN // 8
_CUT_MASK = PART_CHUNKS_MEAN - 1


class ChunkRef(NamedTuple):
    """One chunk of a content: its id and the length of its plaintext in bytes."""

    chunk_id: ChunkId
    size_bytes: int


def pack(chunks: Iterable[ChunkRef]) -> bytes:
    """The packed form of a run of chunks."""
    return b"".join(chunk_id + size.to_bytes(4, "big") for chunk_id, size in chunks)


def pack_one(chunk_id: ChunkId, size_bytes: int) -> bytes:
    """The packed form of a single chunk."""
    return chunk_id + size_bytes.to_bytes(4, "big")


def unpack(packed: bytes) -> Iterator[ChunkRef]:
    """The chunks of a packed run.

    Raises:
        ValueError: It is not one.
    """
    if len(packed) % PACKED_CHUNK_BYTES:
        raise ValueError(f"a packed run of {len(packed)} bytes is not a multiple of {PACKED_CHUNK_BYTES}")
    for start in range(0, len(packed), PACKED_CHUNK_BYTES):
        yield ChunkRef(ChunkId(packed[start : start + 32]), int.from_bytes(packed[start + 32 : start + 36], "big"))


class PartCutter:
    """Cuts a growing run of chunks into parts at places that the content names, so that versions share parts."""

    def __init__(self) -> None:
        self._open: list[ChunkRef] = []

    def add(self, chunk: ChunkRef) -> bytes | None:
        """Take one chunk; the packed part that it completes, or None."""
        self._open.append(chunk)
        at_cut = int.from_bytes(chunk.chunk_id[:4], "big") & _CUT_MASK == 0
        if len(self._open) >= PART_CHUNKS_MAX or (at_cut and len(self._open) >= _PART_CHUNKS_MIN):
            return self._take()
        return None

    @property
    def open_chunks(self) -> int:
        """How many chunks the unfinished part has."""
        return len(self._open)

    def finish(self) -> bytes:
        """The packed rest (empty where nothing is left)."""
        return self._take()

    def _take(self) -> bytes:
        packed, self._open = pack(self._open), []
        return packed
