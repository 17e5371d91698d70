"""Whether this node knows of accounts and sessions what the log said lately: a door that lags refuses."""

import asyncio

from govault.errors import ViewsLagging
from govault.limits import ACCOUNTS_LAG_S_MAX, ACCOUNTS_LOOK_S
from govault.ports import Clock, EventLog, Views
from govault.services.accounts.session_table import SessionTable
from schemas.topics import Topic

_PARTITION = 0


class AccountsFreshness:
    """A worker (``govault.services.workers.Worker``) that compares what was read with the ends of the topics."""

    name = "accounts"

    def __init__(self, log: EventLog, views: Views, table: SessionTable, clock: Clock) -> None:
        self._log = log
        self._views = views
        self._table = table
        self._clock = clock
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
        began_s = self._clock.monotonic_s()
        accounts = (await self._log.end_offsets(Topic.ACCOUNTS)).get(_PARTITION, 0)
        sessions = (await self._log.end_offsets(Topic.SESSIONS)).get(_PARTITION, 0)
        if self._views.applied().get((Topic.ACCOUNTS, _PARTITION), -1) + 1 >= accounts and self._table.has_read(
            sessions
        ):
            self._fresh_s = began_s
        return False

    async def wait_for_work(self) -> None:
        """See ``Worker``."""
        await asyncio.sleep(ACCOUNTS_LOOK_S)
