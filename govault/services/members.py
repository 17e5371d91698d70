"""Who belongs to the vault and where chunks are placed: the truth of a vault of one.

Many nodes will fill the same answers from ``.peers``: the shapes are final, only the sources grow.
"""

from dataclasses import dataclass

from govault.limits import SLOTS
from govault.ports import Views


@dataclass(frozen=True, slots=True)
class ThisNode:
    """What the running node is.

    Attributes:
        log_kind: ``embedded`` or ``kafka``.
    """

    vault_id: str
    node_id: str
    public_key: str
    name: str
    zone: str
    version: str
    started_ms: int
    addresses: tuple[str, ...]
    log_kind: str


@dataclass(frozen=True, slots=True)
class Peer:
    """One node of the vault.

    Attributes:
        state: ``up``: of a vault of one, the node that answers.
    """

    node_id: str
    public_key: str
    name: str
    zone: str
    weight: int
    admitted_ms: int
    started_ms: int
    version: str
    addresses: tuple[str, ...]
    state: str
    this_node: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """How many slots a node holds."""

    node_id: str
    slots: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Which node holds which slots."""

    version: int
    slots: int
    replicas: int
    write_quorum: int
    holders: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """The vault as a picture: its nodes, the links between them, and its log."""

    vault_id: str
    this_node: str
    log_kind: str
    partitions: int
    peers: tuple[Peer, ...]
    links: tuple[tuple[str, str], ...]


class Members:
    """Answers from the folded ``.peers``."""

    def __init__(self, views: Views, node: ThisNode) -> None:
        self._views = views
        self._node = node

    def peers(self) -> tuple[Peer, ...]:
        """All admitted nodes, this one too (also while its admission is not folded yet)."""
        found = [
            Peer(
                node_id=row.node_id,
                public_key=row.public_key,
                name=row.name,
                zone=row.zone,
                weight=row.weight,
                admitted_ms=row.admitted_ms,
                started_ms=row.started_ms,
                version=row.version,
                addresses=row.addresses,
                state="up" if row.node_id == self._node.node_id else "unknown",
                this_node=row.node_id == self._node.node_id,
            )
            for row in self._views.nodes()
        ]
        if not any(peer.this_node for peer in found):
            found.append(self._self())
        return tuple(found)

    def layout(self) -> Layout:
        """Every slot on this node."""
        return Layout(1, SLOTS, replicas=1, write_quorum=1, holders=(Holding(self._node.node_id, SLOTS),))

    def topology(self) -> Topology:
        """One node and its log."""
        partitions = len(self._views.partitions())
        return Topology(self._node.vault_id, self._node.node_id, self._node.log_kind, partitions, self.peers(), ())

    def _self(self) -> Peer:
        node = self._node
        return Peer(
            node_id=node.node_id,
            public_key=node.public_key,
            name=node.name,
            zone=node.zone,
            weight=1,
            admitted_ms=node.started_ms,
            started_ms=node.started_ms,
            version=node.version,
            addresses=node.addresses,
            state="up",
            this_node=True,
        )
