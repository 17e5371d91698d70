"""uvicorn's HTTP protocol with one system call for a small response, and a short way out for large ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.blobs import OUTLET_EXTENSION
from api.middleware.edge import ClientGone
from govault.node.http_requests import RequestProtocol
from govault.node.socket_outlet import SocketOutlet

GATHERED_BYTES_MAX = 64 * 1024


class GatheringProtocol(RequestProtocol):
    """One connection, whose writes within one turn of the loop are gathered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]

    def begin_request(self) -> None:
        super().begin_request()
        if self.scheme == "http":
            self.scope["extensions"] = {OUTLET_EXTENSION: partial(self._outlet, self.cycle)}  # type: ignore[dict-item]

    @asynccontextmanager
    async def _outlet(self, cycle: RequestResponseCycle) -> AsyncIterator[SocketOutlet]:
        """The socket itself, once everything written before has left; what it took counts as sent by the response."""
        await self._all_written()
        if self.transport.is_closing():
            cycle.disconnected = True
            raise ClientGone
        outlet = SocketOutlet(self.transport.get_extra_info("socket").fileno())
        try:
            yield outlet
        except ClientGone:
            # The loop hears of it later; until then an unfinished response would count as a fault of ours.
            cycle.disconnected = True
            self.transport.close()
            raise
        finally:
            outlet.close()
            cycle.expected_content_length -= outlet.taken_bytes

    async def _all_written(self) -> None:
        """Wait until everything written has left, or the connection is lost."""
        transport = self.transport
        assert isinstance(transport, GatheringTransport)
        transport.flush()
        if transport.is_closing() or not transport.get_write_buffer_size():
            return
        transport.set_write_buffer_limits(high=0)
        await self.flow.drain()
        if not transport.is_closing():
            transport.set_write_buffer_limits()


class GatheringTransport:
    """A transport that holds small writes back until the turn of the loop ends. Everything else passes through.

    ASGI says head and body in two messages, and each write is a system call. Nothing is held for longer than a turn,
    and at most GATHERED_BYTES_MAX, so that the flow control of the transport below works as before.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes | memoryview] = []
        self._held_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Write now or, if it is little, with what else comes in this turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= GATHERED_BYTES_MAX:
            self.flush()

    def close(self) -> None:
        """Close once everything is written."""
        self.flush()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection on; the next protocol finds everything written."""
        self.flush()
        self._transport.set_protocol(protocol)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held, self._held_bytes = self._held, [], 0
        if not held or self._transport.is_closing():
            return
        if len(held) == 1:
            self._transport.write(held[0])
        else:
            self._transport.writelines(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
