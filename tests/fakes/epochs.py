"""Collection's clock, moved by hand."""

from govault.domain.actor import system
from schemas.events.files import EpochOpened
from tests.fakes.vault import Vault


async def open_epochs(vault: Vault, count: int) -> None:
    """Open the next epochs in every partition."""
    for _ in range(count):
        for partition in vault.views.partitions():
            epoch = vault.views.partition_row(partition).epoch + 1
            event = EpochOpened(epoch=epoch)
            await vault.services.submitter.submit(system("test"), event, partition, subject=f"partition-{partition}")
        vault.store.note_epoch(epoch)
