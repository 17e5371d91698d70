"""One connection as exact reads and paced writes. Received bytes go straight into the buffer that waits for them."""

import asyncio
import socket
from collections.abc import Sequence
from typing import cast

from govault.limits import KIB, PEER_FRAME_BYTES_MAX
from govault.peering.certificates import node_id_of_certificate
from govault.peering.frames import HEAD, FrameHead, Kind, decode_head, encode_head

_AHEAD_BYTES = 64 * KIB
_PIECE_BYTES = 256 * KIB


class PeerStream(asyncio.BufferedProtocol):
    """Frames over a transport. One reader and one writer at a time; time limits are the caller's.

    Reads and writes raise ``ConnectionError`` where the connection ends, ``FrameError`` where the peer talks nonsense.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._ahead = memoryview(bytearray(_AHEAD_BYTES))
        self._ahead_begin = self._ahead_end = 0
        self._target: memoryview | None = None
        self._read: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._write_paused = self._paused = False
        self.closed = False

    # --- what the event loop tells -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=2 * _PIECE_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        """See ``asyncio.BufferedProtocol``."""
        if self._target is not None:
            return self._target
        if self._ahead_end == _AHEAD_BYTES:
            # The transport was paused when it filled up and should not have asked: nobody is heard any more.
            self.abort()
            self._ahead_end = 0
        return self._ahead[self._ahead_end :]

    def buffer_updated(self, nbytes: int) -> None:
        """See ``asyncio.BufferedProtocol``."""
        if self._target is not None:
            self._target = self._target[nbytes:]
            if not len(self._target):
                self._target = None
                _done(self._read)
            return
        self._ahead_end += nbytes
        _done(self._read)
        if self._ahead_end == _AHEAD_BYTES and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """See ``asyncio.Protocol``: half a connection is of no use."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.BaseProtocol``."""
        self.closed = True
        self._target = None
        for waiting in (self._read, self._writable):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionResetError("the connection ended"))

    def pause_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """See ``asyncio.BaseProtocol``."""
        self._write_paused = False
        _done(self._writable)

    # --- frames ------------------------------------------------------------------------------------------------

    @property
    def peer_node_id(self) -> str | None:
        """The id that the other side proved by its certificate; None without one."""
        assert self._transport is not None
        tls = self._transport.get_extra_info("ssl_object")
        return node_id_of_certificate(tls.getpeercert(binary_form=True)) if tls is not None else None

    async def read_head(self) -> FrameHead:
        """The next frame's head."""
        raw = bytearray(HEAD.size)
        await self._read_into(memoryview(raw))
        return decode_head(raw)

    async def read_payload(self, size_bytes: int) -> bytearray:
        """The payload that a head announced."""
        assert size_bytes <= PEER_FRAME_BYTES_MAX
        payload = bytearray(size_bytes)
        if size_bytes:
            await self._read_into(memoryview(payload))
        return payload

    async def write_frame(self, kind: Kind, call_id: int, pieces: Sequence[bytes]) -> None:
        """Write a frame; returns when nearly all of it left this process."""
        head = encode_head(kind, call_id, sum(map(len, pieces)))
        small = [head]
        small_bytes = len(head)
        for piece in pieces:
            if small_bytes + len(piece) > _PIECE_BYTES:
                await self._write(b"".join(small))
                small, small_bytes = [], 0
            if len(piece) > _PIECE_BYTES:
                view = memoryview(piece)
                for start in range(0, len(piece), _PIECE_BYTES):
                    await self._write(view[start : start + _PIECE_BYTES])
                continue
            small.append(piece)
            small_bytes += len(piece)
        if small:
            await self._write(b"".join(small))

    def send_at_once(self) -> None:
        """Do not hold small writes back for more to come."""
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def abort(self) -> None:
        """Drop the connection now."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Say goodbye after what was written."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    async def _write(self, piece: bytes | memoryview) -> None:
        if self.closed or self._transport is None:
            raise ConnectionResetError("the connection ended")
        self._transport.write(piece)
        if self._write_paused:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                await self._writable
            finally:
                self._writable = None

    async def _read_into(self, target: memoryview) -> None:
        while len(target):
            ready = min(len(target), self._ahead_end - self._ahead_begin)
            if ready:
                target[:ready] = self._ahead[self._ahead_begin : self._ahead_begin + ready]
                target = target[ready:]
                self._ahead_begin += ready
            if self._ahead_begin == self._ahead_end:
                self._ahead_begin = self._ahead_end = 0
            if not len(target):
                break
            if self.closed or self._transport is None:
                raise ConnectionResetError("the connection ended")
            self._read = asyncio.get_running_loop().create_future()
            direct = len(target) >= _AHEAD_BYTES
            if direct:
                self._target = target
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            try:
                await self._read
            finally:
                self._read = self._target = None
            if direct:
                return


def _done(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
