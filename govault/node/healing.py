"""Opens the repair queue and puts healing together for a node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from govault.config.model import Workers as WorkersSection
from govault.errors import Storage
from govault.node.folder import DataFolder
from govault.ports import ClusterMap, LinkQualities, PeerStores
from govault.services.healing.assembly import Healing, HealingPorts, HealingSettings, assemble_healing
from govault.services.log.submit import Submitter
from govault.services.maintenance.assembly import UpkeepPorts
from govault.storage.database import RocksDatabase
from govault.storage.repair_queue import QUEUE_FOLDER, StoredRepairQueue
from govault.storage.store import PackChunkStore


def healing_settings(workers: WorkersSection) -> HealingSettings:
    """How fast and how soon, as configured."""
    usual = HealingSettings()
    return HealingSettings(
        repair_bytes_per_s=workers.repair_bytes_per_s,
        lanes=workers.repair_parallel,
        sole_grace_s=min(usual.sole_grace_s, workers.repair_grace.total_seconds()),
        grace_s=workers.repair_grace.total_seconds(),
        scrub_period_s=workers.scrub_period.total_seconds(),
        scrub_bytes_per_s=workers.scrub_bytes_per_s,
    )


@asynccontextmanager
async def open_healing(
    folder: DataFolder,
    ports: UpkeepPorts,
    store: PackChunkStore,
    submitter: Submitter,
    settings: HealingSettings,
    *,
    cluster: ClusterMap,
    peers: PeerStores,
    links: LinkQualities,
) -> AsyncIterator[Healing]:
    """Healing over this node's store, hooked into views and store; its queue is closed at the end.

    Raises:
        Storage: The queue cannot be opened.
    """
    queue = await asyncio.to_thread(_open_queue, folder, ports)
    try:
        healing = assemble_healing(
            HealingPorts(
                cluster=cluster,
                views=ports.views,
                view_upkeep=ports.view_upkeep,
                store=store,
                packs=store,
                replicas=store,
                peers=peers,
                links=links,
                log=ports.log,
                clock=ports.clock,
                randomness=ports.randomness,
                queue=queue,
            ),
            submitter,
            settings,
        )
        store.on_damage(healing.notices.damaged)
        healing.notices.missed([chunk.chunk_id for chunk in store.quarantined(_QUARANTINED_MAX)])
        yield healing
    finally:
        await asyncio.to_thread(queue.close)


_QUARANTINED_MAX = 100_000
"""Found damaged, or gone with a lost pack, before anybody listened. Walks find the rest."""


def _open_queue(folder: DataFolder, ports: UpkeepPorts) -> StoredRepairQueue:
    place = folder.store / QUEUE_FOLDER
    try:
        database = RocksDatabase(place)
    except Exception as error:
        raise Storage(
            f"cannot open the repair queue in {place}: {error}. While the node is stopped it may be removed: what "
            "waits for repair is found again",
            code="storage.repair-queue",
        ) from error
    return StoredRepairQueue(database, ports.clock.monotonic_s)
