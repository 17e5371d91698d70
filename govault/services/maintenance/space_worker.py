"""Finishes what a crash or a large removal left of spaces: half made ones are opened, closed ones are purged."""

import asyncio

from govault.limits import PURGE_ENTITIES_PER_STEP, SPACES_PERIOD_S
from govault.services.maintenance.purges import PurgeBudget
from govault.services.namespace.spaces import Spaces


class SpacesWorker:
    """Looks once a period; purges in bounded steps."""

    name = "spaces"

    def __init__(self, spaces: Spaces, period_s: float = SPACES_PERIOD_S) -> None:
        self._spaces = spaces
        self._period_s = period_s

    async def work(self) -> bool:
        """One bounded step."""
        await self._spaces.finish_openings()
        budget = PurgeBudget(PURGE_ENTITIES_PER_STEP)
        await self._spaces.finish_closings(budget)
        return budget.exhausted

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(self._period_s)
