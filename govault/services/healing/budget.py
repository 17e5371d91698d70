"""So many bytes a second, shared by all who take from it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

_LEVEL_S = 0.001


class ByteBudget:
    """A token bucket that may be overdrawn by one taker: whoever comes next waits until it is level again."""

    def __init__(self, bytes_per_s: float, monotonic_s: Callable[[], float], burst_s: float = 1.0) -> None:
        """Args:
        bytes_per_s: The rate; above 0.
        burst_s: So much of unused time is kept.
        """
        self.bytes_per_s = bytes_per_s
        """The rate."""
        self._monotonic_s = monotonic_s
        self._burst_s = burst_s
        self._level_at_s = monotonic_s()
        self._turn = asyncio.Lock()
        self._corrected = asyncio.Event()

    async def take(self, size_bytes: int) -> None:
        """Wait for a level budget and take bytes from it, perhaps a guess: ``correct`` makes up for it."""
        async with self._turn:
            while (ahead_s := self._level_at_s - self._monotonic_s()) > _LEVEL_S:
                self._corrected.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(ahead_s):
                        await self._corrected.wait()
            self._level_at_s = max(self._level_at_s, self._monotonic_s() - self._burst_s)
            self._level_at_s += size_bytes / self.bytes_per_s

    def set_rate(self, bytes_per_s: float) -> None:
        """Go on at another rate; who waits, waits as if it had been this one."""
        if bytes_per_s != self.bytes_per_s:
            now_s = self._monotonic_s()
            self._level_at_s = now_s + (self._level_at_s - now_s) * self.bytes_per_s / bytes_per_s
            self.bytes_per_s = bytes_per_s
            self._corrected.set()

    def correct(self, size_bytes: int) -> None:
        """Take more, or give back (negative), without waiting."""
        self._level_at_s += size_bytes / self.bytes_per_s
        self._corrected.set()
