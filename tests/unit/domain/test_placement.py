"""Computed layouts: balance, movement, zones, and the same answer everywhere."""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from govault.domain.layout import SlotTable, encode_table
from govault.domain.placement import Computed, Previous, compute, previous_of
from govault.domain.placement_figures import shifts
from govault.domain.placement_quotas import PlacedNode
from govault.domain.rows import LayoutRow
from govault.limits import SLOTS

WEIGHTS = {"equal": (1,), "1:2:4": (1, 2, 4)}


def made(count: int, weights: Sequence[int] = (1,), zones: int = 0) -> list[PlacedNode]:
    """Nodes with ids like real ones; weights and zones change independently of each other."""
    return [
        PlacedNode(
            hashlib.sha256(b"%d" % number).hexdigest(),
            weights[number % len(weights)],
            f"zone {number // len(weights) % zones}" if zones else "",
        )
        for number in range(count)
    ]


def following(nodes: Sequence[PlacedNode], before: Computed, replicas: int = 3) -> Computed:
    return compute(nodes, replicas, as_previous(before))


def as_previous(computed: Computed) -> Previous:
    return Previous(tuple(node.node_id for node in computed.nodes), computed.table)


def balance(computed: Computed) -> float:
    """Max by mean of slots per weight."""
    weights = [node.weight for node in computed.nodes]
    mean = sum(computed.loads) / sum(weights)
    return max(load / weight for load, weight in zip(computed.loads, weights, strict=True)) / mean


def movement(before: Computed, after: Computed) -> float:
    """Slots fetched, by the fewest that could be."""
    changes = shifts(as_previous(before), after)
    fewest = sum(max(0, change.slots_wanted - change.slots_before) for change in changes)
    gained = sum(change.slots_gained for change in changes)
    return gained / fewest if fewest else 1.0 + gained


def assert_sound(computed: Computed, replicas: int) -> None:
    """Every slot on as many nodes, and in as many zones, as there can be."""
    zones = [node.zone or node.node_id for node in computed.nodes]
    width = min(replicas, len(computed.nodes))
    spread = min(width, len(set(zones)))
    assert len(computed.table) == SLOTS
    for row in computed.table:
        assert len(row) == len(set(row)) == width
        assert len({zones[index] for index in row}) == spread


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_slots_are_shared_out_by_weight(weights: tuple[int, ...]) -> None:
    computed = compute(made(10, weights), 3)
    assert_sound(computed, 3)
    assert balance(computed) <= 1.05


def test_three_nodes_share_evenly_whatever_the_replicas() -> None:
    for replicas in (1, 2, 3, 5):
        computed = compute(made(3), replicas)
        assert_sound(computed, replicas)
        assert balance(computed) <= 1.05


def test_three_unequal_nodes_share_by_weight_as_far_as_replicas_are_on_distinct_nodes() -> None:
    assert balance(compute(made(3, (1, 2, 4)), 1)) <= 1.05
    assert sorted(compute(made(3, (1, 2, 4)), 2).loads) == [SLOTS // 3, SLOTS - SLOTS // 3, SLOTS]
    assert compute(made(3, (1, 2, 4)), 3).loads == [SLOTS] * 3


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("count", [3, 10])
def test_everybody_comes_first_in_its_share_of_the_slots_it_holds(count: int, weights: tuple[int, ...]) -> None:
    computed = compute(made(count, weights), 3)
    firsts = Counter(row[0] for row in computed.table)
    width = len(computed.table[0])
    for index, load in enumerate(computed.loads):
        assert abs(firsts[index] - load / width) <= 1


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize(("zones", "allowed"), [(0, 1.3), (5, 2.0)], ids=["no zones", "zones"])
def test_little_moves_when_nodes_come_go_and_change(weights: tuple[int, ...], zones: int, allowed: float) -> None:
    assert_little_moves(10, weights, zones, allowed)


def assert_little_moves(count: int, weights: tuple[int, ...], zones: int, allowed: float) -> None:
    """A node joins, leaves, is replaced by an empty one, weighs three times as much."""
    nodes = made(count, weights, zones)
    before = compute(nodes, 3)
    newcomer = PlacedNode("f" * 64, 2, "zone 1" if zones else "")
    empty = PlacedNode("e" * 64, nodes[0].weight, nodes[0].zone)
    heavier = PlacedNode(nodes[1].node_id, nodes[1].weight * 3, nodes[1].zone)
    for change in ([*nodes, newcomer], nodes[1:], [empty, *nodes[1:]], [nodes[0], heavier, *nodes[2:]]):
        after = following(change, before)
        assert_sound(after, 3)
        assert all(load <= 1.05 * quota for load, quota in zip(after.loads, after.quotas, strict=True))
        assert movement(before, after) <= allowed


def test_nothing_moves_where_nothing_changed() -> None:
    for zones in (0, 3):
        before = compute(made(10, (1, 2, 4), zones), 3)
        assert following(made(10, (1, 2, 4), zones), before).table == before.table


def test_the_wanted_replicas_may_change() -> None:
    nodes = made(20, (1, 2, 4), 4)
    before = compute(nodes, 3)
    for replicas in (2, 1, 3, 5):
        after = following(nodes, before, replicas)
        assert_sound(after, replicas)
        assert all(load <= 1.05 * quota for load, quota in zip(after.loads, after.quotas, strict=True))
        before = after


def test_zones_that_appear_later_are_respected() -> None:
    before = compute(made(12), 3)
    zoned = made(12, (1,), 3)
    assert_sound(following(zoned, before), 3)


def test_a_zone_of_one_small_node_has_a_replica_of_everything_where_there_are_no_more_zones() -> None:
    nodes = [*made(8, (4,), 2), PlacedNode("f" * 64, 1, "attic")]
    computed = compute(nodes, 3)
    assert_sound(computed, 3)
    assert computed.loads[-1] == SLOTS


def test_more_replicas_than_zones_are_still_on_distinct_nodes() -> None:
    computed = compute(made(9, (1, 2), 2), 4)
    assert_sound(computed, 4)


def test_the_layout_is_the_same_on_every_machine() -> None:
    nodes = made(12, (1, 2, 4), 5)
    computed = compute(nodes, 3)
    shuffled = list(nodes)
    random.Random(7).shuffle(shuffled)
    assert compute(shuffled, 3).table == computed.table
    after = following(nodes[2:], computed)
    digest = hashlib.sha256(repr((computed.table, after.table)).encode()).hexdigest()
    assert digest == "4d6911844d14d3cd7a3e7ae6f5b05da7537df55ebbff2403951bfda0e0c156bf"


def test_what_moves_is_told_node_by_node() -> None:
    nodes = made(4)
    before = compute(nodes, 2)
    newcomer = PlacedNode("f" * 64)
    told = {shift.node_id: shift for shift in shifts(as_previous(before), following([*nodes[1:], newcomer], before, 2))}
    gone = told[nodes[0].node_id]
    assert (gone.slots_before, gone.slots_after, gone.slots_lost, gone.slots_wanted) == (SLOTS // 2, 0, SLOTS // 2, 0)
    assert told[newcomer.node_id].slots_gained == SLOTS // 2
    assert sum(shift.slots_gained for shift in told.values()) == sum(shift.slots_lost for shift in told.values())


def test_a_logged_layout_is_computed_on_from() -> None:
    computed = compute(made(5), 3)
    ids = tuple(node.node_id for node in computed.nodes)
    row = LayoutRow(1, 3, 2, ids, encode_table(computed.table), 0)
    assert previous_of(SlotTable.of(row)) == as_previous(computed)
