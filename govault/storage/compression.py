"""Compression of chunks: which codec, whether it is worth it, and back again."""

import threading
from enum import IntEnum

import lz4.block
import zstandard
from isal import igzip_lib

from govault.errors import Config
from govault.limits import KIB
from govault.storage.disk import Buffer
from govault.storage.options import Compression

_SAMPLES = 4
_SAMPLE_BYTES = 4 * KIB
_WHOLE_BYTES_MAX = 4 * _SAMPLES * _SAMPLE_BYTES
"""Below this a sample costs about as much as compressing everything."""
_WORTH_IT = 0.95
_HARDLY_WORTH_IT = 0.80
_GZIP_FLAG = igzip_lib.COMP_GZIP
_LEVELS = {"zstd": range(1, 20), "lz4": range(13), "gzip": range(4), "auto": range(1, 20), "none": range(1)}
_LEVEL_DEFAULT = {"zstd": 3, "lz4": 0, "gzip": 1, "auto": 3, "none": 0}


_DAMAGE = (zstandard.ZstdError, lz4.block.LZ4BlockError, igzip_lib.IsalError)


class Codec(IntEnum):
    """How a record's content is stored. The numbers are in the packs: never reuse one."""

    NONE = 0
    ZSTD = 1
    LZ4 = 2
    GZIP = 3
    SEALING_ROOT = 255
    """Not a chunk: a wrapped sealing root that later records of the pack need."""


class _Contexts(threading.local):
    """Compression contexts are costly to make and not to be shared by threads."""

    def __init__(self) -> None:
        self.compressors: dict[int, zstandard.ZstdCompressor] = {}
        self.decompressor = zstandard.ZstdDecompressor()

    def compressor(self, level: int) -> zstandard.ZstdCompressor:
        if level not in self.compressors:
            self.compressors[level] = zstandard.ZstdCompressor(level=level, write_checksum=False)
        return self.compressors[level]


_contexts = _Contexts()


class Compressor:
    """Compresses chunks by one configuration. Threads share it."""

    def __init__(self, compression: Compression, level: int | None) -> None:
        """A compressor.

        Raises:
            Config: The codec has no such level.
        """
        levels = _LEVELS[compression]
        if level is not None and level not in levels:
            raise Config(f"{compression} has the levels {levels.start} to {levels.stop - 1}, not {level}")
        self._compression = compression
        self._level = _LEVEL_DEFAULT[compression] if level is None else level

    def compress(self, plain: memoryview | bytes) -> tuple[Codec, Buffer]:
        """The codec used and the compressed form; the plain bytes themselves where compression does not pay."""
        ratio = sampled_ratio(plain) if self._compression != "none" and len(plain) > _WHOLE_BYTES_MAX else 0.0
        return self._compress(plain, ratio)

    def compress_together(self, plain: bytes) -> tuple[Codec, Buffer]:
        """The same for chunks that have little in common, where a few samples would mislead."""
        return self._compress(plain, 0.0)

    def _compress(self, plain: memoryview | bytes, ratio: float) -> tuple[Codec, Buffer]:
        if self._compression == "none" or not plain:
            return Codec.NONE, plain
        codec, level = self._choose(ratio)
        if codec is Codec.NONE:
            return codec, plain
        packed = _compress(codec, level, plain)
        return (codec, packed) if len(packed) < _WORTH_IT * len(plain) else (Codec.NONE, plain)

    def _choose(self, ratio: float) -> tuple[Codec, int]:
        if ratio > _WORTH_IT:
            return Codec.NONE, 0
        match self._compression:
            case "auto":
                # Where little can be won, the fast codec wins most of it.
                return (Codec.LZ4, 0) if ratio > _HARDLY_WORTH_IT else (Codec.ZSTD, self._level)
            case "zstd":
                return Codec.ZSTD, self._level
            case "lz4":
                return Codec.LZ4, self._level
            case _:
                return Codec.GZIP, self._level


def sampled_ratio(plain: memoryview | bytes) -> float:
    """What zstd's fastest level makes of four samples spread over a chunk: compressed to plain size."""
    step = (len(plain) - _SAMPLE_BYTES) // (_SAMPLES - 1)
    sample = b"".join(plain[index * step : index * step + _SAMPLE_BYTES] for index in range(_SAMPLES))
    return len(_contexts.compressor(1).compress(sample)) / len(sample)


def _compress(codec: Codec, level: int, plain: memoryview | bytes) -> bytes:
    match codec:
        case Codec.ZSTD:
            return _contexts.compressor(level).compress(plain)
        case Codec.LZ4:
            mode = "high_compression" if level else "default"
            packed: bytes = lz4.block.compress(plain, mode=mode, compression=level, store_size=False)
            return packed
        case _:
            return bytes(igzip_lib.compress(plain, level=level, flag=_GZIP_FLAG))


def decompress(codec: int, stored: Buffer, plain_bytes: int) -> Buffer:
    """The plaintext of a stored form.

    Raises:
        ValueError: It is not what that codec makes, or another length than ``plain_bytes``.
    """
    try:
        match codec:
            case Codec.NONE:
                plain = stored
            case Codec.ZSTD:
                plain = _contexts.decompressor.decompress(stored, max_output_size=plain_bytes)
            case Codec.LZ4:
                plain = lz4.block.decompress(stored, uncompressed_size=plain_bytes)
            case Codec.GZIP:
                plain = bytes(igzip_lib.decompress(stored, flag=igzip_lib.DECOMP_GZIP))
            case _:
                raise ValueError(f"unknown codec {codec}")
    except _DAMAGE as error:  # type: ignore[misc]
        raise ValueError(f"not the output of codec {codec}: {error}") from error
    if len(plain) != plain_bytes:
        raise ValueError(f"{len(plain)} bytes where {plain_bytes} were announced")
    return plain
