"""Ingest: fresh trees, the same again, and a changed copy; processor seconds and stored bytes against restic and borg.

Two corpora: one real tree, in which nearly everything is new, and six trees that differ as releases of one software
do, since that is what stores like these are for. The pipeline is measured in its own process (cut, hash, compress,
seal, fsync), as restic and borg are.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import corpora
from tests.benchmarks.processes import Used, installed, run, tree_bytes
from tests.benchmarks.table import Table

RELEASES = 6


def _ours(store: Path, tree: Path) -> Used:
    return run([sys.executable, "-m", "tests.benchmarks.ingest_ours", store, tree])


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
    """Add the rows of ingest and stored size: of one real tree, and of six that differ as releases do."""
    tree = scratch / "one/tree"
    size = corpora.real_tree(tree, tree_bytes_max)
    _measure(table, tree, size, "one tree", ("fresh", "duplicate", "incremental"))
    shutil.rmtree(tree.parent)
    tree = scratch / "six/tree"
    size = corpora.releases(tree, tree_bytes_max, RELEASES, seed=4)
    _measure(table, tree, size, "six releases", ("fresh", "duplicate"))


def _measure(table: Table, tree: Path, size: int, name: str, stages: Sequence[str]) -> None:
    scratch = tree.parent
    table.note(f"{name}: {size / 1e6:.0f} MB, {sum(1 for p in tree.rglob('*') if p.is_file())} files")
    for stage in stages:
        if stage == "incremental":
            table.note(f"{corpora.change_some(tree, 20, seed=3)} files changed by 64 bytes each")
        corpora.read_all(tree)
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
                f"ingest {stage}, {name}, processor, against {peer}", said,
                peer=f"{peer} {size / 1e6 / measured.cpu_s:.0f} MB/cpu-s (wall {measured.wall_s / ours.wall_s:.2f}×)",
                ratio=measured.cpu_s / ours.cpu_s, at_least=goal, unit="×",
            )  # fmt: skip
        if stage == "fresh":
            _add_stored(table, scratch, name)


def _add_stored(table: Table, scratch: Path, name: str) -> None:
    stored = tree_bytes(scratch / "ours/store/packs")
    for peer in ("restic", "borg"):
        if (scratch / peer).exists():
            theirs = tree_bytes(scratch / peer)
            table.add(
                f"stored bytes, {name}, against {peer}", f"{stored / 1e6:.0f} MB",
                peer=f"{peer} {theirs / 1e6:.0f} MB", ratio=stored / theirs,
                at_most=0.85 if peer == "restic" else None, unit="×",
            )  # fmt: skip
