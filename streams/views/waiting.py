"""Read-your-writes: tasks that wait until a partition has applied an offset, and the outcomes they wait for."""

import asyncio
import heapq
from collections import OrderedDict
from itertools import count

from govault.domain.position import Outcome
from govault.errors import ViewsLagging

WAITERS_MAX = 10_000
OUTCOMES_KEPT_MAX = 2_048


class PartitionWaiters:
    """Waiters of one partition, the earliest offset first, and its newest outcomes by offset."""

    def __init__(self, applied: int) -> None:
        self._applied = applied
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._outcomes: OrderedDict[int, Outcome] = OrderedDict()

    def note(self, offset: int, outcome: Outcome | None) -> None:
        """Remember the outcome of a folded record; visible with the next ``advance``."""
        if outcome is not None:
            self._outcomes[offset] = outcome
            if len(self._outcomes) > OUTCOMES_KEPT_MAX:
                self._outcomes.popitem(last=False)

    def advance(self, applied: int) -> None:
        """Wake whoever waits for an offset up to ``applied``, which is written."""
        self._applied = applied
        while self._heap and self._heap[0][0] <= applied:
            waiter = heapq.heappop(self._heap)[2]
            if not waiter.done():
                waiter.set_result(None)

    def outcome(self, offset: int) -> Outcome | None:
        """A remembered outcome."""
        return self._outcomes.get(offset)

    def is_applied(self, offset: int) -> bool:
        """Whether ``wait`` would return at once."""
        return offset <= self._applied

    async def wait(self, offset: int, timeout_s: float) -> None:
        """Return when the offset is applied.

        Raises:
            TimeoutError: Not in time.
            ViewsLagging: Too many wait already.
        """
        if offset <= self._applied:
            return
        self._drop_abandoned()
        if len(self._heap) >= WAITERS_MAX:
            raise ViewsLagging(f"{WAITERS_MAX} requests wait for this partition already; try again later")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, (offset, next(self._order), waiter))
        async with asyncio.timeout(timeout_s):
            await waiter

    def _drop_abandoned(self) -> None:
        # Waiters that timed out stay in the heap until their offset comes; a stopped partition would collect them.
        if len(self._heap) >= WAITERS_MAX // 2:
            self._heap = [item for item in self._heap if not item[2].done()]
            heapq.heapify(self._heap)
