"""Frames on a TLS connection: written in few large pieces, read within a time."""

import asyncio
from collections.abc import Sequence
from typing import Any

from govault.errors import InvalidRequest
from govault.peering.frames import HEAD_BYTES, Frame, Head, Kind, decode_head, decode_header, encode

_READ_AHEAD_BYTES = 1024 * 1024
_WRITE_BUFFER_BYTES = 1024 * 1024


class Wire:
    """One connection. Its reader and writer are used by one task at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more, as far as is known here."""
        return self.writer.is_closing() or self.reader.at_eof()

    async def send(self, kind: Kind, header: dict[str, Any], body: Sequence[bytes] = ()) -> None:
        """Write a frame; returns once it is mostly on its way.

        Raises:
            OSError: The connection is gone.
        """
        self.writer.writelines(encode(kind, header, body))
        await self.writer.drain()

    async def head(self) -> Head | None:
        """The head of the next frame; None where the other end has closed properly.

        Raises:
            InvalidRequest: It is none.
            OSError: The connection is gone.
        """
        try:
            raw = await self.reader.readexactly(HEAD_BYTES)
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                return None
            raise ConnectionResetError("the connection ended inside a frame") from error
        return decode_head(raw)

    async def rest(self, head: Head) -> Frame:
        """What follows a head.

        Raises:
            InvalidRequest: The header is none.
            OSError: The connection is gone.
        """
        try:
            header = decode_header(await self.reader.readexactly(head.header_bytes))
            body = await self.reader.readexactly(head.body_bytes) if head.body_bytes else b""
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection ended inside a frame") from error
        return Frame(head.kind, header, body)

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
        self.writer.transport.abort()


def new_reader() -> asyncio.StreamReader:
    """A reader that takes in large pieces."""
    return asyncio.StreamReader(limit=_READ_AHEAD_BYTES)
