"""Upkeep over the vault of the fakes: real views and store, a log in memory, time that a test moves."""

from dataclasses import dataclass

from govault.services.maintenance.checking import Checker
from govault.services.maintenance.collection import Collector
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from govault.services.maintenance.retention import RetentionWorker
from tests.fakes.vault import Vault


@dataclass
class Upkeep:
    collector: Collector
    barriers: EpochBarriers
    checker: Checker
    retention: RetentionWorker


def upkeep_of(vault: Vault) -> Upkeep:
    """Upkeep hooked into a vault as the node does it."""
    services, views, store = vault.services, vault.views, vault.store
    dereferences = Dereferences(store)
    views.on_dereferenced(dereferences.note)
    views.on_epoch(store.note_epoch)
    barriers = EpochBarriers(services.submitter, views, store)
    collector = Collector(
        log=vault.log,
        views=views,
        packs=store,  # type: ignore[arg-type]
        submitter=services.submitter,
        barriers=barriers,
        dereferences=dereferences,
        in_flight=services.uploads.in_flight,
        pace=EpochPace(vault.clock.monotonic_s, 0.0),
    )
    checker = Checker(views, views, store, store)  # type: ignore[arg-type]
    retention = RetentionWorker(views, views, services.namespace.purges, period_s=60)  # type: ignore[arg-type]
    return Upkeep(collector, barriers, checker, retention)


async def purge(vault: Vault, path: str) -> None:
    """Remove a file for ever."""
    assert (await vault.client.delete(f"/spaces/main/files/{path}")).status_code == 200
    assert (await vault.client.delete("/trash")).status_code == 200


async def one_round(retention: RetentionWorker) -> int:
    """A whole round of retention; its steps."""
    steps = 1
    while await retention.work():
        steps += 1
    return steps
