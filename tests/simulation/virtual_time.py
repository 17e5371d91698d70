"""An asyncio loop whose clock jumps to the next timer: hours pass in milliseconds, and a seed replays a run exactly."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

_OUTSIDE_S_MAX = 10.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs under virtual time.

    Timers of one moment go off in the order in which they were set. ``call_at`` and a turn of the loop take the places
    of asyncio's own, which spend more on timers, and on asking the system for events, than a simulation on its nodes.
    """

    _ready: "deque[asyncio.Handle]"

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()

    def time(self) -> float:
        return self._now_s

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready:
            while timers and timers[0][2].cancelled():
                heapq.heappop(timers)
            if timers:
                self._now_s = max(self._now_s, timers[0][0])
            else:
                self._wait_for_outside()
        while timers and timers[0][0] <= self._now_s:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _wait_for_outside(self) -> None:
        """Only a thread or a socket can still have something."""
        events = self._selector.select(_OUTSIDE_S_MAX)
        if not events and not self._ready:
            raise RuntimeError("everything waits and no timer is set: a deadlock")
        self._process_events(events)

    _selector: Any
    _process_events: Callable[[Any], None]


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end under a clock that starts at 0."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
