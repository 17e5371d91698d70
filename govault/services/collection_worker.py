"""Collection in the background: a round a period, and sooner when asked."""

import asyncio

from govault.services.collection import Collector


class CollectionWorker:
    """Opens at most one epoch a period, so that an upload may take as long as two of them."""

    name = "collection"

    def __init__(self, collector: Collector, period_s: float, dead_share_min: float = 0.3) -> None:
        """Args:
        period_s: Between two rounds.
        dead_share_min: Packs with at least this share of dead bytes are rewritten.
        """
        self._collector = collector
        self._period_s = period_s
        self._dead_share_min = dead_share_min

    async def work(self) -> bool:
        """One round."""
        await self._collector.collect_gently(self._dead_share_min)
        return False

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(self._period_s)
