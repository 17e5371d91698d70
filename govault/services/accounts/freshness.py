"""Whether this node knows what the log said lately of whom it lets in and what they may: a door that lags refuses."""

import asyncio
from collections.abc import Callable

from govault.errors import ViewsLagging
from govault.limits import ACCOUNTS_LAG_S_MAX, ACCOUNTS_LOOK_S
from govault.ports import Clock, EventLog, Views
from govault.services.accounts.session_table import SessionTable
from schemas.topics import Topic

_FOLDED = (Topic.ACCOUNTS, Topic.FILES)
"""Accounts and groups; grants, roles and owners."""

Ends = dict[tuple[Topic, int], int]


class AccessFreshness:
    """A worker (``maintenance.workers.Worker``): it looks where topics end, and later whether it was read so far.

    Under a steady load the end is always a little ahead of what was folded; what counts is that the end of a while ago
    was reached. A partition that this node folds no more, until a newer program runs, is not waited for.
    """

    name = "access-freshness"

    def __init__(
        self,
        log: EventLog,
        views: Views,
        table: SessionTable,
        clock: Clock,
        is_stopped: Callable[[Topic, int], bool] = lambda *_: False,
    ) -> None:
        """Args:
        is_stopped: Whether this node folds a partition no more.
        """
        self._log = log
        self._views = views
        self._table = table
        self._clock = clock
        self._is_stopped = is_stopped
        self._looked: tuple[float, Ends] | None = None
        self._fresh_s: float | None = None

    def check(self) -> None:
        """Raises:
        ViewsLagging: What this node knows may be older than ACCOUNTS_LAG_S_MAX.
        """
        if self._fresh_s is None or self._clock.monotonic_s() - self._fresh_s > ACCOUNTS_LAG_S_MAX:
            raise ViewsLagging(
                "this node has not heard lately whom the vault lets in, and so lets nobody in but its operator; "
                "ask another node, or wait until it reaches the log again",
                code="views-lagging.accounts",
            )

    async def work(self) -> bool:
        """Look once. See ``Worker``."""
        self._note_reached()
        if self._looked is None:
            began_s = self._clock.monotonic_s()
            ends = {
                (topic, partition): end
                for topic in (*_FOLDED, Topic.SESSIONS)
                for partition, end in (await self._log.end_offsets(topic)).items()
            }
            self._looked = (began_s, ends)
            self._note_reached()
        return False

    async def wait_for_work(self) -> None:
        """See ``Worker``."""
        await asyncio.sleep(ACCOUNTS_LOOK_S)

    def _note_reached(self) -> None:
        """Remember the time of the last look if everything was read as far as it saw."""
        if self._looked is None:
            return
        began_s, ends = self._looked
        applied = self._views.applied()
        for place, end in ends.items():
            if place[0] is Topic.SESSIONS:
                if not self._table.has_read(end):
                    return
            elif applied.get(place, -1) + 1 < end and not self._is_stopped(*place):
                return
        self._fresh_s, self._looked = began_s, None
