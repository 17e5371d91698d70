"""Connections to peers: made when needed, kept while used, verified to lead to whom they should."""

import asyncio
import socket
import ssl
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from govault.errors import Authentication
from govault.limits import PEER_CALLS_EACH_MAX, PEER_CONNECT_S_MAX
from govault.peering.certificates import id_at_other_end
from govault.peering.frames import Frame, Kind
from govault.peering.places import Places
from govault.peering.stream import ByteStream
from govault.peering.wire import Wire

_IDLE_EACH_MAX = 4


class Connections:
    """The connections of one node to all peers. For one event loop."""

    def __init__(
        self,
        context: ssl.SSLContext,
        addresses: Callable[[str], Sequence[str]],
        peers_max: int,
        elsewhere: Sequence[str] = (),
    ) -> None:
        self._context = context
        self._places = Places(addresses, elsewhere)
        self._peers_max = peers_max
        self._idle: OrderedDict[tuple[str, bool], list[Wire]] = OrderedDict()
        self._room: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PEER_CALLS_EACH_MAX))
        self._closed = False

    async def ask(self, peer: str, header: dict[str, Any], body: Sequence[bytes], *, probe: bool) -> Frame:
        """One request and its answer. Probes have connections of their own, so that they never wait for chunks.

        A kept connection may have died meanwhile: then the request is made once more on a new one. All requests may be
        made twice.

        Raises:
            OSError, SSLError: The peer cannot be reached, or left.
            InvalidRequest: It does not speak our protocol.
            Authentication: Somebody else is there.
        """
        if not self._places.of(peer):
            self._forget(peer)
        if probe:
            return await self._ask(peer, header, body, probe)
        async with self._room[peer]:
            return await self._ask(peer, header, body, probe)

    async def _ask(self, peer: str, header: dict[str, Any], body: Sequence[bytes], probe: bool) -> Frame:
        wire = self._take(peer, probe)
        if wire is not None:
            try:
                return await self._exchange(wire, peer, header, body, probe)
            except OSError:
                pass
        return await self._exchange(await self._connect(peer), peer, header, body, probe)

    async def _exchange(
        self, wire: Wire, peer: str, header: dict[str, Any], body: Sequence[bytes], probe: bool
    ) -> Frame:
        answered = False
        try:
            await wire.send(Kind.REQUEST, header, body)
            answer = await wire.answer()
            answered = True
        finally:
            # Also where the caller gave up: an answer that comes later must not be taken for another's.
            if answered:
                self._keep(peer, probe, wire)
            else:
                wire.close()
        return answer

    def _take(self, peer: str, probe: bool) -> Wire | None:
        kept, places = self._idle.get((peer, probe), []), self._places.of(peer)
        while kept:
            wire = kept.pop()
            # One to where the peer was before may hang for long: the machine is gone, and nobody says so.
            if not wire.closed and wire.address in places:
                return wire
            wire.close()
        return None

    def _keep(self, peer: str, probe: bool, wire: Wire) -> None:
        kept = self._idle.setdefault((peer, probe), [])
        self._idle.move_to_end((peer, probe))
        if self._closed or wire.closed or len(kept) >= _IDLE_EACH_MAX:
            wire.close()
            return
        kept.append(wire)
        while len(self._idle) > 2 * self._peers_max:
            _, left = self._idle.popitem(last=False)
            for one in left:
                one.close()

    async def _connect(self, peer: str) -> Wire:
        places = self._places.of(peer)
        if not places:
            raise ConnectionRefusedError("it is no node of this vault, or nobody knows its address")
        failures: list[Exception] = []
        for address in places:
            wire = None
            try:
                async with asyncio.timeout(PEER_CONNECT_S_MAX):
                    wire = await connect(address, self._context, peer)
                return wire
            except Authentication as error:
                self._places.leads_to(address, str(error.details.get("found", "")))
                failures.append(error)
            except (OSError, ssl.SSLError, TimeoutError) as error:
                failures.append(error)
            finally:
                # Also where the caller gave up: a probe has time for one address that says nothing, the next has it
                # for another.
                if wire is None:
                    self._places.in_vain(peer, address)
        raise failures[0] if not isinstance(failures[0], TimeoutError) else ConnectionError("no connection in time")

    def _forget(self, peer: str) -> None:
        """It is no member: nothing more is said to it over a connection from before."""
        self._places.forget(peer)
        for probe in (False, True):
            for wire in self._idle.pop((peer, probe), ()):
                wire.close()

    def close(self) -> None:
        """Let all go; later ones are not kept."""
        self._closed = True
        for kept in self._idle.values():
            for wire in kept:
                wire.close()
        self._idle.clear()


async def connect(address: str, context: ssl.SSLContext, node_id: str | None) -> Wire:
    """A connection to a node, once it has proved to be that node.

    Args:
        node_id: None where any will do that proves to be one (``id_at_other_end`` tells which).

    Raises:
        OSError, SSLError: Nobody is there, or nobody of this vault.
        Authentication: Another node is there.
    """
    host, _, port = address.rpartition(":")
    stream = ByteStream()
    wire = Wire(stream, address)
    loop = asyncio.get_running_loop()
    try:
        await loop.create_connection(lambda: stream, host.strip("[]"), int(port), ssl=context)
    except OSError:
        # Among them what TLS raises, of which some are ValueErrors too.
        raise
    except (ValueError, OverflowError) as error:
        # Members tell their addresses themselves, and one may tell what is none.
        raise ConnectionRefusedError(f"{address!r} is no address of a node: {error}") from error
    raw: socket.socket | None = wire.extra("socket")
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        found = id_at_other_end(wire.extra("ssl_object"))
        if found is None or found != (node_id or found):
            raise Authentication(f"at {address} is the node {found}, not {node_id or 'one of a vault'}", found=found)
    except BaseException:
        wire.close()
        raise
    return wire
