"""Where to look for a peer, in which order: what the log tells first, and what led nowhere last time later."""

import asyncio
from collections.abc import Callable, Sequence

from govault.limits import BOOTSTRAP_NODE_KNOWN_S

_MEMBERS_MAX = 1024


class Places:
    """The addresses of peers. For one event loop."""

    def __init__(self, told: Callable[[str], Sequence[str]], elsewhere: Sequence[str]) -> None:
        """Args:
        told: What the log tells of a member, the best first; empty where it is none.
        elsewhere: Where members may be found besides.
        """
        self._told = told
        self._elsewhere = tuple(elsewhere)
        self._first: dict[str, str] = {}
        self._others: dict[str, tuple[str, float]] = {}

    def of(self, peer: str) -> list[str]:
        """Where to look for a peer now; empty where it is no member."""
        told = self._told(peer)
        if not told:
            return []
        more = (address for address in self._elsewhere if address not in told and not self._is_another(address, peer))
        places = [*told, *more]
        first = self._first.get(peer)
        start = places.index(first) if first in places else 0
        return places[start:] + places[:start]

    def in_vain(self, peer: str, address: str) -> None:
        """The peer was not reached there: next time the search begins at the next address."""
        places = self.of(peer)
        if address not in places:
            return
        while len(self._first) >= _MEMBERS_MAX:
            del self._first[next(iter(self._first))]
        self._first[peer] = places[(places.index(address) + 1) % len(places)]

    def leads_to(self, address: str, node_id: str) -> None:
        """Another node is there: nobody else is looked for there for a while."""
        if address in self._elsewhere:
            self._others[address] = (node_id, asyncio.get_running_loop().time() + BOOTSTRAP_NODE_KNOWN_S)

    def forget(self, peer: str) -> None:
        """It is no member any more."""
        self._first.pop(peer, None)

    def _is_another(self, address: str, peer: str) -> bool:
        found, until_s = self._others.get(address, (peer, 0.0))
        return found != peer and asyncio.get_running_loop().time() < until_s
