"""Stores on disks in memory that a test can fill, hold up or break."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from govault.errors import StorageFull
from govault.storage.database import Change, RocksDatabase
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.simulation.storage.recording import RecordingDatabase, RecordingDisk


class FullDatabase(RecordingDatabase):
    """Takes nothing while it is full."""

    full = False

    def write(self, changes: Sequence[Change]) -> None:
        if self.full:
            raise StorageFull("no space left for the index")
        super().write(changes)


@asynccontextmanager
async def on(
    disk: RecordingDisk, folder: Path | None = None, database: RecordingDatabase | None = None, **options: Any
) -> AsyncIterator[PackChunkStore]:
    """A store on a disk in memory; its index too, unless there is a folder for it."""
    settings = StoreOptions(**{"reserve_bytes": 0, "workers": 2, "readers": 1, **options})
    in_memory = database or RecordingDatabase()
    store = await PackChunkStore.open(
        folder or Path("/nowhere"),
        Keyring(bytes(32)),
        settings,
        disk=disk,
        open_database=RocksDatabase if folder else lambda folder: in_memory,
    )
    try:
        yield store
    finally:
        await store.close()


class HeldWrite:
    """The disk's next write waits until it is told to fail for want of space; those after it succeed."""

    def __init__(self, disk: RecordingDisk) -> None:
        self._disk = disk
        self._reached, self._fail = threading.Event(), threading.Event()
        disk.before_write = self._write

    async def reached(self) -> None:
        """Return when the write has begun."""
        await asyncio.to_thread(wait_for, self._reached)

    def fail(self) -> None:
        """Let it fail."""
        self._fail.set()

    def _write(self, inode: int, data: bytes) -> None:
        self._disk.before_write = lambda inode, data: None
        self._reached.set()
        wait_for(self._fail)
        raise OSError(errno.ENOSPC, "no space left")


async def somebody_waits(store: PackChunkStore) -> None:
    """Return when an upload waits for a chunk that another one stores."""
    while store.claims_waiting() == 0:  # noqa: ASYNC110 (a thread raises it)
        await asyncio.sleep(0.001)


def wait_for(event: threading.Event) -> None:
    """Wait, on a thread, for half a minute at most."""
    assert event.wait(30)
