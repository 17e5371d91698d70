"""Moving slots from nodes above their quota to nodes below, each to where its claim is best."""

import numpy as np
from numpy.typing import NDArray

from govault.domain.placement_draft import Draft
from govault.domain.placement_scores import Indices, Rendezvous

_DETOURS_MAX = 3
_TOLERATED = 0.02


def shed(draft: Draft, rendezvous: Rendezvous) -> None:
    """Bring all nodes to their quota, moving no slot more than needed.

    Where no slot of a full node may go to any node below its quota (it is there already, or its zone is), it goes by a
    third node: that costs a move more, so a few slots too many are rather left.
    """
    moves = _Moves(draft, rendezvous)
    for detour in range(_DETOURS_MAX + 1):
        for node in _above(draft, 0.0):
            moves.give(node, _below(draft))
        stuck = _above(draft, _TOLERATED)
        if not stuck or detour == _DETOURS_MAX:
            return
        moves.detour(stuck)


def _above(draft: Draft, tolerated: float) -> list[int]:
    return [
        node for node, load in enumerate(draft.loads) if load > draft.quotas[node] + int(draft.quotas[node] * tolerated)
    ]


def _below(draft: Draft) -> list[int]:
    return [node for node, load in enumerate(draft.loads) if load < draft.quotas[node]]


class _Moves:
    """Moves of one draft whose slots all have their holders."""

    def __init__(self, draft: Draft, rendezvous: Rendezvous) -> None:
        self._draft = draft
        self._rendezvous = rendezvous
        self._table: Indices = np.array(draft.holders, dtype=np.int64)
        self._zone_of: Indices = np.array(draft.zone_of, dtype=np.int64)

    def give(self, giver: int, takers: list[int]) -> None:
        """Give slots of a node above its quota to nodes below, until neither is left or none fits."""
        draft = self._draft
        excess = draft.loads[giver] - draft.quotas[giver]
        while excess > 0 and takers:
            given = 0
            for slot, taker in self._best(giver, takers):
                if given == excess:
                    break
                if draft.loads[taker] < draft.quotas[taker]:
                    self._move(slot, giver, taker)
                    given += 1
            if not given:
                return
            excess -= given
            takers = [taker for taker in takers if draft.loads[taker] < draft.quotas[taker]]

    def detour(self, stuck: list[int]) -> None:
        """Give what some nodes have too much to nodes that have slots which fit those below, as many as they have."""
        draft = self._draft
        below = np.array(_below(draft), dtype=np.int64)
        passable: dict[int, int] = {}
        for node in range(len(draft.loads)):
            count = int(self._fitting(node, self._slots_of(node), below).any(axis=1).sum())
            if count and node not in stuck:
                passable[node] = count
        for giver in stuck:
            for slot, taker in self._best(giver, list(passable)):
                if draft.loads[giver] == draft.quotas[giver]:
                    break
                if passable[taker]:
                    self._move(slot, giver, taker)
                    passable[taker] -= 1

    def _move(self, slot: int, giver: int, taker: int) -> None:
        self._draft.drop(slot, giver)
        self._draft.add(slot, taker)
        row = self._table[slot]
        row[row == giver] = taker

    def _slots_of(self, node: int) -> Indices:
        return np.flatnonzero((self._table == node).any(axis=1))

    def _best(self, giver: int, takers: list[int]) -> list[tuple[int, int]]:
        """Each slot of a node that may go to a taker, with the one whose claim is the best; best claims first."""
        if not takers:
            return []
        slots = self._slots_of(giver)
        candidates = np.array(takers, dtype=np.int64)
        claims = self._rendezvous.claims(slots, candidates)
        claims[~self._fitting(giver, slots, candidates)] = np.inf
        best = claims.argmin(axis=1)
        costs = claims[np.arange(len(slots)), best]
        order = np.argsort(costs, kind="stable")
        order = order[np.isfinite(costs[order])]
        return list(zip(slots[order].tolist(), candidates[best[order]].tolist(), strict=True))

    def _fitting(self, giver: int, slots: Indices, candidates: Indices) -> NDArray[np.bool_]:
        """Whether each slot could have a candidate instead of the giver, shape (slots, candidates)."""
        rows = self._table[slots]
        others = rows != giver
        zones = np.where(others, self._zone_of[rows], -1)
        holds = np.zeros((len(slots), len(candidates)), dtype=np.bool_)
        shares_zone = np.zeros_like(holds)
        for column in range(rows.shape[1]):
            holds |= rows[:, column, None] == candidates[None, :]
            shares_zone |= zones[:, column, None] == self._zone_of[candidates][None, :]
        ordered = np.sort(zones, axis=1)
        distinct = (np.diff(ordered, axis=1) != 0).sum(axis=1)
        repeats = others.sum(axis=1) - distinct
        fitting: NDArray[np.bool_] = ~holds & (~shares_zone | (repeats < self._draft.repeats_max)[:, None])
        return fitting
