"""Opens the index at a start, makes it anew where it is gone or damaged, and remembers whether the end was clean."""

from pathlib import Path

from govault.errors import Config, Storage
from govault.storage.database import OpenDatabase
from govault.storage.disk import Disk
from govault.storage.index import Index, IndexBatch
from govault.storage.ledger import CLEAN_FACT, FLOOR_FACT, Ledger
from govault.storage.rebuild import INDEX_FOLDER, rebuild_index, remove_leftovers
from govault.storage.recovery import pack_numbers
from govault.storage.sealing import Sealer

_LOCKED = ("lock hold", "While lock file")


def open_ledger(folder: Path, disk: Disk, sealer: Sealer, time_ms: int, open_database: OpenDatabase) -> Ledger:
    """The ledger of a store's folder. After an unclean end its stamps count as the epoch that the store knew.

    Raises:
        Config: Another process has the store open, or the packs are another vault's.
        Storage: The index cannot be opened or made.
    """
    index = _open_index(folder, disk, sealer, time_ms, open_database)
    ledger = Ledger(index)
    batch = IndexBatch()
    if index.fact(CLEAN_FACT) is None and ledger.epoch > ledger.floor:
        # Stamps since the last sync of the index may be lost.
        ledger.floor = ledger.epoch
        batch.put_fact(FLOOR_FACT, ledger.floor)
    batch.delete_fact(CLEAN_FACT)
    index.write(batch)
    index.sync()
    return ledger


def mark_clean(ledger: Ledger) -> None:
    """Nothing will be written any more: the next start may trust all stamps. Durable when this returns."""
    if ledger.failure is not None:
        return
    batch = IndexBatch()
    batch.put_fact(CLEAN_FACT, 1)
    try:
        ledger.index.sync()
        ledger.index.write(batch)
        ledger.index.sync()
    except Storage:
        # On a full disk the end is not a clean one; the next start scans the tails.
        pass


def _open_index(folder: Path, disk: Disk, sealer: Sealer, time_ms: int, open_database: OpenDatabase) -> Index:
    there = (folder / INDEX_FOLDER / "CURRENT").exists()
    if there or not pack_numbers(disk):
        remove_leftovers(folder)
        try:
            return Index(open_database(folder / INDEX_FOLDER))
        except Exception as error:
            if any(words in str(error) for words in _LOCKED):
                raise Config(f"another process has the chunk store in {folder} open") from error
            if not there:
                raise Storage(f"cannot make the index in {folder}: {error}", code="storage.index") from error
    # Gone or damaged: the packs know everything but the stamps.
    index, _ = rebuild_index(folder, disk, sealer, 0, time_ms, lambda done, total: None, open_database)
    return index
