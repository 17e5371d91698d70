"""The short way out: verified bytes that reach the other side without passing the event loop."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from govault.domain.manifest import ChunkRef


class Outlet(Protocol):
    """Where the bytes of one response leave. One side writes; it keeps the order."""

    def offer(self, pieces: Sequence[bytes | bytearray | memoryview], patience_s: float = 0.0) -> int:
        """Hand over bytes, on any thread. Never raises, keeps nothing of what it was given.

        Args:
            patience_s: Wait at most so long until all fit; for threads only.

        Returns:
            How many bytes were taken; fewer than offered where no more fit now, or the other side is gone.
        """

    async def ready(self) -> None:
        """Wait, on the event loop, until more may fit.

        Raises:
            Exception: The door's own, where the other side is gone.
        """


class StraightReads(Protocol):
    """A store whose reading threads can hand over to an outlet what they verified. Beside ``ChunkStore``."""

    async def pour(self, chunks: Iterator[ChunkRef], skip_bytes: int, length_bytes: int, outlet: Outlet) -> int:
        """Hand over the content of chunks in order, each verified, without the first ``skip_bytes``.

        It stops without a word before a chunk that this node cannot serve: ask ``ChunkStore`` for the rest, which says
        why or finds it elsewhere.

        Returns:
            How many of ``length_bytes`` the outlet took.

        Raises:
            Exception: What the outlet raises.
        """


def behind(pieces: Sequence[bytes | bytearray | memoryview], taken_bytes: int) -> list[memoryview]:
    """What an outlet left of the pieces it was offered."""
    rest: list[memoryview] = []
    for piece in pieces:
        if taken_bytes < len(piece):
            rest.append(memoryview(piece)[taken_bytes:])
        taken_bytes = max(0, taken_bytes - len(piece))
    return rest
