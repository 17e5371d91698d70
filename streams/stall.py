"""Notices a fold that stands still although the log goes on: Faust's open stall reports were never explained.

Ending the node and starting it again is the way out, so a stall counts as a crash.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from govault.errors import EventLog
from schemas.topics import Topic

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
STALLED_AFTER_S = 90.0
LAG_FAR = 10_000

Place = tuple[Topic, int]


class StallWatch:
    """Compares where the log ends with what is applied, again and again.

    Attributes:
        lag: Records behind, of each partition, when it was last looked.
    """

    def __init__(
        self,
        applied: Callable[[], Mapping[Place, int]],
        stopped: Callable[[], set[Place]],
        end_offsets: Callable[[Topic], Awaitable[Mapping[int, int]]],
        *,
        far_behind: Callable[[], Awaitable[None]] | None = None,
        look_every_s: float = LOOK_EVERY_S,
        stalled_after_s: float = STALLED_AFTER_S,
    ) -> None:
        """See the attributes.

        Args:
            stopped: Partitions that fold no more on purpose.
            far_behind: Awaited when ``LAG_FAR`` records or more are to be folded.
        """
        self._far_behind = far_behind
        self._applied = applied
        self._stopped = stopped
        self._end_offsets = end_offsets
        self._look_every_s = look_every_s
        self._stalled_after_s = stalled_after_s
        self._moved: dict[Place, tuple[int, float]] = {}
        self.lag: dict[Place, int] = {}

    async def run(self) -> Place:
        """Return with a partition that stands still. A log that cannot be asked is not a stall."""
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                ends = {topic: await self._end_offsets(topic) for topic in {place[0] for place in self._applied()}}
                stalled = self._judge(ends)
                if stalled is not None:
                    return stalled
                if self._far_behind is not None and self._lag_to_fold() >= LAG_FAR:
                    await self._far_behind()
            except EventLog as error:
                _log.warning("cannot compare the views with the log: %s", error)
                self._moved.clear()

    def _lag_to_fold(self) -> int:
        stopped = self._stopped()
        return sum(records for place, records in self.lag.items() if place not in stopped)

    def _judge(self, ends: Mapping[Topic, Mapping[int, int]]) -> Place | None:
        now_s = asyncio.get_running_loop().time()
        stopped = self._stopped()
        for place, applied in self._applied().items():
            self.lag[place] = max(0, ends[place[0]].get(place[1], 0) - 1 - applied)
            before, since_s = self._moved.get(place, (-2, now_s))
            if self.lag[place] == 0 or applied != before or place in stopped:
                self._moved[place] = (applied, now_s)
            elif now_s - since_s >= self._stalled_after_s:
                return place
        return None
