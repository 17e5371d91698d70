"""Whatever nodes come, go and change: layouts stay sound, full and close to what they were."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_quotas import PlacedNode
from govault.limits import SLOTS

NODES = st.dictionaries(
    st.integers(0, 30).map(lambda number: f"{number * 7919:064x}"),
    st.tuples(st.integers(1, 8), st.sampled_from(["", "a", "b", "c", "d"])),
    min_size=1,
    max_size=16,
).map(lambda found: [PlacedNode(node_id, weight, zone) for node_id, (weight, zone) in found.items()])


def assert_sound(computed: Computed, replicas: int) -> None:
    zones = [node.zone or node.node_id for node in computed.nodes]
    width = min(replicas, len(zones))
    spread = min(width, len(set(zones)))
    assert all(len(set(row)) == len(row) == width for row in computed.table)
    assert all(len({zones[index] for index in row}) == spread for row in computed.table)
    assert len(computed.table) == SLOTS
    assert sum(computed.quotas) == SLOTS * width
    assert max(computed.quotas) <= SLOTS


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(NODES, st.integers(1, 4)), min_size=1, max_size=4))
def test_layouts_made_one_from_the_other_are_sound_and_full(history: list[tuple[list[PlacedNode], int]]) -> None:
    previous = None
    for nodes, replicas in history:
        computed = compute(nodes, replicas, previous)
        assert_sound(computed, replicas)
        assert all(load <= 1.05 * quota + 1 for load, quota in zip(computed.loads, computed.quotas, strict=True))
        firsts = Counter(row[0] for row in computed.table)
        width = len(computed.table[0])
        assert all(firsts[index] <= 1.05 * load / width + 1 for index, load in enumerate(computed.loads))
        previous = Previous(tuple(node.node_id for node in computed.nodes), computed.table)


@settings(max_examples=10, deadline=None)
@given(NODES, st.integers(1, 4))
def test_the_same_nodes_give_the_same_layout_again_in_any_order(nodes: list[PlacedNode], replicas: int) -> None:
    first = compute(nodes, replicas)
    assert compute(nodes[::-1], replicas).table == first.table
    again = compute(nodes, replicas, Previous(tuple(node.node_id for node in first.nodes), first.table))
    moved = sum(len(set(now) - set(then)) for now, then in zip(again.table, first.table, strict=True))
    assert moved <= 0.03 * SLOTS
