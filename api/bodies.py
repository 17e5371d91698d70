"""The body of a raw request as an iterator of bytes that ends only where the content really ends."""

import asyncio
from collections.abc import AsyncIterator

from api.middleware.edge import ClientGone
from api.raw import RawRequest
from govault.errors import InvalidRequest
from govault.limits import UPLOAD_IDLE_TIMEOUT_S


async def body_of(request: RawRequest, announced_bytes: int | None) -> AsyncIterator[bytes]:
    """The bytes as they come.

    Raises:
        ClientGone: The client went away before the end.
        InvalidRequest: No byte came for UPLOAD_IDLE_TIMEOUT_S, or fewer or more than announced.
    """
    receive = request.receive
    size_bytes = 0
    more = True
    while more:
        try:
            async with asyncio.timeout(UPLOAD_IDLE_TIMEOUT_S):
                message = await receive()
        except TimeoutError as error:
            raise InvalidRequest(
                f"no byte of the body came for {UPLOAD_IDLE_TIMEOUT_S:.0f} s; nothing was kept",
                code="invalid-request.idle",
            ) from error
        if message["type"] == "http.disconnect":
            raise ClientGone
        data = message.get("body", b"")
        more = message.get("more_body", False)
        size_bytes += len(data)
        if data:
            yield data
    if announced_bytes is not None and size_bytes != announced_bytes:
        raise InvalidRequest(
            f"the body has {size_bytes} bytes where Content-Length says {announced_bytes}; nothing was kept",
            code="invalid-request.truncated",
        )


def announced_length(request: RawRequest) -> int | None:
    """What Content-Length says; None where the body comes in pieces.

    Raises:
        InvalidRequest: It is no number.
    """
    value = request.header(b"content-length")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise InvalidRequest(f"Content-Length must be a number, not {value[:40]!r}", rule="content-length")
    return int(value)
