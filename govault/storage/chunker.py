"""Cuts a growing content into chunks, over bounded buffers.

Content-defined chunking is FastCDC (Xia et al., USENIX ATC 2016): a cut depends only on the bytes since the cut
before it, so that an insertion moves chunks without changing them, and so that a stream may be cut buffer by buffer
as long as the last, perhaps unfinished chunk of a buffer is carried into the next.
"""

from typing import Protocol

from pyfastcdc import FastCDC

from govault.errors import Config
from govault.limits import CHUNK_BYTES_MAX, KIB
from govault.storage.disk import Buffer
from govault.storage.options import Chunking

CHUNK_BYTES_MEAN_MIN = 4 * KIB
CHUNK_BYTES_MEAN_MAX = CHUNK_BYTES_MAX // 4


class Chunker(Protocol):
    """Where to cut. Without state: threads share it."""

    chunk_bytes_max: int

    def cut(self, buffer: Buffer, *, last: bool) -> list[int]:
        """Lengths of the chunks that ``buffer`` begins with.

        Args:
            buffer: Content from the end of the chunk before.
            last: Whether the content ends with it. If not, bytes at its end may stay uncut: carry them over.
        """


class ContentChunker:
    """FastCDC with a quarter and four times the mean as bounds."""

    def __init__(self, mean_bytes: int, seed: int) -> None:
        self.chunk_bytes_max = mean_bytes * 4
        self._chunk_bytes_min = mean_bytes // 4
        self._fastcdc = FastCDC(mean_bytes, min_size=self._chunk_bytes_min, max_size=self.chunk_bytes_max, seed=seed)

    def cut(self, buffer: Buffer, *, last: bool) -> list[int]:
        if len(buffer) <= self._chunk_bytes_min:
            return [len(buffer)] if last and buffer else []
        lengths: list[int] = [chunk.length for chunk in self._fastcdc.cut_buf(buffer)]
        if not last and lengths and lengths[-1] < self.chunk_bytes_max:
            # The end of the buffer, not the content, may have made this cut.
            lengths.pop()
        return lengths


class FixedChunker:
    """Chunks of one size, the last one shorter."""

    def __init__(self, chunk_bytes: int) -> None:
        self.chunk_bytes_max = chunk_bytes

    def cut(self, buffer: Buffer, *, last: bool) -> list[int]:
        whole, rest = divmod(len(buffer), self.chunk_bytes_max)
        return [self.chunk_bytes_max] * whole + ([rest] if last and rest else [])


def make_chunker(chunking: Chunking, mean_bytes: int, seed: int) -> Chunker:
    """The chunker of a configuration.

    Raises:
        Config: The size is out of bounds.
    """
    limit = CHUNK_BYTES_MEAN_MAX if chunking == "content" else CHUNK_BYTES_MAX
    if not CHUNK_BYTES_MEAN_MIN <= mean_bytes <= limit:
        raise Config(f"the chunk size must lie between {CHUNK_BYTES_MEAN_MIN} and {limit} bytes, not {mean_bytes}")
    return ContentChunker(mean_bytes, seed) if chunking == "content" else FixedChunker(mean_bytes)
