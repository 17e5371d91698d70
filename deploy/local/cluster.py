"""A cluster on this machine: Apache Kafka and nodes, each a process of its own. `make cluster` runs it.

    python -m deploy.local.cluster [--nodes 3] [--folder data-cluster] [--port 8081]

What it made stays in the folder: the next run starts the same vault again.
"""

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.kafka import ApacheKafka, missing
from deploy.local.node_process import NodeProcess

TOKEN_WORD = "gvj1."


@dataclass
class LocalCluster:
    """Kafka and nodes of one vault. The first node initialises it, the others join with a token each.

    Attributes:
        first_port: Of the REST door of the first node, the next ones follow; 0 takes free ones.
        environment: Settings of every node (``GOVAULT_…``).
    """

    folder: Path
    size: int = 3
    first_port: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    node_class: type[NodeProcess] = NodeProcess
    kafka: ApacheKafka = field(init=False)
    nodes: list[NodeProcess] = field(init=False, default_factory=list)
    _made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kafka = ApacheKafka(self.folder / "kafka")

    def start(self) -> None:
        """Start everything; returns once every node is ready."""
        self.kafka.start()
        for _ in range(self.size):
            self.add_node()

    def add_node(self, **environment: str) -> NodeProcess:
        """One more node, joined and ready (or the one that was in its folder before, started again).

        Args:
            environment: Settings of this node alone, ``GOVAULT_…``.
        """
        self._made += 1
        number = self._made
        root = self.folder / f"node{number}"
        node = self.node_class(root, {**self._settings(number), **environment}, self._wrapper(number))
        if (root / "vault.json").exists():
            node.start()
        elif number == 1:
            node.cli("cluster", "init")
            node.start()
        else:
            node.start("--join", self.token())
        self.nodes.append(node)
        return node

    def token(self) -> str:
        """A join token, from the first node that gives one."""
        problems = []
        for node in self.nodes:
            try:
                return next(word for word in node.cli("cluster", "token").split() if word.startswith(TOKEN_WORD))
            except RuntimeError as error:
                problems.append(str(error))
        raise RuntimeError("no node gave a token:\n" + "\n".join(problems))

    def stop(self) -> None:
        """Stop the nodes, then Kafka."""
        for node in self.nodes:
            node.send(signal.SIGTERM)
        # Each is stopped even where one before it had to be killed, which is told in the end.
        with ExitStack() as stopping:
            stopping.callback(self.kafka.stop)
            for node in self.nodes:
                stopping.callback(node.stop)

    def _wrapper(self, number: int) -> tuple[str, ...]:
        """What the process of a node is started by."""
        return ()

    def _settings(self, number: int) -> dict[str, str]:
        port = self.first_port + number - 1 if self.first_port else 0
        return {
            "GOVAULT_SERVER__LISTEN_ADDR": f"127.0.0.1:{port}",
            "GOVAULT_LOG__KIND": "kafka",
            "GOVAULT_LOG__BOOTSTRAP": self.kafka.bootstrap,
            "GOVAULT_LOG__REPLICATION": "1",
            "GOVAULT_NETWORK__PEER_ADDR": f"127.0.0.1:{port - 100 if port else 0}",
            "GOVAULT_NETWORK__NAME": f"node{number}",
            **self.environment,
        }


def main() -> int:
    """Run a cluster until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("data-cluster"))
    parser.add_argument("--port", type=int, default=8081, help="REST port of the first node; peers use this - 100")
    options = parser.parse_args()
    if reason := missing():
        print(reason)
        return 1
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    cluster = LocalCluster(options.folder.absolute(), options.nodes, options.port)
    print("Starting Apache Kafka and the nodes (the first time Maven brings Kafka's jars)", flush=True)
    try:
        cluster.start()
        print(_greeting(cluster), flush=True)
        ended.wait()
        print("Stopping", flush=True)
    finally:
        cluster.stop()
    return 0


def _greeting(cluster: LocalCluster) -> str:
    first = cluster.nodes[0]
    lines = [f"A vault of {len(cluster.nodes)} nodes runs, on Apache Kafka at {cluster.kafka.bootstrap}."]
    lines += [f"  {node.root.name}  {node.url}  (data and admin.token in {node.root})" for node in cluster.nodes]
    lines += [
        "Try:",
        f"  .venv/bin/govault peers list --data {first.root}",
        f"  .venv/bin/govault upload ~/Pictures main:/ --data {first.root}",
        f"  .venv/bin/govault ls -l main:/ --data {cluster.nodes[-1].root}     # the same through another node",
        f"  kill -9 {cluster.nodes[-1].pid}; .venv/bin/govault peers list --data {first.root}  # nothing is lost",
        "Ctrl-C stops everything; the next `make cluster` starts the same vault.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
