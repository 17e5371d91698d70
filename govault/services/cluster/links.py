"""How good the links to peers are, from what happens on them: ``LinkQualities``.

The score is speed × reliability × reputation, each 0 … 1:

- speed: how fast a chunk of mean size would come, ``1 / (1 + expected_s / SLOW_S)``; of a link without transfers only
  the round trip counts;
- reliability: ``(1 - error_rate)²``, so that a link on which every third call fails counts less than half;
- reputation: halved by every corrupt chunk, and half of what is missing comes back every REPUTATION_HALF_LIFE_S.

All averages are exponential: the last few tens of calls count.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from govault.limits import CHUNK_MEAN_BYTES, KIB, LINKS_MAX
from govault.ports import Clock, LinkQuality, Randomness

REPUTATION_HALF_LIFE_S = 3600.0
SLOW_S = 0.5
"""A link that takes this long for a chunk has half of the best speed."""
_WEIGHT = 0.2
_ERROR_WEIGHT = 0.1
_BULK_BYTES_MIN = 64 * KIB
_EQUAL_STEPS = 10
"""Scores that round to the same tenth are equals: load spreads over them."""


@dataclass(slots=True)
class _Link:
    latency_s: float = 0.0
    bandwidth_bytes_s: float = 0.0
    error_rate: float = 0.0
    corruptions: int = 0
    blame: float = 0.0
    """1 - reputation, as of ``blamed_s``."""
    blamed_s: float = 0.0


class LinkTable:
    """``LinkQualities`` for up to LINKS_MAX peers; beyond, the one that was heard of first is forgotten."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._links: dict[str, _Link] = {}

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        """See the port. A transfer tells the bandwidth, a small call the round trip."""
        link = self._link(peer)
        took_s = max(took_s, 1e-6)
        link.error_rate *= 1 - _ERROR_WEIGHT
        if size_bytes >= _BULK_BYTES_MIN:
            link.bandwidth_bytes_s = _smoothed(link.bandwidth_bytes_s, size_bytes / took_s)
        else:
            link.latency_s = _smoothed(link.latency_s, took_s)

    def failed(self, peer: str) -> None:
        """See the port."""
        link = self._link(peer)
        link.error_rate += (1 - link.error_rate) * _ERROR_WEIGHT

    def corrupted(self, peer: str) -> None:
        """See the port."""
        link = self._link(peer)
        link.corruptions += 1
        link.blame = 1 - self._reputation(link) / 2
        link.blamed_s = self._clock.monotonic_s()

    def of(self, peer: str) -> LinkQuality:
        """See the port; of a peer that nothing is known of the best is hoped for."""
        link = self._links.get(peer)
        if link is None:
            return LinkQuality()
        return LinkQuality(link.latency_s, link.bandwidth_bytes_s, link.error_rate, link.corruptions, self._score(link))

    def reputation(self, peer: str) -> float:
        """0 … 1: how far the peer's bytes are trusted to be sound."""
        link = self._links.get(peer)
        return 1.0 if link is None else self._reputation(link)

    def peers(self) -> list[str]:
        """Whom anything is known of."""
        return list(self._links)

    def best_first(self, peers: Iterable[str]) -> list[str]:
        """See the port."""
        named = list(peers)
        if len(named) < 2:
            return named
        dice = self._randomness.token(2 * len(named))
        ranked = [
            (-round(self.of(peer).score * _EQUAL_STEPS), dice[2 * at : 2 * at + 2], peer)
            for at, peer in enumerate(named)
        ]
        return [peer for _, _, peer in sorted(ranked)]

    def _link(self, peer: str) -> _Link:
        link = self._links.get(peer)
        if link is None:
            if len(self._links) >= LINKS_MAX:
                del self._links[next(iter(self._links))]
            link = self._links[peer] = _Link()
        return link

    def _reputation(self, link: _Link) -> float:
        if not link.blame:
            return 1.0
        passed_s = self._clock.monotonic_s() - link.blamed_s
        return 1 - link.blame * math.exp2(-passed_s / REPUTATION_HALF_LIFE_S)

    def _score(self, link: _Link) -> float:
        transfer_s = CHUNK_MEAN_BYTES / link.bandwidth_bytes_s if link.bandwidth_bytes_s else 0.0
        speed = 1 / (1 + (link.latency_s + transfer_s) / SLOW_S)
        return speed * (1 - link.error_rate) ** 2 * self._reputation(link)


def _smoothed(old: float, new: float) -> float:
    return new if old == 0 else old + (new - old) * _WEIGHT
