"""Contents, and stretches of them, while they go through the store."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from govault.domain.manifest import ChunkRef, PartCutter
from govault.errors import GoVaultError
from govault.storage.disk import Buffer
from govault.storage.mailbox import Mailbox
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
    plain: memoryview | bytes


class Segment:
    """A run of bytes, then of chunks. One thread at a time works on it; ``unresolved`` is the ledger's.

    Attributes:
        pieces: The bytes as they came, until they are cut.
        chunks: This segment's chunks in content order, where the content is watched.
        parts: Manifest parts that this segment's chunks completed.
        unresolved: Distinct chunks that are not durable yet.
        new_bytes, stored_bytes: Of chunks that this segment stored.
        failure: Why it can never be durable.
    """

    __slots__ = (
        "_done",
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
    ) -> None:
        self.pieces = pieces
        self.size_bytes = size_bytes
        self.last = last
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


class Claimant(Protocol):
    """What waits for chunks to be durable. ``unresolved`` counts them and is the ledger's.

    Attributes:
        new_bytes, stored_bytes: Of chunks that were stored for it.
    """

    unresolved: int
    new_bytes: int
    stored_bytes: int

    def finish(self, failure: GoVaultError | None = None) -> None:
        """Everything is durable, or it failed. May be called more than once, from any thread; the first counts."""


class SmallContent:
    """A whole content that is named at once and stored by the committer, together with others.

    Attributes:
        sha256, chunks, parts, packed: As in ``Ingested``. ``sha256`` is empty until the content was cut and named.
        cuts: Its distinct chunks.
        claimed: Those that it stores; None until they were claimed.
    """

    __slots__ = (
        "_ended",
        "_mailbox",
        "chunks",
        "claimed",
        "cuts",
        "failure",
        "new_bytes",
        "packed",
        "parts",
        "plain",
        "sha256",
        "stored_bytes",
        "unresolved",
    )

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self.sha256 = ""
        self.chunks = 0
        self.parts: list[bytes] = []
        self.packed = b""
        self.cuts: tuple[Cut, ...] = ()
        self.claimed: list[Cut] | None = None
        self.unresolved = 0
        self.new_bytes = 0
        self.stored_bytes = 0
        self.failure: GoVaultError | None = None
        self._mailbox: Mailbox | None = None
        self._ended: asyncio.Future[None] | None = None

    def tell(self, mailbox: Mailbox, ended: asyncio.Future[None]) -> None:
        """Have a future of the event loop set when it has ended."""
        self._ended = ended
        self._mailbox = mailbox

    def finish(self, failure: GoVaultError | None = None) -> None:
        if failure is not None and self.failure is None:
            self.failure = failure
        if self._mailbox is not None:
            self._mailbox.post(self._end)

    def _end(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
