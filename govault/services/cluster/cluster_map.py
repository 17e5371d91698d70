"""``ClusterMap`` over the folded ``.peers``, and what this node has found out by itself: whom it does not reach."""

from collections.abc import Callable

from govault.domain.layout import Placement, SlotTable
from govault.domain.rows import NodeRow, NodeState
from govault.ports import Views, ViewsMaintenance


class FoldedClusterMap:
    """See the port. Rows are read and tables unpacked when ``.peers`` changes, so that every question is a lookup.

    A table is unpacked inside the callback, once a layout (milliseconds): no other task ever sees the new layout in the
    views and the old one here.

    Attributes:
        fenced: See the port; set by detection.
        frozen: Whether the log is out of reach: then nobody collects and nobody changes the layout. Set by detection.
    """

    def __init__(self, views: Views, upkeep: ViewsMaintenance, node_id: str) -> None:
        self._views = views
        self._node_id = node_id
        self._rows: dict[str, NodeRow] = {}
        self._up: frozenset[str] = frozenset()
        self._doubted: frozenset[str] = frozenset()
        self._tables: dict[int, SlotTable] = {}
        self._placement = Placement(node_id)
        self._changed: list[Callable[[], None]] = []
        self.fenced = False
        self.frozen = False
        self._refresh()
        upkeep.on_peers(self._refresh)

    @property
    def node_id(self) -> str:
        """This node."""
        return self._node_id

    @property
    def placement(self) -> Placement:
        """Who holds what."""
        return self._placement

    @property
    def incarnation(self) -> int:
        """This node's, by the log; 0 before its first start is folded."""
        row = self._rows.get(self._node_id)
        return row.incarnation if row else 0

    @property
    def doubted(self) -> frozenset[str]:
        """The nodes that this node does not reach, whatever the log says of them."""
        return self._doubted

    def members(self) -> list[NodeRow]:
        """The nodes that belong to the vault, this one too, by id."""
        return list(self._rows.values())

    def member(self, node_id: str) -> NodeRow | None:
        """A node that belongs to the vault."""
        return self._rows.get(node_id)

    def is_up(self, node_id: str) -> bool:
        """See the port."""
        return node_id == self._node_id or (node_id in self._up and node_id not in self._doubted)

    def doubt(self, node_ids: frozenset[str]) -> None:
        """Take these, and no others, for nodes that it is not worth calling."""
        self._doubted = node_ids

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back after ``.peers`` has changed and this map with it. The callback must not block or raise."""
        self._changed.append(callback)

    def _refresh(self) -> None:
        reader = self._views.peers()
        self._rows = {row.node_id: row for row in reader.nodes() if row.state != NodeState.REMOVED}
        self._up = frozenset(row.node_id for row in self._rows.values() if row.state == NodeState.UP)
        layouts = reader.layouts()
        if [row.version for row in layouts] != list(self._tables):
            # A version never changes its table, so those at hand are kept.
            self._tables = {row.version: self._tables.get(row.version) or SlotTable.of(row) for row in layouts}
            newest_first = tuple(reversed(self._tables.values()))
            newest = newest_first[0] if newest_first else None
            self._placement = Placement(self._node_id, newest, newest_first[1:])
        for tell in self._changed:
            tell()
