"""A content, and a stretch of it, while they go through the store."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from govault.domain.manifest import ChunkRef, PartCutter
from govault.errors import GoVaultError
from govault.storage.disk import Buffer
from schemas.ids import ChunkId


class Content:
    """What is known of a content so far. Its segments are cut one after the other."""

    __slots__ = ("chunks", "cutter", "head", "sha256", "size_bytes", "tail", "watched")

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.cutter = PartCutter()
        self.tail: Buffer = b""
        """Bytes after the last cut."""
        self.head = b""
        self.size_bytes = 0
        self.chunks = 0
        self.watched = False
        """Whether somebody wants to know which chunks are durable."""


class Cut(NamedTuple):
    """A chunk that was cut, with its bytes."""

    chunk_id: ChunkId
    plain: memoryview


class Segment:
    """A run of bytes, then of chunks. One thread at a time works on it; ``unresolved`` is the ledger's.

    Attributes:
        pieces: The bytes as they came, until they are cut.
        charged: Whether its bytes count against the budget of all uploads.
        chunks: This segment's chunks in content order, where the content is watched.
        parts: Manifest parts that this segment's chunks completed.
        unresolved: Distinct chunks that are not durable yet.
        new_bytes, stored_bytes: Of chunks that this segment stored.
        failure: Why it can never be durable.
    """

    __slots__ = (
        "_done",
        "charged",
        "chunks",
        "failure",
        "last",
        "new_bytes",
        "parts",
        "pieces",
        "size_bytes",
        "stored_bytes",
        "unresolved",
    )

    def __init__(
        self,
        pieces: list[Buffer],
        size_bytes: int,
        done: Callable[["Segment"], None],
        *,
        last: bool,
        charged: bool,
    ) -> None:
        self.pieces = pieces
        self.size_bytes = size_bytes
        self.last = last
        self.charged = charged
        self.chunks: list[ChunkRef] = []
        self.parts: list[bytes] = []
        self.unresolved = 0
        self.new_bytes = 0
        self.stored_bytes = 0
        self.failure: GoVaultError | None = None
        self._done = done

    def finish(self, failure: GoVaultError | None = None) -> None:
        """Everything is durable, or it failed. May be called more than once, from any thread; the first counts."""
        if failure is not None and self.failure is None:
            self.failure = failure
        self._done(self)


class SmallContent(NamedTuple):
    """A content of one segment, to be stored by the committer itself."""

    content: Content
    segment: Segment
