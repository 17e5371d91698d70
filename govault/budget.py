"""Bounds the bytes that many tasks together have in work; first come, first served."""

import asyncio
from collections import deque


class Budget:
    """So many bytes at once. For one event loop's tasks."""

    def __init__(self, bytes_max: int) -> None:
        self._free = bytes_max
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Wait until that many bytes may be in work."""
        if not self._waiting and self._free >= size_bytes:
            self._free -= size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (size_bytes, turn)
        self._waiting.append(waiting)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size_bytes)
            else:
                if waiting in self._waiting:
                    # Else bytes came free after it was cancelled and before it heard of it.
                    self._waiting.remove(waiting)
                self._admit()
            raise

    def give(self, size_bytes: int) -> None:
        """Those bytes are done."""
        self._free += size_bytes
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._free >= self._waiting[0][0]:
            size, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= size
                turn.set_result(None)
