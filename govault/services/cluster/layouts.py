"""Layouts: what the next one would be, what it would move, and putting it in force.

A layout follows from the members that may hold something (started, not draining, weight above 0), the wanted replicas
and the layout before; that a node is down changes nothing. Whoever proposes one, the log takes the first over the
layout that it was made from.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from govault.domain.actor import Actor
from govault.domain.layout import SlotTable, encode_table
from govault.domain.placement import Computed, Previous, previous_of
from govault.domain.placement_figures import NodeShift, shifts
from govault.domain.placement_quotas import PlacedNode
from govault.domain.position import Outcome
from govault.domain.reasons import Reason
from govault.domain.rows import LayoutRow, NodeRow, NodeState
from govault.errors import Conflict, InvalidRequest
from govault.limits import REPLICAS_MAX, SLOTS
from govault.ports import Views
from govault.services.cluster.layout_process import compute_in_child
from govault.services.log.submit import Submitter
from schemas.events.peers import LayoutChanged

Compute = Callable[[Sequence[PlacedNode], int, Previous | None], Awaitable[Computed]]

PEERS_PARTITION = 0
_SUBJECT = "layout"


@dataclass(frozen=True, slots=True)
class LayoutWishes:
    """What a vault without a layout wants of its first (configuration ``network.*``).

    Attributes:
        replicas: R.
        write_quorum: W, as far as there are replicas. Two of two as well: an acknowledged write survives the loss of
            any node. Who rather has writes go on while one of two nodes is down asks for 1.
    """

    replicas: int = 3
    write_quorum: int = 2


@dataclass(frozen=True, slots=True)
class LayoutPlan:
    """A layout that could follow the newest.

    Attributes:
        base_version: The layout it was made from; 0: there is none.
        changed: Whether it differs from that in anything.
        table: As in ``LayoutChanged``.
        shifts: What each node gains and loses.
        slot_bytes: Bytes that a slot holds, on average, as far as this node can tell.
        plan_id: Stands for all of it: the same plan has the same.
    """

    base_version: int
    replicas: int
    write_quorum: int
    nodes: tuple[PlacedNode, ...]
    changed: bool
    shifts: tuple[NodeShift, ...]
    slot_bytes: int
    plan_id: str
    table: str = field(repr=False)

    @property
    def slots_moved(self) -> int:
        """Replicas of slots that have to be fetched."""
        return sum(shift.slots_gained for shift in self.shifts)

    @property
    def bytes_moved(self) -> int:
        """About how much that is."""
        return self.slots_moved * self.slot_bytes


class Layouts:
    """Plans layouts and puts them in force."""

    def __init__(
        self,
        views: Views,
        submitter: Submitter,
        wishes: LayoutWishes,
        slot_bytes: Callable[[], Awaitable[int]],
        compute: Compute = compute_in_child,
    ) -> None:
        """Args:
        slot_bytes: Bytes that a slot holds, on average.
        """
        self._views = views
        self._submitter = submitter
        self._wishes = wishes
        self._slot_bytes = slot_bytes
        self._compute = compute

    async def plan(self, replicas: int | None = None, write_quorum: int | None = None) -> LayoutPlan:
        """The layout that would follow the newest now.

        Args:
            replicas: Wanted replicas; None: as the newest layout has, else as configured.
            write_quorum: Durable replicas that acknowledge a write; None: likewise, at most the replicas.

        Raises:
            InvalidRequest: A number is out of its range.
            Conflict: No node may hold anything.
        """
        newest = self.newest()
        wanted, quorum = self._wanted(newest, replicas, write_quorum)
        nodes = placeable(self._views.peers().nodes())
        if not nodes:
            raise Conflict(
                "no node may hold anything: all drain, weigh 0 or never ran", code="conflict.no-node-to-hold"
            )
        previous = None if newest is None else previous_of(SlotTable.of(newest))
        computed = await self._compute(nodes, wanted, previous)
        table = encode_table(computed.table)
        base = newest.version if newest else 0
        identity = repr((base, wanted, quorum, computed.nodes, table))
        return LayoutPlan(
            base_version=base,
            replicas=wanted,
            write_quorum=quorum,
            nodes=computed.nodes,
            changed=newest is None
            or (newest.replicas, newest.write_quorum, newest.table) != (wanted, quorum, table)
            or nodes_of(newest) != computed.nodes,
            shifts=shifts(previous, computed),
            slot_bytes=await self._slot_bytes(),
            plan_id=hashlib.sha256(identity.encode()).hexdigest()[:32],
            table=table,
        )

    async def apply(self, actor: Actor, plan: LayoutPlan) -> int:
        """Put a plan in force; the version it became. Data moves from here on, and old holders serve meanwhile.

        Raises:
            Conflict: The layout has changed since (``reason`` ``layout-moved-on``), or a node was removed.
        """
        event = LayoutChanged(
            base_version=plan.base_version,
            replicas=plan.replicas,
            write_quorum=plan.write_quorum,
            node_ids=tuple(node.node_id for node in plan.nodes),
            table=plan.table,
            weights=tuple(node.weight for node in plan.nodes),
            zones=tuple(node.zone for node in plan.nodes),
        )
        outcome = await self._submitter.submit(actor, event, PEERS_PARTITION, subject=_SUBJECT)
        return _version(outcome)

    async def apply_planned(self, actor: Actor, plan_id: str, replicas: int | None, write_quorum: int | None) -> int:
        """Put in force what ``plan`` told somebody before, if it still is what it would tell; the version it became.

        Raises:
            Conflict: It is not: members or the layout have changed.
        """
        known = self._submitter.repeated(actor)
        if known is not None:
            return _version(known)
        plan = await self.plan(replicas, write_quorum)
        if plan.plan_id != plan_id:
            raise Conflict(
                "members or the layout have changed since; plan again",
                code="conflict.layout-moved-on",
                reason=Reason.LAYOUT_MOVED_ON.value,
            )
        return await self.apply(actor, plan)

    def newest(self) -> LayoutRow | None:
        """The layout in force."""
        layouts = self._views.peers().layouts()
        return layouts[-1] if layouts else None

    def due(self) -> tuple[PlacedNode, ...] | None:
        """The nodes that a next layout should be made of; None where the newest is made of them, or none is needed.

        A vault that one node holds alone needs none.
        """
        nodes = placeable(self._views.peers().nodes())
        newest = self.newest()
        if not nodes or (newest is None and len(nodes) < 2):
            return None
        return None if newest is not None and nodes_of(newest) == nodes else nodes

    def _wanted(self, newest: LayoutRow | None, replicas: int | None, write_quorum: int | None) -> tuple[int, int]:
        wanted = replicas or (newest.replicas if newest else self._wishes.replicas)
        kept = newest.write_quorum if newest and replicas is None else self._wishes.write_quorum
        quorum = min(kept, wanted) if write_quorum is None else write_quorum
        if not 1 <= wanted <= REPLICAS_MAX:
            raise InvalidRequest(f"replicas must be 1 to {REPLICAS_MAX}, not {wanted}", rule="replicas")
        if not 1 <= quorum <= wanted:
            raise InvalidRequest(
                f"the write quorum must be 1 to the replicas ({wanted}), not {quorum}", rule="write_quorum"
            )
        return wanted, quorum


def _version(outcome: Outcome) -> int:
    version = outcome.fact("version")
    assert isinstance(version, int)
    return version


def placeable(nodes: Iterable[NodeRow]) -> tuple[PlacedNode, ...]:
    """The nodes that may hold something, by id: members that ran once, do not drain and weigh something."""
    return tuple(
        PlacedNode(row.node_id, row.weight, row.zone)
        for row in sorted(nodes, key=lambda row: row.node_id)
        if row.state != NodeState.REMOVED and row.started_ms > 0 and not row.draining and row.weight > 0
    )


def nodes_of(layout: LayoutRow) -> tuple[PlacedNode, ...]:
    """The nodes that a layout was made of, as they were then."""
    count = len(layout.node_ids)
    weights, zones = layout.weights or (1,) * count, layout.zones or ("",) * count
    return tuple(PlacedNode(*node) for node in zip(layout.node_ids, weights, zones, strict=True))


def slot_bytes_by(stored_bytes: int, held_slots: int) -> int:
    """What a slot holds on average, by what one node stores and how many slots it holds."""
    return stored_bytes // max(1, held_slots or SLOTS)
