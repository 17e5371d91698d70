"""What a node says of itself in its heartbeats, from its store and views."""

import asyncio
from collections.abc import Callable

from govault.errors import GoVaultError
from govault.limits import HEARTBEAT_PERIOD_S
from govault.ports import ChunkStore, StoreStats, Views
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.heartbeats import Vitals


class NodeVitals:
    """Call it for the vitals of now. A store that cannot say keeps its last word: the heartbeat goes out anyway."""

    def __init__(
        self,
        cluster: FoldedClusterMap,
        store: ChunkStore,
        views: Views,
        capacity_bytes: Callable[[], int],
        repair_backlog: Callable[[], int] = lambda: 0,
    ) -> None:
        """Args:
        capacity_bytes: Of the disk that holds the packs. Must not block or raise.
        repair_backlog: Chunks in the repair queue. Must not block or raise.
        """
        self._cluster = cluster
        self._store = store
        self._views = views
        self._capacity_bytes = capacity_bytes
        self._repair_backlog = repair_backlog
        self._stats: StoreStats | None = None

    async def __call__(self) -> Vitals:
        """The vitals, within half a heartbeat's period."""
        try:
            async with asyncio.timeout(HEARTBEAT_PERIOD_S / 2):
                self._stats = await self._store.stats()
        except (GoVaultError, TimeoutError):
            pass
        stats = self._stats
        return Vitals(
            incarnation=self._cluster.incarnation,
            capacity_bytes=self._capacity_bytes(),
            free_bytes=stats.free_disk_bytes if stats else 0,
            stored_bytes=stats.stored_bytes if stats else 0,
            chunks=stats.chunks if stats else 0,
            repair_backlog=self._repair_backlog(),
            applied=tuple((topic, partition, at) for (topic, partition), at in self._views.applied().items()),
        )
