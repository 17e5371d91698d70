"""Computing layouts: bounded weighted rendezvous hashing, from the previous layout so that little moves.

Every node has a quota of slots (``placement_quotas``). What the previous layout gave to nodes that may keep it stays;
holes go to the best claims (``placement_scores``) among nodes below their quota; then nodes above theirs give slots to
nodes below. A slot is never twice on one node, and in as many zones as there can be. The result is a function of the
arguments alone: the same on every machine, whatever the order of the nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from govault.domain.layout import SlotTable
from govault.domain.placement_draft import Draft
from govault.domain.placement_moves import shed
from govault.domain.placement_primaries import primaries_first
from govault.domain.placement_quotas import PlacedNode, quotas, zone_indices
from govault.domain.placement_scores import Rendezvous
from govault.limits import SLOTS

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Previous:
    """The table of a layout before.

    Attributes:
        holders: Per slot the indices into ``node_ids``, the best holder first.
    """

    node_ids: tuple[str, ...]
    holders: Sequence[Sequence[int]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Computed:
    """A layout.

    Attributes:
        nodes: By node id; the table's indices count in it.
        table: Per slot the indices of its holders, the best first; all rows are min(replicas, nodes) long.
        quotas: Slots that each node should hold.
    """

    nodes: tuple[PlacedNode, ...]
    table: list[list[int]] = field(repr=False)
    quotas: tuple[int, ...]

    @property
    def loads(self) -> list[int]:
        """Slots that each node holds."""
        counts = [0] * len(self.nodes)
        for row in self.table:
            for index in row:
                counts[index] += 1
        return counts


def previous_of(table: SlotTable) -> Previous:
    """A logged layout, to compute on from."""
    return Previous(table.node_ids, table.rows())


def compute(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None = None) -> Computed:
    """The next layout. A second's work at a hundred nodes: run it beside the loop.

    Args:
        nodes: Those that may hold slots: at least one, with weights of at least 1, each id once.
        replicas: Wanted replicas of every slot, at least 1.
    """
    placed = tuple(sorted(nodes, key=lambda node: node.node_id))
    width = min(replicas, len(placed))
    draft = Draft(zone_indices(placed), width, quotas(placed, width))
    rendezvous = Rendezvous([node.node_id for node in placed], [node.weight for node in placed])
    if previous is not None:
        _keep(draft, [node.node_id for node in placed], previous)
    _fill_holes(draft, rendezvous)
    shed(draft, rendezvous)
    firsts = {} if previous is None else _firsts(placed, previous)
    table = primaries_first(draft, rendezvous, firsts)
    return Computed(placed, table, tuple(draft.quotas))


def _keep(draft: Draft, node_ids: list[str], previous: Previous) -> None:
    """Take over what may stay; of a slot that is too often somewhere, the fullest give it up."""
    known = {node_id: index for index, node_id in enumerate(node_ids)}
    mapped = [known.get(node_id) for node_id in previous.node_ids]
    for slot, row in enumerate(previous.holders):
        for old in row:
            node = mapped[old]
            if node is not None:
                draft.add(slot, node)
    for slot, held in enumerate(draft.holders):
        while draft.repeats(slot) > draft.repeats_max:
            zones = [draft.zone_of[node] for node in held]
            draft.drop(slot, max((node for node in held if zones.count(draft.zone_of[node]) > 1), key=draft.fullness))
        while len(held) > draft.width:
            # Rather one that shares its zone, or the remaining ones would be in fewer zones than there can be.
            zones = [draft.zone_of[node] for node in held]
            shared = [node for node in held if zones.count(draft.zone_of[node]) > 1]
            draft.drop(slot, max(shared or held, key=draft.fullness))


def _fill_holes(draft: Draft, rendezvous: Rendezvous) -> None:
    """Give every slot its holders: the best claims below quota, else whoever is the least full."""
    lacking = [slot for slot in range(SLOTS) if len(draft.holders[slot]) < draft.width]
    loads, wanted = draft.loads, draft.quotas
    for at in range(0, len(lacking), _ROWS_AT_ONCE):
        slots = lacking[at : at + _ROWS_AT_ONCE]
        orders = np.argsort(rendezvous.claims(np.array(slots, dtype=np.int64)), axis=1, kind="stable").tolist()
        for slot, order in zip(slots, orders, strict=True):
            for node in order:
                if len(draft.holders[slot]) == draft.width:
                    break
                if loads[node] < wanted[node] and draft.may_take(slot, node):
                    draft.add(slot, node)
            while len(draft.holders[slot]) < draft.width:
                fitting = [node for node in order if draft.may_take(slot, node)]
                draft.add(slot, min(fitting, key=draft.fullness))


def _firsts(placed: Sequence[PlacedNode], previous: Previous) -> dict[int, int]:
    """Who came first in each slot before, where that node is still there."""
    known = {node.node_id: index for index, node in enumerate(placed)}
    mapped = [known.get(node_id) for node_id in previous.node_ids]
    found = ((slot, mapped[row[0]]) for slot, row in enumerate(previous.holders))
    return {slot: node for slot, node in found if node is not None}
