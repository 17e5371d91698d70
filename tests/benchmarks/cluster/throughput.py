"""A tree in and out of one node and of three, and single small files: MB/s, processor seconds, latency."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.node_process import NodeProcess
from tests.benchmarks.cluster.percentiles import p50_p99_ms
from tests.benchmarks.cluster.requests import Clients
from tests.benchmarks.cluster.transfers import download, nodes_cpu_s, upload
from tests.benchmarks.table import Table

MB = 1e6
SMALL_BYTES = 4096
SMALL_WARM = 20


@dataclass(frozen=True)
class Throughput:
    """What nodes did with a tree and with small files; processor seconds are those of all nodes, not of their log.

    Attributes:
        put_ms: p50 and p99 of a PUT of 4 KB, one after the other.
    """

    size_bytes: int
    up_s: float
    up_cpu_s: float
    down_s: float
    down_cpu_s: float
    put_ms: tuple[float, float]


def measure(nodes: Sequence[NodeProcess], token: str, tree: Path, puts: int) -> Throughput:
    """Put the tree, get it again, and put small files, each through the next node.

    Raises:
        RuntimeError: A file was refused, or not given.
    """
    cpu_s = nodes_cpu_s(nodes)
    up = upload(nodes, token, tree, "throughput")
    up_cpu_s = nodes_cpu_s(nodes) - cpu_s
    if up.failed:
        raise RuntimeError(f"{len(up.failed)} files were not taken: {up.failed[:3]}")
    _wait_known(nodes, token, next(reversed(up.written)))
    cpu_s = nodes_cpu_s(nodes)
    down_s = download(nodes, token, list(up.written))
    down_cpu_s = nodes_cpu_s(nodes) - cpu_s
    clients, took = Clients(nodes, token), []
    for number in range(puts + SMALL_WARM):
        took.append(clients.write(f"single/{number}", os.urandom(SMALL_BYTES), number).took_s)
    return Throughput(up.size_bytes, up.took_s, up_cpu_s, down_s, down_cpu_s, p50_p99_ms(took[SMALL_WARM:]))


def tell(table: Table, three: Throughput, peers: dict[str, Throughput]) -> None:
    """Add the rows of three nodes against each other arrangement."""
    for name, one in peers.items():
        table.add(
            f"upload through 3 nodes, R=3, against {name}", f"{three.size_bytes / MB / three.up_s:.1f} MB/s",
            peer=f"{one.size_bytes / MB / one.up_s:.1f} MB/s", ratio=one.up_s / three.up_s,
        )  # fmt: skip
        table.add(
            "  processor of all nodes for it", f"{three.up_cpu_s:.1f} s", peer=f"{one.up_cpu_s:.1f} s",
            ratio=three.up_cpu_s / one.up_cpu_s,
        )  # fmt: skip
        table.add(
            f"download through 3 nodes, against {name}", f"{three.size_bytes / MB / three.down_s:.1f} MB/s",
            peer=f"{one.size_bytes / MB / one.down_s:.1f} MB/s", ratio=one.down_s / three.down_s,
        )  # fmt: skip
        table.add(
            "  processor of all nodes for it", f"{three.down_cpu_s:.1f} s", peer=f"{one.down_cpu_s:.1f} s",
            ratio=three.down_cpu_s / one.down_cpu_s,
        )  # fmt: skip
        table.add(
            f"PUT of 4 KB, 1 client, 3 nodes, against {name}", "p50 {:.1f} ms p99 {:.1f} ms".format(*three.put_ms),
            peer="p50 {:.1f} ms p99 {:.1f} ms".format(*one.put_ms), ratio=three.put_ms[0] / one.put_ms[0],
        )  # fmt: skip


def _wait_known(nodes: Sequence[NodeProcess], token: str, path: str) -> None:
    """Wait until every node knows the last file, for a node follows the others' writes a moment behind."""
    clients, deadline_s = Clients(nodes, token), time.monotonic() + 60
    for node in nodes:
        while clients.of(node).get(path)[0] != 200:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{node.root.name} does not know {path} after a minute")
            time.sleep(0.1)
