"""The whole life of a real tree at the command line: in, listed, out and equal; again; changed; gone and collected.

By default the tree is this Python's library with links and empty folders added; GOVAULT_TREE names another (the record
in docs/benchmarks.md was made with a whole Python installation and Debian's share tree).
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.node_process import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
CHANGED_EVERY = 40


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "vault")
    process.start()
    yield process
    process.stop()


def govault(node: NodeProcess, *arguments: str | Path) -> str:
    """Run a command against the node; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", "from govault.cli.main import main; main()", *map(str, arguments)],
        env={**os.environ, "GOVAULT_URL": node.url, "GOVAULT_TOKEN": node.token},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, (
        f"govault {arguments[0]}: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-2000:]}"
    )
    return done.stdout


def timed(node: NodeProcess, *arguments: str | Path) -> str:
    began = time.monotonic()
    out = govault(node, *arguments)
    print(f"govault {arguments[0]}: {time.monotonic() - began:.1f} s  {out.strip()[-200:]}")
    return out


def stats(node: NodeProcess) -> dict[str, int]:
    return dict(json.loads(govault(node, "stats", "--json"))["store"])


def disk_bytes(node: NodeProcess) -> int:
    return sum(path.stat().st_size for path in (node.root / "store/packs").rglob("*") if path.is_file())


def a_tree(folder: Path) -> Path:
    """The tree to store, with a link of each kind and an empty folder in it."""
    named = os.environ.get("GOVAULT_TREE")
    if named:
        return Path(named)
    source = Path(sysconfig.get_paths()["stdlib"])
    tree = folder / "tree"
    leave = shutil.ignore_patterns("site-packages", "test", "__pycache__")
    shutil.copytree(source, tree, symlinks=True, ignore=leave)
    (tree / "empty" / "deep").mkdir(parents=True)
    (tree / "dangling").symlink_to("/nonexistent/target")
    (tree / "link-to-folder").symlink_to("json")
    (tree / "naïve – name").write_text("Unicode")
    (tree / "script").write_text("#!/bin/sh\n")
    (tree / "script").chmod(0o755)
    return tree


def test_a_real_tree_lives_its_whole_life(node: NodeProcess, tmp_path: Path) -> None:
    tree = a_tree(tmp_path)
    files = sum(1 for path in tree.rglob("*") if path.is_symlink() or path.is_file())

    timed(node, "upload", "-q", f"{tree}/", "main:/tree")
    listed = govault(node, "find", "--space", "main", "--prefix", "tree/", "--jsonl").splitlines()
    assert len(listed) == files
    timed(node, "download", "-q", "main:/tree/", tmp_path / "out")
    subprocess.run(["diff", "-r", "--no-dereference", tree, tmp_path / "out"], check=True, timeout=600)
    shutil.rmtree(tmp_path / "out")

    first = stats(node)
    timed(node, "upload", "-q", "--checksum", f"{tree}/", "main:/again")
    assert stats(node)["chunks"] == first["chunks"], "a second upload stores no chunk"

    held_before = disk_bytes(node)
    changed = tmp_path / "changed"
    shutil.copytree(tree, changed, symlinks=True)
    texts = sorted(path for path in changed.rglob("*.py") if path.is_file() and not path.is_symlink())[::CHANGED_EVERY]
    for path in texts:
        path.write_text(f"# changed {path.name}\n" + path.read_text(errors="replace"), errors="replace")
    timed(node, "upload", "-q", f"{changed}/", "main:/changed")
    grown = disk_bytes(node) - held_before
    change = sum(path.stat().st_size for path in texts)
    print(f"{len(texts)} files of {change} bytes changed: the packs grew by {grown} bytes")
    assert 0 < grown < change + 4096 * len(texts), "a changed copy stores little more than the change"

    timed(node, "rm", "-q", "--recursive", "--yes", "main:/changed")
    timed(node, "trash", "empty", "-q", "--yes")
    timed(node, "gc", "-q", "--yes")
    left = disk_bytes(node)
    print(f"packs: {held_before} before the changed copy, {held_before + grown} with it, {left} after it was collected")
    assert left <= held_before + grown // 10, "what only the deleted files held is gone from the disk"
    assert json.loads(govault(node, "check", "--read-data", "--json"))["result"]["findings"] == []
    timed(node, "download", "-q", "main:/tree/", tmp_path / "out")
    subprocess.run(["diff", "-r", "--no-dereference", tree, tmp_path / "out"], check=True, timeout=600)
