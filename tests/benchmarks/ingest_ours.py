"""The chunk store's side of the ingest benchmark: a process of its own, as restic and borg are, that loads no more.

On uvloop, as a node runs.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from govault.limits import UPLOADS_AT_ONCE_MAX
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore

READ_BYTES = 1 << 20
FILES_AT_ONCE = UPLOADS_AT_ONCE_MAX  # As many as a node takes at once. The peers wait for no file at all.


async def ingest_tree(store_folder: Path, tree: Path) -> None:
    """Take every file of a tree into a store, some at once."""
    store = await PackChunkStore.open(store_folder / "store", Keyring.open(store_folder / "keys"), StoreOptions())
    paths = iter(_files(str(tree)))

    async def worker() -> None:
        for path in paths:
            session = store.begin()
            # As cheap as the peers read.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            block = os.read(file, READ_BYTES)
            while block:
                await session.write(block)
                block = os.read(file, READ_BYTES) if len(block) == READ_BYTES else b""
            os.close(file)
            await session.finish()

    async with asyncio.TaskGroup() as group:
        for _ in range(FILES_AT_ONCE):
            group.create_task(worker())
    await store.close()


def _files(tree: str) -> list[str]:
    files: list[str] = []
    folders = [tree]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.path)
    return files


if __name__ == "__main__":
    uvloop.run(ingest_tree(Path(sys.argv[1]), Path(sys.argv[2])))
