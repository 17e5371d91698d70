"""A cluster whose nodes may live in network namespaces of their own."""

from dataclasses import dataclass
from typing import Any

from deploy.local.node_process import NodeProcess
from tests.e2e.cluster.vault import Vault
from tests.e2e.faults.spaces import PEER_PORT, REST_PORT, Spaces


@dataclass
class FaultyVault(Vault):
    """``Vault``; with ``spaces`` each node is in the namespace of its number, and Kafka on the bridge."""

    spaces: Spaces | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spaces is not None:
            self.kafka.host = self.spaces.host

    def _wrapper(self, number: int) -> tuple[str, ...]:
        return () if self.spaces is None else self.spaces.wrapper(number)

    def _settings(self, number: int) -> dict[str, str]:
        settings = super()._settings(number)
        if self.spaces is not None:
            settings |= {
                "GOVAULT_SERVER__LISTEN_ADDR": f"{self.spaces.address(number)}:{REST_PORT}",
                "GOVAULT_SERVER__ALLOW_PLAINTEXT": "true",
                "GOVAULT_NETWORK__PEER_ADDR": f"{self.spaces.address(number)}:{PEER_PORT}",
            }
        return settings

    def peer(self, asked: NodeProcess, of: NodeProcess) -> Any:
        """How a node sees another."""
        peers = self.document(asked, "/peers")["peers"]
        return next(peer for peer in peers if peer["node_id"] == of.facts["node_id"])

    def wait_reachable(self, asked: NodeProcess, of: NodeProcess, *, reachable: bool) -> None:
        """Wait until a node takes another for one that it reaches, or does not reach, itself."""
        what = f"{asked.root.name} {'reaches' if reachable else 'misses'} {of.root.name}"
        self.wait(what, lambda: bool(self.peer(asked, of)["link"]["reachable"]) is reachable, 60)

    def states(self) -> list[tuple[str, str, int, int]]:
        """Of every node by the log: name, state, incarnation, and when that last changed."""
        peers = self.document(self.nodes[0], "/peers")["peers"]
        return sorted((peer["name"], peer["state"], peer["incarnation"], peer["state_ms"]) for peer in peers)

    def findings(self, node: NodeProcess) -> dict[str, str]:
        """What a node says is wrong with it: code → sentence."""
        return {finding["code"]: finding["what"] for finding in self.document(node, "/health")["findings"]}
