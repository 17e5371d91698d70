"""Weighted rendezvous hashing of slots: every node's claim to every slot, the same on every machine.

The claim is -ln(u) / weight with u a uniform hash of (node, slot), the smallest being the best ("Weighted Distributed
Hash Tables", Schindelhauer and Schomaker 2005). Libraries' logarithms differ in their last bits between machines, so
ours is made of additions, multiplications and divisions alone: IEEE 754 rounds those alike everywhere.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Claims = NDArray[np.float64]
Indices = NDArray[np.int64]

_LN2 = 0.6931471805599453
_SERIES = tuple(2.0 / odd for odd in range(17, 0, -2))


class Rendezvous:
    """The claims of some nodes. Immutable; threads may share it."""

    def __init__(self, node_ids: Sequence[str], weights: Sequence[int]) -> None:
        """Args:
        weights: At least 1, in the order of the ids.
        """
        seeds = [int.from_bytes(hashlib.blake2b(node_id.encode(), digest_size=8).digest()) for node_id in node_ids]
        self._seeds = np.array(seeds, dtype=np.uint64)
        self._weights = np.array(weights, dtype=np.float64)

    def claims(self, slots: Indices, nodes: Indices | None = None) -> Claims:
        """The claims of some nodes (all by default) to some slots, shape (slots, nodes); the smallest is the best."""
        seeds, weights = (self._seeds, self._weights) if nodes is None else (self._seeds[nodes], self._weights[nodes])
        hashes = _mix(seeds[None, :] ^ _mix(slots.astype(np.uint64))[:, None])
        uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        claims: Claims = -_ln(uniform) / weights
        return claims

    def order(self, slot: int) -> list[int]:
        """Indices of all nodes, the best for the slot first; some ten microseconds."""
        claims = self.claims(np.array([slot], dtype=np.int64))[0]
        order: list[int] = np.argsort(claims, kind="stable").tolist()
        return order


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: one step and its finish (Steele, Lea, Flood 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _ln(values: Claims) -> Claims:
    """The natural logarithm of values in 0 … 1, good to about 1e-9: ln m = 2 artanh((m - 1) / (m + 1))."""
    mantissas, exponents = np.frexp(values)
    ratio = (mantissas - 1.0) / (mantissas + 1.0)
    square = ratio * ratio
    total = np.full_like(ratio, _SERIES[0])
    for term in _SERIES[1:]:
        total = total * square + term
    return total * ratio + exponents.astype(np.float64) * _LN2
