"""Notices that a client takes nothing any more, at the cost of one assignment a piece."""

import asyncio
from types import TracebackType
from typing import Self

from api.middleware.edge import ClientGone


class StallWatch:
    """Ends the block it guards when nothing moved for ``limit_s`` (at most twice as long).

    ``asyncio.timeout`` around every piece would cost a tenth of a fast download.

    Raises:
        ClientGone: From the block, which was cancelled for it.
    """

    def __init__(self, limit_s: float) -> None:
        self.moved = False
        self._limit_s = limit_s
        self._stalled = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._limit_s, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._stalled and kind is asyncio.CancelledError and self._task.uncancel() == 0:
            raise ClientGone from error

    def _look(self) -> None:
        if not self.moved:
            self._stalled = True
            self._task.cancel()
            return
        self.moved = False
        self._timer = self._loop.call_later(self._limit_s, self._look)
