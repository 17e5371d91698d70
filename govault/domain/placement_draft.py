"""A layout in the making."""

from govault.limits import SLOTS


class Draft:
    """Who holds each slot, and how many slots each node holds."""

    def __init__(self, zone_of: list[int], width: int, wanted: list[int]) -> None:
        """Args:
        zone_of: The zone of each node, as a number.
        wanted: The quota of each node.
        """
        self.zone_of = zone_of
        self.width = width
        self.quotas = wanted
        self.holders: list[list[int]] = [[] for _ in range(SLOTS)]
        self.loads = [0] * len(wanted)
        self.repeats_max = max(0, width - len(set(zone_of)))
        """How many of a slot's holders may share a zone with one before them."""

    def add(self, slot: int, node: int) -> None:
        """Give a slot to a node."""
        self.holders[slot].append(node)
        self.loads[node] += 1

    def drop(self, slot: int, node: int) -> None:
        """Take a slot from a node."""
        self.holders[slot].remove(node)
        self.loads[node] -= 1

    def repeats(self, slot: int) -> int:
        """How many of a slot's holders share a zone with another one of them, that one not counted."""
        held = self.holders[slot]
        return len(held) - len({self.zone_of[node] for node in held})

    def may_take(self, slot: int, node: int) -> bool:
        """Whether a slot may have one more holder in this node."""
        held = self.holders[slot]
        if node in held:
            return False
        zone = self.zone_of[node]
        if all(self.zone_of[other] != zone for other in held):
            return True
        return self.repeats(slot) < self.repeats_max

    def fullness(self, node: int) -> tuple[float, int]:
        """How full a node is by its quota; ties by its number."""
        return (self.loads[node] + 1) / (self.quotas[node] + 1), node
