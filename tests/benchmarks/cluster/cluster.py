"""The parts in turn, on one Apache Kafka. Needs Java and Maven; says so and leaves it all out where they are not."""

from pathlib import Path

import uvloop

from deploy.local.kafka import ApacheKafka, missing
from deploy.local.node_process import NodeProcess
from tests.benchmarks import corpora
from tests.benchmarks.cluster import foreground, healing, logs, throughput
from tests.benchmarks.cluster.throughput import Throughput
from tests.benchmarks.cluster.traffic import differing
from tests.benchmarks.table import Table
from tests.e2e.cluster.vault import Vault

MB = 1_000_000
FILE_BYTES_MIN = 64 << 10
SOURCES = (*corpora.SOURCES, Path("/usr/lib"))
SETTINGS = {"GOVAULT_STORAGE__RESERVE": "16MiB", "GOVAULT_LOG__PARTITIONS": "4"}


def measure(table: Table, scratch: Path, quick: bool) -> None:
    """Add the rows of a cluster of three nodes, R=3, W=2."""
    if reason := missing():
        table.note(f"no cluster is measured: {reason}")
        return
    small, large = scratch / "tree-small", scratch / "tree-large"
    corpora.real_tree(small, (30 if quick else 200) * MB, SOURCES, FILE_BYTES_MIN)
    size_bytes = corpora.real_tree(large, (100 if quick else 1_050) * MB, SOURCES, FILE_BYTES_MIN)
    files = sum(1 for path in large.rglob("*") if path.is_file())
    table.note(f"one tree of {size_bytes / MB:.0f} MB in {files} files of 64 KiB and more")
    vault = Vault(scratch / "vault", environment=SETTINGS)
    try:
        vault.kafka.start()
        uvloop.run(logs.measure(table, scratch / "logs", vault.kafka, 20_000 if quick else 200_000))
        puts = 200 if quick else 1_000
        peers = _alone(scratch / "alone", vault.kafka, small, puts)
        for _ in range(vault.size):
            vault.add_node()
        vault.wait_layout(vault.size)
        throughput.tell(table, throughput.measure(vault.nodes, vault.token_of_all, small, puts), peers)
        written = healing.measure(table, vault, large, size_bytes)
        written |= foreground.measure(table, vault, 10 if quick else 30)
        wrong = differing(vault.nodes, vault.token_of_all, written)
        table.add("files that differ, at the end", f"{len(wrong)} of {len(written)}", value=len(wrong), at_most=0)
    finally:
        vault.stop()


def _alone(folder: Path, kafka: ApacheKafka, tree: Path, puts: int) -> dict[str, Throughput]:
    """One node on either log, one after the other."""
    on_kafka = {
        "GOVAULT_LOG__KIND": "kafka",
        "GOVAULT_LOG__BOOTSTRAP": kafka.bootstrap,
        "GOVAULT_LOG__REPLICATION": "1",
        "GOVAULT_LOG__TOPIC_PREFIX": "bench-alone",
    }
    found = {}
    for name, log in (("1 node, embedded log", {}), ("1 node, Apache Kafka", on_kafka)):
        node = NodeProcess(folder / name.split()[-1], {**SETTINGS, **log})
        node.root.parent.mkdir(parents=True, exist_ok=True)
        node.start()
        try:
            found[name] = throughput.measure([node], node.token, tree, puts)
        finally:
            node.stop()
    return found
