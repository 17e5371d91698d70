"""Which nodes to ask, in which order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.layout import slot_of
from govault.domain.replication import Asked
from govault.ports import ClusterMap, LinkQualities


class Takers(NamedTuple):
    """Who may take a chunk from this node.

    Attributes:
        wanted: How many replicas beside this node's own.
        ranked: Other nodes that are up: those that should hold it, then who steps in for them, the same everywhere.
    """

    wanted: int
    ranked: Iterator[str]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Answers from the cluster as it is now."""

    cluster: ClusterMap
    links: LinkQualities

    def takers(self, asked: Asked, chunk_id: bytes) -> Takers:
        """Where a chunk that is durable here should go as well, by what is asked for it."""
        placement, slot = self.cluster.placement, slot_of(chunk_id)
        holders = placement.first(slot, placement.wanted(asked))
        return Takers(len(holders) - (self.cluster.node_id in holders), self._ranked(slot, holders))

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

    def _ranked(self, slot: int, holders: Sequence[str]) -> Iterator[str]:
        cluster = self.cluster
        yield from (node for node in holders if node != cluster.node_id and cluster.is_up(node))
        # The rest of the rank is computed only where somebody has to step in.
        rank = cluster.placement.rank(slot)
        yield from (n for n in rank if n not in holders and n != cluster.node_id and cluster.is_up(n))

    def _up_first(self, nodes: Iterable[str], *, up: bool) -> list[str]:
        return self.links.best_first([node for node in nodes if self.cluster.is_up(node) == up])
