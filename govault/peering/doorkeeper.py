"""Who may come in: bounds on connections that have not shown yet who they are, in all and per address, and per peer."""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from govault.limits import PEER_CONNECTIONS_PER_PEER_MAX, PEER_HALF_OPEN_MAX, PEER_HALF_OPEN_PER_ADDRESS_MAX
from govault.peering.stream import PeerStream


class Doorkeeper:
    """Counts connections; never waits."""

    def __init__(
        self,
        half_open_max: int = PEER_HALF_OPEN_MAX,
        per_address_max: int = PEER_HALF_OPEN_PER_ADDRESS_MAX,
        per_peer_max: int = PEER_CONNECTIONS_PER_PEER_MAX,
    ) -> None:
        self._half_open_max = half_open_max
        self._per_address_max = per_address_max
        self._per_peer_max = per_peer_max
        self._half_open: Counter[str] = Counter()
        self._of_peers: dict[str, OrderedDict[int, PeerStream]] = {}
        self.turned_away = 0

    @property
    def half_open(self) -> int:
        """Connections that have not shown who they are."""
        return self._half_open.total()

    def admits(self, address: str) -> bool:
        """Whether one more unknown connection of an address is let in; ``enter`` it at once if so."""
        if self.half_open < self._half_open_max and self._half_open[_network(address)] < self._per_address_max:
            return True
        self.turned_away += 1
        return False

    def enter(self, address: str) -> None:
        """An unknown connection came in."""
        self._half_open[_network(address)] += 1

    def leave(self, address: str) -> None:
        """It is known by now, or gone."""
        network = _network(address)
        self._half_open[network] -= 1
        if not self._half_open[network]:
            del self._half_open[network]

    @contextmanager
    def connected(self, peer: str, stream: PeerStream) -> Iterator[None]:
        """Count a peer's connection. One too many ends its oldest: that may be one which the peer lost long ago."""
        streams = self._of_peers.setdefault(peer, OrderedDict())
        if len(streams) >= self._per_peer_max:
            _, oldest = streams.popitem(last=False)
            oldest.abort()
        streams[id(stream)] = stream
        try:
            yield
        finally:
            streams.pop(id(stream), None)
            if not streams and self._of_peers.get(peer) is streams:
                del self._of_peers[peer]

    def cut(self, peer: str) -> None:
        """End every connection of a peer."""
        for stream in list(self._of_peers.get(peer, {}).values()):
            stream.abort()


def _network(address: str) -> str:
    """What one sender may have many of: of IPv6 a /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address
