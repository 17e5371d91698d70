"""Ingest: a fresh tree, the same again, and a changed copy; processor seconds and stored bytes against restic and borg.

The pipeline is measured in its own process (cut, hash, compress, seal, fsync), as restic and borg are.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from govault.limits import UPLOADS_AT_ONCE_MAX
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from tests.benchmarks import corpora
from tests.benchmarks.processes import Used, installed, run, tree_bytes
from tests.benchmarks.table import Table

READ_BYTES = 1 << 20
FILES_AT_ONCE = UPLOADS_AT_ONCE_MAX  # As many as a node takes at once. The peers wait for no file at all.


async def ingest_tree(store_folder: Path, tree: Path) -> None:
    """Take every file of a tree into a store, some at once."""
    store = await PackChunkStore.open(store_folder / "store", Keyring.open(store_folder / "keys"), StoreOptions())
    paths = iter(list(_files(str(tree))))

    async def worker() -> None:
        for path in paths:
            session = store.begin()
            # As cheap as the peers read.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            while block := os.read(file, READ_BYTES):
                await session.write(block)
            os.close(file)
            await session.finish()

    async with asyncio.TaskGroup() as group:
        for _ in range(FILES_AT_ONCE):
            group.create_task(worker())
    await store.close()


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            else:
                yield entry.path


def _ours(store: Path, tree: Path) -> Used:
    return run([sys.executable, "-m", "tests.benchmarks.ingest", store, tree])


def _restic(repository: Path, tree: Path) -> Used:
    environment = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(repository.parent / "restic-cache")}
    if not repository.exists():
        run(["restic", "-r", repository, "init"], environment)
    # --force reads every byte again, as our pipeline does: nothing is skipped by modification time.
    return run(["restic", "-r", repository, "backup", "--force", "-q", tree], environment)


def _borg(repository: Path, tree: Path, name: str) -> Used:
    environment = {"BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": str(repository.parent / "borg-base")}
    if not repository.exists():
        run(["borg", "init", "-e", "repokey-blake2", repository], environment)
    return run(
        ["borg", "create", "-C", "zstd,3", "--files-cache", "disabled", f"{repository}::{name}", tree], environment
    )


def measure(table: Table, scratch: Path, tree_bytes_max: int) -> None:
    """Add the rows of ingest and stored size."""
    tree = scratch / "tree"
    size = corpora.real_tree(tree, tree_bytes_max)
    table.note(f"ingest of a real tree: {size / 1e6:.0f} MB, {sum(1 for p in tree.rglob('*') if p.is_file())} files")
    for stage in ("fresh", "duplicate", "incremental"):
        if stage == "incremental":
            table.note(f"{corpora.change_some(tree, 20, seed=3)} files changed by 64 bytes each")
        ours = _ours(scratch / "ours", tree)
        said = f"{size / 1e6 / ours.cpu_s:.0f} MB/cpu-s"
        for peer, measured in (
            ("restic", _restic(scratch / "restic", tree) if installed("restic") else None),
            ("borg", _borg(scratch / "borg", tree, stage) if installed("borg") else None),
        ):
            if measured is None:
                table.note(f"{peer} is not installed: no comparison")
                continue
            goal = {"fresh": 2.0, "duplicate": 1.5}.get(stage) if peer == "restic" else None
            table.add(
                f"ingest {stage}, processor, against {peer}", said,
                peer=f"{peer} {size / 1e6 / measured.cpu_s:.0f} MB/cpu-s (wall {measured.wall_s / ours.wall_s:.2f}×)",
                ratio=measured.cpu_s / ours.cpu_s, at_least=goal, unit="×",
            )  # fmt: skip
        if stage == "fresh":
            stored = tree_bytes(scratch / "ours/store/packs")
            for peer in ("restic", "borg"):
                if (scratch / peer).exists():
                    theirs = tree_bytes(scratch / peer)
                    table.add(
                        f"stored bytes, against {peer}", f"{stored / 1e6:.0f} MB",
                        peer=f"{peer} {theirs / 1e6:.0f} MB", ratio=stored / theirs,
                        at_most=0.85 if peer == "restic" else None, unit="×",
                    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(ingest_tree(Path(sys.argv[1]), Path(sys.argv[2])))
