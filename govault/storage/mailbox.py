"""From threads to the event loop: many calls, one wake-up."""

import asyncio
from collections import deque
from collections.abc import Callable
from threading import Lock


class Mailbox:
    """Runs callbacks on a loop. ``post`` may be called by any thread; after the loop has closed it does nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = Lock()
        self._calls: deque[Callable[[], None]] = deque()
        self._woken = False

    def post(self, call: Callable[[], None]) -> None:
        """Run ``call`` on the loop, in order of posting."""
        with self._lock:
            self._calls.append(call)
            if self._woken:
                return
            self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            pass

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls, self._woken = self._calls, deque(), False
        for call in calls:
            call()
