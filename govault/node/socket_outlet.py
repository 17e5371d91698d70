"""The short way out of an HTTP connection: bytes from any thread straight into its socket, past the event loop.

It works on a descriptor of its own for the connection's socket while the transport has nothing to write: the order
holds because the response that opened it sends nothing else until it is closed, and no other response is under way.
"""

import asyncio
import os
import select
import socket
import time
from collections.abc import Sequence
from threading import Lock

from api.middleware.edge import ClientGone
from govault.ports.outlet import behind

_PIECES_AT_ONCE_MAX = 512


class SocketOutlet:
    """An ``Outlet`` of a connected, non-blocking socket. Everything but ``offer`` is for the event loop's thread."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._gone = False
        self._waiter: asyncio.Future[None] | None = None
        self.taken_bytes = 0

    def offer(self, pieces: Sequence[bytes | bytearray | memoryview], patience_s: float = 0.0) -> int:
        size_bytes = sum(map(len, pieces))
        taken_bytes = self._send(pieces)
        until_s = time.monotonic() + patience_s if taken_bytes < size_bytes else 0.0
        while taken_bytes < size_bytes and self._wait_writable(until_s):
            taken_bytes += self._send(behind(pieces, taken_bytes))
        return taken_bytes

    def _send(self, pieces: Sequence[bytes | bytearray | memoryview]) -> int:
        # Under the lock the descriptor cannot be closed, and its number given to another connection, meanwhile.
        with self._lock:
            if self._gone:
                return 0
            try:
                taken_bytes = self._socket.sendmsg(pieces[:_PIECES_AT_ONCE_MAX])
            except (BlockingIOError, InterruptedError):
                return 0
            except OSError:
                self._gone = True
                return 0
            self.taken_bytes += taken_bytes
            return taken_bytes

    def _wait_writable(self, until_s: float) -> bool:
        """Wait, holding nothing, until bytes may fit; whether they may."""
        left_s, descriptor = until_s - time.monotonic(), self._socket.fileno()
        if left_s <= 0 or self._gone or descriptor < 0:
            return False
        # Closed meanwhile, the number may come to mean another connection: whoever sends asks again, under the lock.
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        return bool(poll.poll(left_s * 1000))

    async def ready(self) -> None:
        if not self._gone:
            self._waiter = waiter = self._loop.create_future()
            self._loop.add_writer(self._socket, _wake, waiter)
            try:
                await waiter
            finally:
                if self._waiter is waiter:
                    self._waiter = None
                    self._loop.remove_writer(self._socket)
        if self._gone:
            raise ClientGone

    def close(self) -> None:
        """Take nothing more; whoever waits is told that the client has gone. May be called twice."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._loop.remove_writer(self._socket)
            _wake(waiter)
        with self._lock:
            self._gone = True
            self._socket.close()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
