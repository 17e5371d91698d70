"""The body of a raw request as an iterator of bytes that ends only where the content really ends."""

import asyncio
from collections.abc import AsyncIterator

from api.middleware.edge import ClientGone
from api.raw import RawRequest
from govault.errors import InvalidRequest
from govault.limits import BODY_SLICE_BYTES, UPLOAD_IDLE_TIMEOUT_S


async def body_of(request: RawRequest, announced_bytes: int | None) -> AsyncIterator[bytes]:
    """The bytes as they come, gathered into pieces of about BODY_SLICE_BYTES: each piece costs hops, each hop time.

    Raises:
        ClientGone: The client went away before the end.
        InvalidRequest: No byte came for UPLOAD_IDLE_TIMEOUT_S, or fewer or more than announced.
    """
    size_bytes = 0
    more = True
    while more:
        pieces: list[bytes] = []
        more = await _gather(request, pieces)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        size_bytes += len(data)
        if data:
            yield data
    if announced_bytes is not None and size_bytes != announced_bytes:
        raise InvalidRequest(
            f"the body has {size_bytes} bytes where Content-Length says {announced_bytes}; nothing was kept",
            code="invalid-request.truncated",
        )


async def _gather(request: RawRequest, pieces: list[bytes]) -> bool:
    """Collect the next pieces of the body; whether more follow. A slow client's few bytes go on when time is up."""
    gathered = 0
    try:
        async with asyncio.timeout(UPLOAD_IDLE_TIMEOUT_S):
            while gathered < BODY_SLICE_BYTES:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                data = message.get("body", b"")
                pieces.append(data)
                gathered += len(data)
                if not message.get("more_body", False):
                    return False
    except TimeoutError as error:
        if not gathered:
            raise InvalidRequest(
                f"no byte of the body came for {UPLOAD_IDLE_TIMEOUT_S:.0f} s; nothing was kept",
                code="invalid-request.idle",
            ) from error
    return True


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
