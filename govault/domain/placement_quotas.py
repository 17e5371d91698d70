"""How many slots each node should hold: in proportion to weights, as far as zones and distinct replicas let it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from govault.limits import SLOTS


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node that may hold slots.

    Attributes:
        weight: At least 1; twice the weight is twice the slots.
        zone: What fails together; a node without one fails alone.
    """

    node_id: str
    weight: int = 1
    zone: str = ""


def zone_indices(nodes: Sequence[PlacedNode]) -> list[int]:
    """The zone of each node as a number; a node without one is a zone of its own."""
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault((node.zone, "" if node.zone else node.node_id), len(numbers)) for node in nodes]


def quotas(nodes: Sequence[PlacedNode], width: int) -> list[int]:
    """Slots that each node should hold; they sum up to SLOTS × width. Nodes are given by id.

    A slot is in min(width, zones) zones and on width nodes, so a zone that is lighter than its share of the replicas
    holds more than its weight says, and a heavier one less.
    """
    zone_of = zone_indices(nodes)
    members: list[list[int]] = [[] for _ in range(max(zone_of) + 1)]
    for index, zone in enumerate(zone_of):
        members[zone].append(index)
    spread = width <= len(members)
    zone_shares = _fill(
        SLOTS * width,
        [sum(nodes[index].weight for index in zone) for zone in members],
        [0 if spread else SLOTS] * len(members),
        [SLOTS if spread else SLOTS * len(zone) for zone in members],
    )
    wanted = [0] * len(nodes)
    for inside, share in zip(members, whole(zone_shares), strict=True):
        weights = [nodes[index].weight for index in inside]
        parts = whole(_fill(share, weights, [0] * len(inside), [SLOTS] * len(inside)))
        for index, part in zip(inside, parts, strict=True):
            wanted[index] = part
    return wanted


def whole(shares: Sequence[Fraction]) -> list[int]:
    """Round shares that sum up to a whole number, by the largest remainders, the earlier of equal ones first."""
    floors = [int(share) for share in shares]
    missing = int(sum(shares)) - sum(floors)
    by_remainder = sorted(range(len(shares)), key=lambda index: floors[index] - shares[index])
    for index in by_remainder[:missing]:
        floors[index] += 1
    return floors


def _fill(total: int, weights: Sequence[int], low: Sequence[int], high: Sequence[int]) -> list[Fraction]:
    """Share out in proportion to weights within bounds (there must be room): whoever hits a bound stays there."""
    shares: dict[int, Fraction] = {}
    free = list(range(len(weights)))
    while free:
        left = total - sum(shares.values(), Fraction(0))
        weight = sum(weights[index] for index in free)
        wanted = {index: left * weights[index] / weight for index in free}
        over = sum((wanted[i] - high[i] for i in free if wanted[i] > high[i]), Fraction(0))
        under = sum((low[i] - wanted[i] for i in free if wanted[i] < low[i]), Fraction(0))
        # Freeze only the side that is further out: freezing it moves the others towards or over the other bound.
        if over == under == 0:
            shares.update(wanted)
            break
        if over >= under:
            shares.update({i: Fraction(high[i]) for i in free if wanted[i] >= high[i]})
        else:
            shares.update({i: Fraction(low[i]) for i in free if wanted[i] <= low[i]})
        free = [index for index in free if index not in shares]
    return [shares[index] for index in range(len(weights))]
