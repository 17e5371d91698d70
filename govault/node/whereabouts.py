"""Where others reach this node: as configured, else where it listens, else as this machine is known."""

import asyncio
import socket
from urllib.parse import urlsplit

from govault.config import Configuration
from govault.config.values import split_address
from govault.services.cluster.announcing import Addresses

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (only compared: others need a name of this machine)


class Whereabouts:
    """Call it for the addresses of now: names and interfaces of a machine change while it runs."""

    def __init__(self, configuration: Configuration, url: str, listener: socket.socket | None) -> None:
        """Args:
        url: Of the REST interface, for commands on this machine.
        listener: Where peers come in; None where none do.
        """
        self._configuration = configuration
        self._url = urlsplit(url)
        self._peer_port = listener.getsockname()[1] if listener is not None else None
        self._hosts: tuple[str, ...] = ()

    async def __call__(self) -> Addresses:
        """The addresses of now; names are resolved in a thread."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Addresses:
        server, network = self._configuration.server, self._configuration.network
        anywhere = server.host in _ANYWHERE or split_address(network.peer_addr)[0] in _ANYWHERE
        # A machine that is without a network for a moment is where it was.
        self._hosts = (_hosts(self._log_at()) or self._hosts) if anywhere else ()
        return Addresses(self._for_clients(), self._for_peers())

    def _for_clients(self) -> tuple[str, ...]:
        server, url = self._configuration.server, self._url
        if server.advertise or server.host not in _ANYWHERE or not self._hosts:
            return server.advertise or (url.geturl(),)
        # The first only: certificates are of names, and another way to the same door helps no client.
        return (f"{url.scheme}://{_joined(self._hosts[0], url.port or server.port)}",)

    def _for_peers(self) -> tuple[str, ...]:
        network, port = self._configuration.network, self._peer_port
        if port is None:
            return ()
        if network.advertise:
            given = (split_address(address) for address in network.advertise)
            return tuple(_joined(host, given_port or port) for host, given_port in given)
        host, _ = split_address(network.peer_addr)
        hosts = self._hosts if host in _ANYWHERE and self._hosts else (host,)
        return tuple(_joined(each, port) for each in hosts)

    def _log_at(self) -> tuple[str, int] | None:
        bootstrap = self._configuration.log.bootstrap
        return split_address(bootstrap[0]) if bootstrap else None


def _hosts(toward: tuple[str, int] | None) -> tuple[str, ...]:
    """This machine's name, and the address that it has towards another: the one helps where the other does not."""
    name = socket.getfqdn()
    address = _source_address(*toward) if toward else None
    known = () if name.startswith("localhost") and address else (name,)
    return known if address is None or address in known else (*known, address)


def _source_address(host: str, port: int) -> str | None:
    """Which of this machine's addresses packets to a host would come from. Sends none."""
    try:
        family, kind, protocol, _, there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(there)
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
