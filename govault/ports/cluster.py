"""The cluster as this node knows it now: who belongs to it, who answers, and who holds what."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from govault.domain.rows import NodeRow

if TYPE_CHECKING:
    # numpy hangs on it, which most processes that read no layout need not load.
    from govault.domain.layout import Placement


class LinkQuality(NamedTuple):
    """How this node sees its link to a peer.

    Attributes:
        latency_s: Smoothed round trip.
        bandwidth_bytes_s: Of real transfers, smoothed; 0 where there were none.
        error_rate: Share of calls that failed, smoothed, 0 … 1.
        corruptions: Chunks it gave that failed their check.
        score: 0 (avoid) … 1.
    """

    latency_s: float = 0.0
    bandwidth_bytes_s: float = 0.0
    error_rate: float = 0.0
    corruptions: int = 0
    score: float = 1.0


class LinkQualities(Protocol):
    """Measures links from what happens on them. Never blocks, never raises."""

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        """A call was answered; ``size_bytes`` where it carried chunks."""

    def failed(self, peer: str) -> None:
        """A call was not answered, or refused."""

    def corrupted(self, peer: str) -> None:
        """The peer gave bytes that failed their check."""

    def of(self, peer: str) -> LinkQuality:
        """What is known of a link."""

    def best_first(self, peers: Iterable[str]) -> list[str]:
        """The peers, the best scored first; of equals a random one, so that load spreads."""


class ClusterMap(Protocol):
    """Reads take microseconds and never block."""

    @property
    def node_id(self) -> str:
        """This node."""

    @property
    def placement(self) -> "Placement":
        """Who holds what."""

    def members(self) -> list[NodeRow]:
        """The nodes that belong to the vault (removed ones are left out), this one too."""

    def is_up(self, node_id: str) -> bool:
        """Whether it is worth calling: up by the log, and not suspected by this node. This node is always up."""

    @property
    def fenced(self) -> bool:
        """Whether this node reaches neither log nor peers: then it acknowledges and collects nothing."""
