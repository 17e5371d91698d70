"""Whole large files over HTTP: down in one stream and in four against nginx sendfile, up against in-process ingest.

The client is curl for both, so its cost is in both figures. Runs alternate between node and peer and the best of each
counts, because others use this machine too.
"""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import corpora, nginx
from tests.benchmarks.ingest_ours import ingest_tree
from tests.benchmarks.processes import cpu_s, installed
from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

KINDS: dict[str, Callable[[Path, int], None]] = {
    "incompressible": corpora.incompressible,
    "compressible": corpora.compressible,
}
GOALS = {"incompressible": 0.85, "compressible": 0.55}
ROUNDS = 5
MB = 1e6


def measure(table: Table, scratch: Path, size_bytes: int) -> None:
    """Add the rows of uploads and downloads."""
    if not installed("curl"):
        table.note("curl is not installed: downloads are not measured")
        return
    files = scratch / "files"
    files.mkdir()
    for name, write in KINDS.items():
        write(files / name, size_bytes)
    node = NodeProcess(scratch / "vault")
    node.start()
    try:
        for name in KINDS:
            _upload(table, node, files / name, scratch)
        if not installed("nginx"):
            table.note("nginx is not installed: no comparison")
            for name in KINDS:
                _alone(table, node, files / name)
            return
        with nginx.serving(files, scratch / "nginx") as peer:
            for name in KINDS:
                for streams in (1, 4):
                    _download(table, node, peer, files / name, streams)
    finally:
        node.stop()


def _upload(table: Table, node: NodeProcess, file: Path, scratch: Path) -> None:
    """Fresh bytes through HTTP against the same through the store alone, each fsynced when it returns."""
    size_bytes = file.stat().st_size
    only = scratch / f"only-{file.name}"
    only.mkdir()
    (only / file.name).hardlink_to(file)
    began = time.perf_counter()
    asyncio.run(ingest_tree(scratch / f"alone-{file.name}", only))
    alone_s = time.perf_counter() - began
    cpu, began = cpu_s(node.pid), time.perf_counter()
    _curl(["-T", str(file)], node, _url(node, file))
    took_s = time.perf_counter() - began
    table.add(
        f"HTTP upload, {file.name}", f"{size_bytes / MB / took_s:.0f} MB/s",
        peer=f"in-process ingest {size_bytes / MB / alone_s:.0f} MB/s", ratio=alone_s / took_s, at_least=0.75, unit="×",
    )  # fmt: skip
    table.note(f"the node used {cpu_s(node.pid) - cpu:.2f} s of processor for it")


def _download(table: Table, node: NodeProcess, peer: str, file: Path, streams: int) -> None:
    size_bytes = file.stat().st_size * streams
    ours_s, theirs_s, used_s = [], [], []
    for _ in range(ROUNDS):
        cpu = cpu_s(node.pid)
        ours_s.append(_fetch(node, _url(node, file), streams))
        used_s.append(cpu_s(node.pid) - cpu)
        theirs_s.append(_fetch(None, f"{peer}/{file.name}", streams))
    ours, theirs = min(ours_s), min(theirs_s)
    table.add(
        f"download, {file.name}, {streams} stream{'s' if streams > 1 else ''}", f"{size_bytes / MB / ours:.0f} MB/s",
        peer=f"nginx sendfile {size_bytes / MB / theirs:.0f} MB/s", ratio=theirs / ours,
        at_least=GOALS[file.name] if streams == 1 else None, unit="×",
    )  # fmt: skip
    table.note(f"the node used {min(used_s) / (size_bytes / 1e9):.2f} s of processor a GB")


def _alone(table: Table, node: NodeProcess, file: Path) -> None:
    took_s = min(_fetch(node, _url(node, file), 1) for _ in range(ROUNDS))
    table.add(f"download, {file.name}, 1 stream", f"{file.stat().st_size / MB / took_s:.0f} MB/s")


def _url(node: NodeProcess, file: Path) -> str:
    return f"{node.url}/spaces/main/files/large/{file.name}"


def _fetch(node: NodeProcess | None, url: str, streams: int) -> float:
    """Seconds until every one of some streams of the same file has ended."""
    began = time.perf_counter()
    clients = [_start([], node, url) for _ in range(streams)]
    for client in clients:
        _reap(client, url)
    return time.perf_counter() - began


def _curl(arguments: list[str], node: NodeProcess | None, url: str) -> None:
    _reap(_start(arguments, node, url), url)


def _start(arguments: list[str], node: NodeProcess | None, url: str) -> subprocess.Popen[bytes]:
    login = ["-H", f"Authorization: Bearer {node.token}"] if node else []
    return subprocess.Popen(
        ["curl", "-sS", "--fail", "-o", "/dev/null", *arguments, *login, url],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def _reap(client: subprocess.Popen[bytes], url: str) -> None:
    _, said = client.communicate(timeout=600)
    if client.returncode:
        raise RuntimeError(f"{url}: {said.decode(errors='replace')}")
