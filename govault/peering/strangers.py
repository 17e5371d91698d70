"""Connections that have not shown yet who they are, and which of them gives way when there are too many."""

import asyncio
import ipaddress


class Strangers:
    """Tasks by the network that they serve. Never waits."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._networks: dict[str, dict[asyncio.Task[None], None]] = {}
        self._network_of: dict[asyncio.Task[None], str] = {}

    def __len__(self) -> int:
        return len(self._network_of)

    def add(self, task: asyncio.Task[None], address: str) -> None:
        """One more has come from an address."""
        network = _network(address)
        self._network_of[task] = network
        self._networks.setdefault(network, {})[task] = None

    def discard(self, task: asyncio.Task[None]) -> None:
        """It is known by now, or gone."""
        network = self._network_of.pop(task, None)
        if network is None:
            return
        tasks = self._networks[network]
        del tasks[task]
        if not tasks:
            del self._networks[network]

    def one_to_leave(self) -> asyncio.Task[None] | None:
        """Where there is no room for one more: the oldest from where the most are, counted as gone from now on."""
        if len(self) < self._count_max:
            return None
        most = max(self._networks, key=lambda network: len(self._networks[network]))
        oldest = next(iter(self._networks[most]))
        self.discard(oldest)
        return oldest


def _network(address: str) -> str:
    """What one sender may have many addresses of: of IPv6 a /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
