"""Uploads in flight on this node: what they have stored is nobody's yet, and collection leaves it alone."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class InFlight:
    """Counts uploads by the epoch they began under.

    An upload's chunks are stamped with at least that epoch. Without this, a collection that opens epochs of its own
    would take them away under an upload that lasts longer, and its client would have to send everything again.
    """

    def __init__(self) -> None:
        self._by_epoch: Counter[int] = Counter()

    @contextmanager
    def held(self, epoch: int) -> Iterator[None]:
        """From before the first byte is stored until the commit is decided."""
        self._by_epoch[epoch] += 1
        try:
            yield
        finally:
            self._by_epoch[epoch] -= 1
            if not self._by_epoch[epoch]:
                del self._by_epoch[epoch]

    def oldest_epoch(self) -> int | None:
        """The epoch under which the oldest began; None where none is in flight."""
        return min(self._by_epoch, default=None)
