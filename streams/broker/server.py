"""The port: accepts connections up to a bound, and ends those that keep it waiting."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from streams.broker.connection import Connection
from streams.broker.limits import CONNECTIONS_MAX, STOP_TIMEOUT_S, SWEEP_INTERVAL_S

if TYPE_CHECKING:
    from streams.broker.broker import Broker


class Server:
    """All connections of a broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._rejected = 0
        self._rejected_why = ""

    async def start(self, listener: socket.socket) -> None:
        """Accept on a socket that is bound already."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._server = await loop.create_server(self._connection, sock=listener, backlog=256)
        self._sweeper = asyncio.create_task(self._sweep())

    def _connection(self) -> Connection:
        return Connection(self._broker, self)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for one more."""
        if len(self._connections) >= CONNECTIONS_MAX:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def note_rejected(self, why: str) -> None:
        """Count a connection that was ended for what it sent; told once a sweep, not once each."""
        self._rejected += 1
        self._rejected_why = why

    def _tell_rejected(self) -> None:
        if self._rejected:
            self._broker.journal.warning("connections refused", count=self._rejected, last=self._rejected_why)
            self._rejected = 0

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            self._tell_rejected()
            self._broker.space.look()
            now = loop.time()
            for connection in tuple(self._connections):
                connection.check_patience(now)

    async def stop(self) -> None:
        """Close the port and every connection; what was appended is still committed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        self.abort()
        if self._server is not None:
            try:
                await asyncio.wait_for(self._server.wait_closed(), STOP_TIMEOUT_S)
            except TimeoutError:
                self._broker.journal.warning("connections did not close in time")

    def abort(self) -> None:
        """End every connection at once."""
        for connection in tuple(self._connections):
            connection.abort()
