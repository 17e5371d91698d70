"""Layouts: how evenly slots are shared out, how little moves, how long it takes, and what it does to the loop."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine

from govault.domain.layout import Placement, SlotTable, encode_table
from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_figures import shifts
from govault.domain.placement_quotas import PlacedNode
from govault.domain.rows import LayoutRow
from govault.limits import SLOTS
from tests.benchmarks.table import Table

_REPLICAS = 3


def measure(table: Table) -> None:
    """Three, ten and a hundred nodes, equal and of weights 1:2:4, with zones and without."""
    for count in (3, 10, 100):
        for weights in ((1,), (1, 2, 4)):
            for zones in (0, 5):
                _measure(table, _nodes(count, weights, zones), f"{count} nodes {':'.join(map(str, weights))} {zones} z")
    asyncio.run(_stall(table))


def _nodes(count: int, weights: tuple[int, ...], zones: int) -> list[PlacedNode]:
    return [
        PlacedNode(
            hashlib.sha256(b"%d" % number).hexdigest(),
            weights[number % len(weights)],
            f"zone {number // len(weights) % zones}" if zones else "",
        )
        for number in range(count)
    ]


def _measure(table: Table, nodes: list[PlacedNode], label: str) -> None:
    began_s = time.perf_counter()
    computed = compute(nodes, _REPLICAS)
    took_s = time.perf_counter() - began_s
    # Three nodes hold everything three times, whatever they weigh: held against what zones and replicas allow.
    fullest = max(load / quota for load, quota in zip(computed.loads, computed.quotas, strict=True))
    table.add(f"{label}: max/mean of slots", f"{fullest:.3f}", value=fullest, at_most=1.10)
    table.add(f"{label}: first layout", f"{took_s:.2f} s", value=took_s, at_most=5)
    newcomer = PlacedNode("f" * 64, 1, "zone 1" if nodes[0].zone else "")
    for what, after in (("join", [*nodes, newcomer]), ("leave", nodes[1:]), ("swap", [*nodes[1:], newcomer])):
        began_s = time.perf_counter()
        following = compute(after, _REPLICAS, _previous(computed))
        took_s = time.perf_counter() - began_s
        changes = shifts(_previous(computed), following)
        fewest = sum(max(0, change.slots_wanted - change.slots_before) for change in changes)
        moved = sum(change.slots_gained for change in changes)
        ratio = moved / fewest if fewest else 1.0
        table.add(
            f"{label}: {what}, moved by ideal ({took_s:.2f} s)",
            f"{moved} slots",
            peer=f"{fewest}",
            ratio=ratio,
            at_most=2.0 if nodes[0].zone else 1.3,
        )
    placement = Placement("me", _slot_table(computed))
    lookup_s = _each_s(placement.holders)
    table.add(f"{label}: lookup", f"{lookup_s * 1e6:.2f} µs", value=lookup_s * 1e6, at_most=1, unit=" µs")
    table.add(f"{label}: rank of a slot", f"{_each_s(placement.rank, 2000) * 1e6:.0f} µs")


def _previous(computed: Computed) -> Previous:
    return Previous(tuple(node.node_id for node in computed.nodes), computed.table)


def _slot_table(computed: Computed) -> SlotTable:
    ids = tuple(node.node_id for node in computed.nodes)
    return SlotTable.of(LayoutRow(1, _REPLICAS, 2, ids, encode_table(computed.table), 0))


def _each_s(look_up: Callable[[int], object], count: int = SLOTS) -> float:
    """The fastest of several rounds: the others tell of the machine's other work."""
    rounds = []
    for _ in range(7):
        began_s = time.perf_counter()
        for slot in range(count):
            look_up(slot)
        rounds.append((time.perf_counter() - began_s) / count)
    return min(rounds)


async def _stall(table: Table) -> None:
    """The longest that a loop did not get to run while a layout of a hundred nodes is made in a thread."""
    began_s = time.perf_counter()
    worst_s = await _longest_stall_s(asyncio.to_thread(compute, _nodes(100, (1, 2, 4), 5), _REPLICAS))
    idle_s = await _longest_stall_s(asyncio.sleep(time.perf_counter() - began_s))
    table.add(
        "100 nodes in a thread: the loop's longest stall",
        f"{worst_s * 1000:.0f} ms",
        peer=f"{idle_s * 1000:.0f} ms where nothing is made",
    )


async def _longest_stall_s(work: Coroutine[object, object, object]) -> float:
    working = asyncio.ensure_future(work)
    worst_s = 0.0
    while not working.done():
        began_s = time.perf_counter()
        await asyncio.sleep(0.001)
        worst_s = max(worst_s, time.perf_counter() - began_s - 0.001)
    working.result()
    return worst_s
