"""Kept connections to one peer: a few at once, each for one call at a time, closed when idle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from govault.peering.stream import PeerStream


@dataclass(eq=False)
class Kept:
    """A connection and how it was used.

    Attributes:
        used: Whether a call went over it before: then the peer may have closed it by now without blame.
        last_call_id: Of the latest call.
    """

    stream: PeerStream
    used: bool = False
    last_call_id: int = 0
    expiry: asyncio.TimerHandle | None = None


class Lane:
    """The connections to one peer for one sort of calls."""

    def __init__(self, connect: Callable[[], Awaitable[PeerStream]], connections_max: int, idle_s: float) -> None:
        self._connect = connect
        self._idle_s = idle_s
        self._at_once = asyncio.Semaphore(connections_max)
        self._idle: list[Kept] = []
        self._closed = False

    @property
    def idle(self) -> int:
        """Open connections that carry no call."""
        return len(self._idle)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the calls at a time that the lane has room for; waits for it, so bound the wait."""
        async with self._at_once:
            yield

    async def take(self, *, fresh: bool = False) -> Kept:
        """A connection for one call: a kept one, or a new one. Give it back by ``keep``, or abort it.

        Raises:
            OSError: The peer cannot be reached.
        """
        while self._idle and not fresh:
            kept = self._idle.pop()
            if kept.expiry is not None:
                kept.expiry.cancel()
            if not kept.stream.closed:
                return kept
        return Kept(await self._connect())

    def keep(self, kept: Kept) -> None:
        """The call is over and the connection in order."""
        if self._closed or kept.stream.closed:
            kept.stream.close()
            return
        kept.used = True
        kept.expiry = asyncio.get_running_loop().call_later(self._idle_s, self._expire, kept)
        self._idle.append(kept)

    def close_idle(self) -> None:
        """Close what carries no call."""
        while self._idle:
            kept = self._idle.pop()
            if kept.expiry is not None:
                kept.expiry.cancel()
            kept.stream.close()

    def close(self) -> None:
        """Close what is idle now, and what still carries a call when it is over."""
        self._closed = True
        self.close_idle()

    def _expire(self, kept: Kept) -> None:
        if kept in self._idle:
            self._idle.remove(kept)
        kept.stream.close()
