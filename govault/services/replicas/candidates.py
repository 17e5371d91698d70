"""Which nodes to ask, in which order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from blake3 import blake3

from govault.domain.layout import slot_of
from govault.ports import ClusterMap, LinkQualities


class Takers(NamedTuple):
    """Who may take a chunk from this node.

    Attributes:
        wanted: How many replicas beside this node's own.
        ranked: Other nodes that are up: those that should hold it, then who steps in for them.
    """

    wanted: int
    ranked: list[str]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Answers from the cluster as it is now."""

    cluster: ClusterMap
    links: LinkQualities

    def takers(self, chunk_id: bytes) -> Takers:
        """Where a chunk that is durable here should go as well."""
        cluster, slot = self.cluster, slot_of(chunk_id)
        own = cluster.node_id
        holders = [node for node in cluster.placement.holders(slot) if node != own]
        others = [node.node_id for node in cluster.members() if not node.draining]
        spill = spill_order(slot, set(others).difference(holders, (own,)))
        return Takers(len(holders), [node for node in (*holders, *spill) if cluster.is_up(node)])

    def givers(self, chunk_id: bytes) -> Iterator[str]:
        """Who may give a chunk that is not here: all other members, the likeliest first.

        Nodes that seem down come last, but they come: who is asked in vain costs time, who is not asked costs data.
        """
        cluster, own = self.cluster, self.cluster.node_id
        serving = [node for node in cluster.placement.serving(slot_of(chunk_id)) if node != own]
        yield from self._up_first(serving, up=True)
        others = [node.node_id for node in cluster.members() if node.node_id != own and node.node_id not in serving]
        yield from self._up_first(others, up=True)
        yield from self._up_first(serving, up=False)
        yield from self._up_first(others, up=False)

    def holds(self, chunk_id: bytes) -> bool:
        """Whether this node should have the chunk."""
        return self.cluster.node_id in self.cluster.placement.holders(slot_of(chunk_id))

    def _up_first(self, nodes: Iterable[str], *, up: bool) -> list[str]:
        return self.links.best_first([node for node in nodes if self.cluster.is_up(node) == up])


def spill_order(slot: int, nodes: Iterable[str]) -> list[str]:
    """The nodes in an order of the slot's own, the same everywhere, so that spilled replicas spread and are found."""
    return sorted(nodes, key=lambda node: blake3(f"{slot} {node}".encode()).digest())
