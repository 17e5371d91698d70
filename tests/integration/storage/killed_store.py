"""A store that ends by ``os._exit`` at a given write: run as a program by ``test_kill``.

Arguments: folder, seed, how many disk operations to survive. Each acknowledged chunk is a line on standard output,
written before anything else happens: its id, the content's seed and size, and where the chunk lies in it; removals
are lines too, written before they begin.
"""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from govault.storage.disk import Buffer, RealDisk, RealFile
from govault.storage.keyring import Keyring
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import noise, put
from tests.integration.storage.vault import OPTIONS

KILLED = 77


class Fuse:
    """Burns down with each operation; the process ends with it, in the middle of a write."""

    def __init__(self, operations: int) -> None:
        self._left = operations

    def burn(self) -> bool:
        self._left -= 1
        return self._left <= 0


class FusedFile(RealFile):
    def __init__(self, fd: int, fuse: Fuse) -> None:
        super().__init__(fd)
        self._fuse = fuse

    def pwrite(self, buffers: Sequence[Buffer], position: int) -> None:
        if self._fuse.burn():
            data = b"".join(buffers)
            super().pwrite([data[: len(data) // 2]], position)
            os._exit(KILLED)
        super().pwrite(buffers, position)

    def sync(self) -> None:
        if self._fuse.burn():
            os._exit(KILLED)
        super().sync()


class FusedDisk(RealDisk):
    def __init__(self, root: Path, fuse: Fuse) -> None:
        super().__init__(root)
        self._fuse = fuse

    def open(self, path: str, *, create: bool = False) -> RealFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return FusedFile(os.open(self._at(path), flags, 0o600), self._fuse)

    def unlink(self, path: str) -> None:
        if self._fuse.burn():
            os._exit(KILLED)
        super().unlink(path)

    def sync_dir(self, path: str) -> None:
        if self._fuse.burn():
            os._exit(KILLED)
        super().sync_dir(path)


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


async def work(root: Path, seed: int, operations: int) -> None:
    disk = FusedDisk(root / "store", Fuse(operations))
    store = await PackChunkStore.open(root / "store", Keyring.open(root / "keys"), OPTIONS, disk=disk)
    rng = random.Random(seed)
    live: list[bytes] = []

    async def upload(content_seed: int, size: int) -> None:
        _, manifest = await put(store, noise(size, content_seed))
        start = 0
        for chunk in manifest:
            say(f"stored {chunk.chunk_id.hex()} {content_seed} {size} {start} {chunk.size_bytes}")
            start += chunk.size_bytes
            live.append(chunk.chunk_id)

    for number in range(1000):
        store.note_epoch(number)
        sizes = [rng.choice((100, 5000, 70_000, 400_000)) for _ in range(4)]
        await asyncio.gather(*(upload(seed * 100_000 + number * 10 + index, size) for index, size in enumerate(sizes)))
        gone = rng.sample(live, len(live) // 3)
        say("removing " + " ".join(chunk_id.hex() for chunk_id in gone))
        live[:] = [chunk_id for chunk_id in live if chunk_id not in gone]
        await store.remove(gone, number)
        await store.compact(0.2)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
