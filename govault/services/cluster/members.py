"""Who belongs to the vault and where chunks are placed, as the log says.

A vault of one has no layout: its node holds every slot.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from govault.domain.layout import SlotTable
from govault.domain.rows import LayoutRow, NodeRow, NodeState
from govault.limits import SLOTS
from govault.ports import Views
from govault.services.cluster.membership import drained
from govault.services.cluster.network import Link, Network, PeerLink


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
        state: A ``NodeState``: what the log says of it; ``up`` of the node that answers.
        state_ms: Vault time of its last change of state.
        slots: Slots that the newest layout gives it.
        drained: Whether it can be removed without loss.
        link: How this node sees its link to it; None of this node, and where it runs alone.
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
    peer_addresses: tuple[str, ...] = ()
    incarnation: int = 0
    state_ms: int = 0
    draining: bool = False
    slots: int = 0
    drained: bool = False
    link: PeerLink | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """How many slots a node holds."""

    node_id: str
    slots: int


@dataclass(frozen=True, slots=True)
class LayoutStep:
    """A layout that counts still.

    Attributes:
        node_ids: Who holds something in it.
        reached: Those of them that have all that it gives them.
        waiting_for: Living ones that have not; once there are none, the layouts before it are left.
    """

    version: int
    changed_ms: int
    replicas: int
    write_quorum: int
    node_ids: tuple[str, ...]
    reached: tuple[str, ...]
    waiting_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which node holds which slots.

    Attributes:
        version: 0 in a vault without a layout: one node holds everything.
        steps: The layouts that count, the newest last: more than one while data moves.
        table: Per slot the ids of its holders, the best first; None where it was not asked for.
    """

    version: int
    slots: int
    replicas: int
    write_quorum: int
    holders: tuple[Holding, ...]
    steps: tuple[LayoutStep, ...] = ()
    table: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The vault as a picture: its nodes, the links between them, and its log."""

    vault_id: str
    this_node: str
    log_kind: str
    partitions: int
    peers: tuple[Peer, ...]
    links: tuple[Link, ...]


class Members:
    """Answers from the folded ``.peers``."""

    def __init__(self, views: Views, node: ThisNode, network: Network | None = None) -> None:
        """Args:
        network: Of a node that has peers.
        """
        self._network = network
        self._views = views
        self._node = node
        self._tables: dict[int, SlotTable] = {}

    def peers(self, *, removed: bool = False) -> tuple[Peer, ...]:
        """All members, this one too (also while its admission is not folded yet).

        Args:
            removed: Also those that belong to the vault no more.
        """
        slots = self._slots()
        rows = list(self._views.peers().nodes())
        found = [self._peer(row, slots) for row in rows if removed or row.state != NodeState.REMOVED]
        if all(row.node_id != self._node.node_id for row in rows):
            found.append(self._self())
        return tuple(found)

    def peer(self, row: NodeRow) -> Peer:
        """What is known of one node."""
        return self._peer(row, self._slots())

    def layout(self, *, slots: bool = False) -> Layout:
        """Who holds how many slots.

        Args:
            slots: Tell the holders of every slot too.
        """
        layouts = self._views.peers().layouts()
        if not layouts:
            own = self._node.node_id
            everything = ((own,),) * SLOTS if slots else None
            return Layout(0, SLOTS, 1, 1, (Holding(own, SLOTS),), table=everything)
        table = self._table(layouts[-1])
        counts = self._slots()
        return Layout(
            table.version,
            SLOTS,
            table.replicas,
            table.write_quorum,
            tuple(Holding(node_id, counts.get(node_id, 0)) for node_id in table.node_ids),
            tuple(self._step(row) for row in layouts),
            tuple(table.holders(slot) for slot in range(SLOTS)) if slots else None,
        )

    def slots_here(self) -> int:
        """Slots that this node holds."""
        return self._slots().get(self._node.node_id, 0)

    def topology(self) -> Topology:
        """The members, their links and their log."""
        node, partitions = self._node, len(self._views.partitions())
        links = self._network.links() if self._network else ()
        return Topology(node.vault_id, node.node_id, node.log_kind, partitions, self.peers(), links)

    def _slots(self) -> Mapping[str, int]:
        layouts = self._views.peers().layouts()
        if not layouts:
            return {self._node.node_id: SLOTS}
        table = self._table(layouts[-1])
        counts = Counter(index for row in table.rows() for index in row)
        return {node_id: counts[index] for index, node_id in enumerate(table.node_ids)}

    def _table(self, row: LayoutRow) -> SlotTable:
        if row.version not in self._tables:
            self._tables = {row.version: SlotTable.of(row)}
        return self._tables[row.version]

    def _step(self, row: LayoutRow) -> LayoutStep:
        living = {
            node.node_id
            for node in self._views.peers().nodes()
            if node.state not in (NodeState.DEAD, NodeState.REMOVED)
        }
        waiting_for = tuple(held for held in row.node_ids if held in living and held not in row.reached)
        return LayoutStep(
            row.version, row.changed_ms, row.replicas, row.write_quorum, row.node_ids, row.reached, waiting_for
        )

    def _peer(self, row: NodeRow, slots: Mapping[str, int]) -> Peer:
        this_node = row.node_id == self._node.node_id
        return Peer(
            node_id=row.node_id,
            public_key=row.public_key,
            name=row.name,
            zone=row.zone,
            weight=row.weight,
            admitted_ms=row.admitted_ms,
            started_ms=row.started_ms,
            version=row.version,
            addresses=row.addresses,
            state=NodeState.UP.value if this_node and row.state != NodeState.REMOVED else row.state,
            this_node=this_node,
            peer_addresses=row.peer_addresses,
            incarnation=row.incarnation,
            state_ms=row.state_ms,
            draining=row.draining,
            slots=slots.get(row.node_id, 0),
            drained=drained(self._views, row.node_id),
            link=self._network.peer(row.node_id) if self._network else None,
        )

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
            state=NodeState.UP.value,
            this_node=True,
            slots=SLOTS,
        )
