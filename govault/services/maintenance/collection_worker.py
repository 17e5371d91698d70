"""Collection in the background: a round a period, and sooner when asked."""

import asyncio
from collections.abc import Callable

from govault.services.maintenance.collection import Collector


class CollectionWorker:
    """Opens at most one epoch a period, so that an upload may take as long as two of them."""

    name = "collection"

    def __init__(
        self,
        collector: Collector,
        period_s: float,
        dead_share_min: float = 0.3,
        frozen: Callable[[], bool] = lambda: False,
    ) -> None:
        """Args:
        period_s: Between two rounds.
        dead_share_min: Packs with at least this share of dead bytes are rewritten.
        frozen: Whether the log is out of reach: then a round is left out.
        """
        self._frozen = frozen
        self._collector = collector
        self._period_s = period_s
        self._dead_share_min = dead_share_min

    async def work(self) -> bool:
        """One round, unless the log is out of reach."""
        if self._frozen():
            return False
        await self._collector.collect_gently(self._dead_share_min)
        return False

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(self._period_s)
