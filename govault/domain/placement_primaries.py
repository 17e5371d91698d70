"""Whose copy of a slot comes first: every node is first for its share of the slots it holds."""

from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

import numpy as np

from govault.domain.placement_draft import Draft
from govault.domain.placement_quotas import whole
from govault.domain.placement_scores import Rendezvous
from govault.limits import SLOTS


def primaries_first(draft: Draft, rendezvous: Rendezvous, before: Mapping[int, int]) -> list[list[int]]:
    """The rows of a finished draft: the first holder balanced, the others by their claims.

    Args:
        before: Who came first in a slot in the previous layout: stays so where balance allows.
    """
    claims = rendezvous.claims(np.arange(SLOTS, dtype=np.int64))
    table = np.array(draft.holders, dtype=np.int64)
    order = np.argsort(np.take_along_axis(claims, table, axis=1), axis=1, kind="stable")
    rows: list[list[int]] = np.take_along_axis(table, order, axis=1).tolist()
    firsts = [before[slot] if before.get(slot) in row else row[0] for slot, row in enumerate(rows)]
    shares = [Fraction(load, draft.width) for load in draft.loads]
    _balance(rows, firsts, whole(shares))
    return [[first, *(node for node in row if node != first)] for first, row in zip(firsts, rows, strict=True)]


def _balance(rows: list[list[int]], firsts: list[int], quotas: list[int]) -> None:
    """Pass slots on from nodes that come first too often, by as few nodes as it takes, to those that do too rarely."""
    nodes = len(quotas)
    loads = [0] * nodes
    passing: list[list[list[int]]] = [[[] for _ in range(nodes)] for _ in range(nodes)]
    for slot, (first, row) in enumerate(zip(firsts, rows, strict=True)):
        loads[first] += 1
        for node in row:
            if node != first:
                passing[first][node].append(slot)
    for start in range(nodes):
        while loads[start] > quotas[start]:
            path = _path(start, passing, firsts, loads, quotas)
            if path is None:
                break
            for giver, taker in pairwise(path):
                slot = passing[giver][taker].pop()
                firsts[slot] = taker
                for node in rows[slot]:
                    if node != taker:
                        passing[taker][node].append(slot)
            loads[start] -= 1
            loads[path[-1]] += 1


def _path(
    start: int, passing: list[list[list[int]]], firsts: list[int], loads: list[int], quotas: list[int]
) -> list[int] | None:
    """The nodes that a slot's first place goes by, the one that has room last (breadth first)."""
    came_from = {start: start}
    waiting = deque([start])
    while waiting:
        giver = waiting.popleft()
        for taker, slots in enumerate(passing[giver]):
            while slots and firsts[slots[-1]] != giver:
                slots.pop()  # it was passed on to another one meanwhile
            if not slots or taker in came_from:
                continue
            came_from[taker] = giver
            if loads[taker] < quotas[taker]:
                path = [taker]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            waiting.append(taker)
    return None
