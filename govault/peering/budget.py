"""How many bytes of payloads may be in memory at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """Bytes to take and give back, first come first served."""

    def __init__(self, size_bytes: int) -> None:
        self._free = self.size_bytes = size_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used_bytes(self) -> int:
        """How many are taken now."""
        return self.size_bytes - self._free

    @asynccontextmanager
    async def taken(self, size_bytes: int) -> AsyncIterator[None]:
        """Hold so many bytes (at most all there are); waits for them, so bound the wait."""
        wanted = min(size_bytes, self.size_bytes)
        if not self._queue and self._free >= wanted:
            self._free -= wanted
        else:
            await self._wait_for(wanted)
        try:
            yield
        finally:
            self._free += wanted
            self._hand_out()

    async def _wait_for(self, wanted: int) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((wanted, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._free += wanted
            else:
                self._queue.remove((wanted, granted))
            self._hand_out()
            raise

    def _hand_out(self) -> None:
        while self._queue and self._free >= self._queue[0][0]:
            wanted, granted = self._queue.popleft()
            self._free -= wanted
            granted.set_result(None)
