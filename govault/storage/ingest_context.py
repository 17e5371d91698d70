"""What all uploads of a store share: threads, the committer, and the bytes that may be in work."""

import asyncio
from collections import deque
from concurrent.futures import Executor

from govault.limits import MIB
from govault.storage.committer import Committer
from govault.storage.mailbox import Mailbox
from govault.storage.pipeline import Pipeline
from govault.storage.segment import SmallContent

SEGMENT_BYTES_IN_WORK_MAX = 48 * MIB


class Budget:
    """Bounds the bytes that all uploads together have in work. Used on the loop only; first come, first served."""

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


class IngestContext:
    """What all uploads of a store share."""

    def __init__(self, pipeline: Pipeline, committer: Committer, threads: Executor, mailbox: Mailbox) -> None:
        self.pipeline = pipeline
        self.committer = committer
        self.threads = threads
        self.mailbox = mailbox
        self.budget = Budget(SEGMENT_BYTES_IN_WORK_MAX)
        self.closed = False
        """Set when the store closes: the threads take no more work."""
        self._small: list[SmallContent] = []

    def store_small(self, small: SmallContent) -> None:
        """Give the committer a small content, together with the others of this turn of the loop.

        Each hand-over wakes the committer's thread, and that costs more than the rest of the way there.
        """
        if not self._small:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._small.append(small)

    def _hand_over(self) -> None:
        small, self._small = self._small, []
        self.committer.submit(small)
