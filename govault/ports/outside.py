"""Time and randomness, as services see them."""

from typing import Protocol


class Clock(Protocol):
    """The node's own clock. It decides nothing that is in the log."""

    def time_ms(self) -> int:
        """Wall-clock milliseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that only grow."""


class Randomness(Protocol):
    """Unpredictable bytes."""

    def token(self, size_bytes: int) -> bytes:
        """That many bytes."""
