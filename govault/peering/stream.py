"""The bytes of one connection: exact reads, paced writes. What arrives goes straight into the buffer that waits for it.

``asyncio.StreamReader`` would copy a batch of chunks twice more on its way; with that a byte between nodes cost half as
much processor again.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from govault.limits import KIB

_AHEAD_BYTES = 64 * KIB
_PIECE_BYTES = 256 * KIB
_WRITE_BUFFER_BYTES = 512 * KIB


class ByteStream(asyncio.BufferedProtocol):
    """One reader and one writer at a time; time limits are the caller's."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._ahead = memoryview(bytearray(_AHEAD_BYTES))
        self._begin = self._end = 0
        self._target: memoryview | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reading_paused = self._writing_paused = False
        self._filled = False
        self.closed = False

    # --- what the event loop tells: see asyncio.BufferedProtocol ---------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._target is not None:
            return self._target
        if self._end == _AHEAD_BYTES:
            # The transport was paused and should not ask: nobody is heard any more.
            self.abort()
            self._end = 0
        return self._ahead[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._target is not None:
            self._target = self._target[nbytes:]
            if not len(self._target):
                self._target = None
                self._filled = True
                _done(self._arrival)
            return
        self._end += nbytes
        _done(self._arrival)
        if self._end == _AHEAD_BYTES and self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self.closed = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._target = None
        _done(self._arrival)
        _done(self._writable)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        _done(self._writable)

    # --- reading and writing -----------------------------------------------------------------------------------

    def extra(self, name: str) -> Any:
        """See ``asyncio.BaseTransport.get_extra_info``."""
        return None if self._transport is None else self._transport.get_extra_info(name)

    async def read_exactly(self, size_bytes: int) -> bytearray | None:
        """So many bytes; None where the connection ended before the first of them.

        Raises:
            ConnectionError: It ended among them.
        """
        wanted = bytearray(size_bytes)
        target = memoryview(wanted)
        while len(target):
            target = target[self._take_ahead(target) :]
            if not len(target):
                break
            if self.closed or self._transport is None:
                if len(target) == size_bytes:
                    return None
                raise ConnectionResetError("the connection ended inside a frame")
            target = await self._wait_for(self._transport, target)
        return wanted

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Write pieces one behind the other; returns when nearly all of it left this process.

        Raises:
            ConnectionError: The connection ended.
        """
        small: list[bytes] = []
        small_bytes = 0
        for piece in pieces:
            if small and small_bytes + len(piece) > _PIECE_BYTES:
                await self._write(b"".join(small))
                small, small_bytes = [], 0
            if len(piece) >= _PIECE_BYTES:
                view = memoryview(piece)
                for start in range(0, len(piece), _PIECE_BYTES):
                    await self._write(view[start : start + _PIECE_BYTES])
                continue
            small.append(piece)
            small_bytes += len(piece)
        if small:
            await self._write(b"".join(small))

    def abort(self) -> None:
        """Let the connection go at once."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def _take_ahead(self, target: memoryview) -> int:
        ready = min(len(target), self._end - self._begin)
        target[:ready] = self._ahead[self._begin : self._begin + ready]
        self._begin += ready
        if self._begin == self._end:
            self._begin = self._end = 0
        return ready

    async def _wait_for(self, transport: asyncio.Transport, target: memoryview) -> memoryview:
        """Wait for bytes; what of the target they did not fill themselves."""
        self._arrival = asyncio.get_running_loop().create_future()
        direct = len(target) >= _AHEAD_BYTES
        self._filled = False
        if direct:
            self._target = target
        if self._reading_paused:
            self._reading_paused = False
            transport.resume_reading()
        try:
            await self._arrival
        finally:
            self._arrival = self._target = None
        if not direct:
            return target
        if not self._filled:
            raise ConnectionResetError("the connection ended inside a frame")
        return target[len(target) :]

    async def _write(self, piece: bytes | memoryview) -> None:
        if self.closed or self._transport is None:
            raise ConnectionResetError("the connection ended")
        self._transport.write(piece)
        if self._writing_paused:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                await self._writable
            finally:
                self._writable = None
            if self.closed:
                raise ConnectionResetError("the connection ended")


def _done(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
