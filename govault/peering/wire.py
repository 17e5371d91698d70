"""Frames on a TLS connection."""

from collections.abc import Sequence
from typing import Any

from govault.errors import InvalidRequest
from govault.peering.frames import HEAD_BYTES, Frame, Head, Kind, decode_head, decode_header, encode
from govault.peering.stream import ByteStream


class Wire:
    """One connection, used by one task at a time.

    Attributes:
        address: Where it leads, host:port; empty where the other end came here.
    """

    def __init__(self, stream: ByteStream, address: str = "") -> None:
        self._stream = stream
        self.address = address

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more, as far as is known here."""
        return self._stream.closed

    def extra(self, name: str) -> Any:
        """See ``asyncio.BaseTransport.get_extra_info``."""
        return self._stream.extra(name)

    async def send(self, kind: Kind, header: dict[str, Any], body: Sequence[bytes] = ()) -> None:
        """Write a frame; returns once it is mostly on its way.

        Raises:
            OSError: The connection is gone.
        """
        await self._stream.write(encode(kind, header, body))

    async def head(self) -> Head | None:
        """The head of the next frame; None where the other end has closed properly.

        Raises:
            InvalidRequest: It is none.
            OSError: The connection is gone.
        """
        raw = await self._stream.read_exactly(HEAD_BYTES)
        return None if raw is None else decode_head(bytes(raw))

    async def rest(self, head: Head) -> Frame:
        """What follows a head.

        Raises:
            InvalidRequest: The header is none.
            OSError: The connection is gone.
        """
        header = await self._stream.read_exactly(head.header_bytes)
        body = await self._stream.read_exactly(head.body_bytes)
        if header is None or body is None:
            raise ConnectionResetError("the connection ended inside a frame")
        return Frame(head.kind, decode_header(bytes(header)), body)

    async def answer(self) -> Frame:
        """The next frame, which must answer a request.

        Raises:
            InvalidRequest: It does not.
            OSError: The connection is gone.
        """
        head = await self.head()
        if head is None:
            raise ConnectionResetError("the peer closed the connection")
        frame = await self.rest(head)
        if frame.kind is Kind.REQUEST:
            raise InvalidRequest("the peer asked where it should answer", rule="frame-kind")
        return frame

    def close(self) -> None:
        """Let the connection go at once."""
        self._stream.abort()
