"""What a change of layout costs: who gains and who loses how many slots."""

from dataclasses import dataclass

from govault.domain.placement import Computed, Previous


@dataclass(frozen=True, slots=True)
class NodeShift:
    """One node in a change of layout.

    Attributes:
        slots_before: Slots it held.
        slots_after: Slots it holds then.
        slots_gained: Slots whose data it has to fetch.
        slots_lost: Slots it may drop once their new holders have everything.
        slots_wanted: Its quota, by weights and zones.
    """

    node_id: str
    slots_before: int
    slots_after: int
    slots_gained: int
    slots_lost: int
    slots_wanted: int


def shifts(previous: Previous | None, computed: Computed) -> tuple[NodeShift, ...]:
    """Every node of the layout before or after, by id. Without a layout before every slot is gained."""
    before: list[set[str]] = [set()] * len(computed.table)
    if previous is not None:
        before = [{previous.node_ids[index] for index in row} for row in previous.holders]
    ids = [node.node_id for node in computed.nodes]
    held, holds, gained = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    for old, row in zip(before, computed.table, strict=True):
        for node_id in old:
            held[node_id] = held.get(node_id, 0) + 1
        for index in row:
            holds[ids[index]] += 1
            gained[ids[index]] += ids[index] not in old
    wanted = dict(zip(ids, computed.quotas, strict=True))
    return tuple(
        NodeShift(
            node_id,
            held[node_id],
            holds.get(node_id, 0),
            gained.get(node_id, 0),
            held[node_id] + gained.get(node_id, 0) - holds.get(node_id, 0),
            wanted.get(node_id, 0),
        )
        for node_id in sorted(held)
    )
