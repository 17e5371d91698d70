"""Leaves most of the event loop to requests while much waits for repair."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_SHARE = 0.25
_REST_S_MAX = 0.25

PIECE_CHUNKS = 32
"""So many chunks are looked at in one turn: a millisecond or two."""


class LoopShare:
    """Turns at work that keeps the event loop busy: one at a time, and never more than a quarter of the time."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Work without waiting inside; the rest that it makes needful comes behind it, before the next turn."""
        async with self._turn:
            began_s = self._monotonic_s()
            yield
            worked_s = self._monotonic_s() - began_s
            await asyncio.sleep(min(_REST_S_MAX, worked_s * (1 / _SHARE - 1)))
