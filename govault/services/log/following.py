"""Follows a topic that no view folds, from its beginning or from near its end, for as long as the node runs."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing

from govault.errors import EventLog as EventLogError
from govault.errors import ViewsLagging
from govault.limits import FOLLOW_RENEW_S, WORKER_BACKOFF_S_MIN
from govault.ports import LogReader, LogRecord
from schemas.topics import Topic

_log = logging.getLogger(__name__)
_PARTITION = 0
_RETRY_S = 2 * WORKER_BACKOFF_S_MIN


class Follower:
    """Gives every record of a topic of one partition to ``take``, in order; an outage of the log only delays it."""

    def __init__(
        self,
        reader: LogReader,
        topic: Topic,
        take: Callable[[LogRecord], None],
        *,
        back: Callable[[], int] | None = None,
        renew_s: float = FOLLOW_RENEW_S,
    ) -> None:
        """Args:
        take: Must not block or raise.
        back: How many records before the end it begins; None: at the beginning of the topic.
        renew_s: After so long without a record the connection is made anew.
        """
        self._reader = reader
        self._topic = topic
        self._take = take
        self._back = back
        self._renew_s = renew_s
        self._next: int | None = None
        self._moved = asyncio.Event()

    @property
    def next_offset(self) -> int:
        """The first offset that was not read yet; -1 before anything is known."""
        return -1 if self._next is None else self._next

    async def run(self) -> None:
        """Follow; returns only by cancellation. Belongs into a TaskGroup of the node."""
        while True:
            try:
                await self._follow()
            except (EventLogError, TimeoutError) as error:
                _log.info("%s cannot be read now: %s", self._topic.value, error or "the log does not answer in time")
            await asyncio.sleep(_RETRY_S)

    async def wait_read(self, offset: int, timeout_s: float) -> None:
        """Return when the record at an offset was taken.

        Raises:
            ViewsLagging: It was not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.next_offset <= offset:
                    await self._moved.wait()
        except TimeoutError:
            raise ViewsLagging(
                f"this node has not read {self._topic.value} as far as it must within {timeout_s:g} s; repeat later"
            ) from None

    async def _follow(self) -> None:
        begin, end = (await self._reader.bounds(self._topic))[_PARTITION]
        if self._next is None or not begin <= self._next <= end:
            self._next = begin if self._back is None else max(begin, end - self._back())
        if begin == end:
            self._go_to(end)
        async with aclosing(self._reader.read(self._topic, _PARTITION, self._next, None)) as records:
            while True:
                try:
                    # Where none comes for so long, the connection may be the reason: it is made anew.
                    async with asyncio.timeout(self._renew_s):
                        record = await anext(records, None)
                except TimeoutError:
                    return
                if record is None:
                    return
                self._take(record)
                self._go_to(record.position.offset + 1)

    def _go_to(self, offset: int) -> None:
        self._next = offset
        self._moved.set()
        self._moved = asyncio.Event()
