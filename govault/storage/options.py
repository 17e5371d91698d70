"""What a chunk store is opened with."""

import os
from dataclasses import dataclass
from typing import Literal

from govault.limits import CHUNK_MEAN_BYTES, MIB, PACK_BYTES_MAX

Chunking = Literal["content", "fixed"]
Compression = Literal["auto", "zstd", "lz4", "gzip", "none"]

RESERVE_BYTES_DEFAULT = PACK_BYTES_MAX + 64 * MIB
"""So much that on a full disk one pack can still be written anew, or deleting files would never free anything."""


def _workers_default() -> int:
    return max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True)
class StoreOptions:
    """How new chunks are cut and stored. Every choice may change between two starts: old chunks stay readable.

    Attributes:
        chunking: Cut where the content says, or at a fixed size.
        chunk_bytes_mean: Mean (content) or exact (fixed) chunk size.
        compression: A codec, or ``auto``: by content.
        compression_level: Of that codec; None takes its default.
        workers: Threads that cut, hash, compress and seal.
        readers: Threads that read and verify.
        reserve_bytes: Free disk space that uploads may not use, so that index and collection go on.
        pack_bytes_max: A pack is full at this size.
    """

    chunking: Chunking = "content"
    chunk_bytes_mean: int = CHUNK_MEAN_BYTES
    compression: Compression = "zstd"
    compression_level: int | None = None
    workers: int = _workers_default()
    readers: int = _workers_default()
    reserve_bytes: int = RESERVE_BYTES_DEFAULT
    pack_bytes_max: int = PACK_BYTES_MAX
