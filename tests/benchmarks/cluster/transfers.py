"""A tree of files into a vault and out of it again, with a few threads over its nodes."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from deploy.local.node_process import NodeProcess
from tests.benchmarks.cluster.requests import Clients
from tests.benchmarks.processes import cpu_s

THREADS = 6
Item = TypeVar("Item")


@dataclass
class Upload:
    """What came of an upload.

    Attributes:
        written: path → SHA-256 of what was acknowledged.
        refused: Tries that were answered 503 or broke off, and were repeated through the next node.
    """

    took_s: float = 0.0
    size_bytes: int = 0
    longest_write_s: float = 0.0
    refused: int = 0
    written: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def upload(
    nodes: Sequence[NodeProcess], token: str, tree: Path, into: str, told: Callable[[Upload], None] = lambda _: None
) -> Upload:
    """Put every file, each through the next node.

    Args:
        told: Called after each file, by one thread at a time.
    """
    done, lock = Upload(), threading.Lock()

    def put(clients: Clients, number: int, path: Path) -> None:
        content = path.read_bytes()
        name = f"{into}/{path.relative_to(tree).as_posix()}"
        try:
            written = clients.write(name, content, number)
        except RuntimeError as error:
            done.failed.append(str(error))
            return
        with lock:
            done.written[name] = hashlib.sha256(content).hexdigest()
            done.size_bytes += len(content)
            done.refused += written.refused
            done.longest_write_s = max(done.longest_write_s, written.took_s)
            told(done)

    done.took_s = _each(nodes, token, [path for path in sorted(tree.rglob("*")) if path.is_file()], put)
    return done


def download(nodes: Sequence[NodeProcess], token: str, paths: Sequence[str]) -> float:
    """Get every file, each through the next node. Returns the seconds it took.

    Raises:
        RuntimeError: One was not given.
    """
    wrong: list[str] = []

    def get(clients: Clients, number: int, path: str) -> None:
        node = nodes[number % len(nodes)]
        status, _ = clients.of(node).get(path)
        if status != 200:
            wrong.append(f"{path} through {node.root.name}: {status}")

    took_s = _each(nodes, token, paths, get)
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(paths)} files were not given: {wrong[:3]}")
    return took_s


def nodes_cpu_s(nodes: Sequence[NodeProcess]) -> float:
    """Processor seconds of the nodes so far, without their log."""
    return sum(cpu_s(node.pid) for node in nodes)


def _each(
    nodes: Sequence[NodeProcess], token: str, items: Sequence[Item], act: Callable[[Clients, int, Item], None]
) -> float:
    """Act on every item, some at once, each with its number. Returns the seconds it took; raises the first error."""

    def work(thread: int) -> None:
        clients = Clients(nodes, token)
        for number in range(thread, len(items), THREADS):
            act(clients, number, items[number])

    began_s = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for ended in [pool.submit(work, thread) for thread in range(THREADS)]:
            ended.result()
    return time.monotonic() - began_s
