"""The way out: contents as raw ASGI responses, whole or in ranges, conditional, verified chunk by chunk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from secrets import token_hex

from api.conditions import precondition, range_applies
from api.content_headers import description, media_type_header, validators
from api.middleware.edge import POURED_BYTES, ClientGone
from api.ranges import ByteRange, parse_ranges
from api.raw import RawRequest
from api.stalling import StallWatch
from api.targets import ref_from_url, space_from_url, tree_path_from_url
from api.types import Headers
from govault.errors import InvalidRequest
from govault.limits import BODY_SLICE_BYTES, DOWNLOAD_STALL_TIMEOUT_S, MIB
from govault.ports import Outlet
from govault.services.contents.downloads import Downloads, Opened

OUTLET_EXTENSION = "govault.outlet"
"""An ASGI extension: a function that opens an ``Outlet`` in the middle of a body of known length, as a context whose
end gives the connection back.
"""
_STRAIGHT_BYTES_MIN = 1 * MIB
_VERSION_DIGITS_MAX = 10


class Blobs:
    """GET and HEAD of contents, by path, id, hash or version."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def at_path(self, request: RawRequest) -> None:
        """``/spaces/{space}/files/{path}``."""
        space = space_from_url(request.params["space"])
        path = tree_path_from_url(request.params["path"]).path
        version = _version(request.query.get("version"))
        await self.serve(request, self._downloads.open_at(request.actor, space, path, version))

    async def by_ref(self, request: RawRequest) -> None:
        """``/files/{ref}`` and ``/files/{ref}/versions/{version}/content``."""
        ref = ref_from_url(request.params["ref"])
        version = _version(request.params.get("version") or request.query.get("version"))
        await self.serve(request, self._downloads.open_ref(request.actor, ref, version))

    async def serve(self, request: RawRequest, opened: Opened) -> None:
        """Answer with a content, in the order RFC 9110 (13.2.2) gives: conditions, then ranges, then bytes."""
        content = opened.content
        modified_s = content.committed_ms // 1000
        common = validators(opened)
        if precondition(request, content.sha256, modified_s) == "not-modified":
            await request.send({"type": "http.response.start", "status": 304, "headers": common})
            await request.send({"type": "http.response.body", "body": b""})
            return
        common += description(opened, "download" in request.query)
        asked = request.header(b"range") if not request.is_head else None
        if asked is not None and range_applies(request, content.sha256, modified_s):
            ranges = parse_ranges(asked, content.size_bytes)
            if ranges is not None and len(ranges) == 1:
                await self._one_range(request, opened, common, ranges[0])
                return
            if ranges is not None:
                await self._many_ranges(request, opened, common, ranges)
                return
        common.append((b"content-type", media_type_header(opened.media_type)))
        await self._send_span(request, 200, common, opened, 0, content.size_bytes)

    async def _one_range(self, request: RawRequest, opened: Opened, common: Headers, one: ByteRange) -> None:
        headers = [
            *common,
            (b"content-type", media_type_header(opened.media_type)),
            (b"content-range", _content_range(one, opened.content.size_bytes)),
        ]
        await self._send_span(request, 206, headers, opened, one.start, one.stop)

    async def _many_ranges(self, request: RawRequest, opened: Opened, common: Headers, ranges: list[ByteRange]) -> None:
        boundary = token_hex(16).encode()
        kind = media_type_header(opened.media_type)
        heads = [
            b"\r\n--%s\r\ncontent-type: %s\r\ncontent-range: %s\r\n\r\n"
            % (boundary, kind, _content_range(one, opened.content.size_bytes))
            for one in ranges
        ]
        end = b"\r\n--%s--\r\n" % boundary
        length = sum(map(len, heads)) + sum(stop - start for start, stop in ranges) + len(end)

        async def parts() -> AsyncGenerator[bytes]:
            for head, one in zip(heads, ranges, strict=True):
                yield head
                async for data in self._downloads.read(opened, one.start, one.stop):
                    yield data
            yield end

        headers = [*common, (b"content-type", b"multipart/byteranges; boundary=" + boundary)]
        await self._send_parts(request, headers, length, parts())

    async def _send_span(
        self, request: RawRequest, status: int, headers: Headers, opened: Opened, start: int, stop: int
    ) -> None:
        """Send some bytes of a content, the short way where there is one and they are many.

        Where a chunk fails midway the error passes, and the connection is cut.
        """
        headers.append((b"content-length", str(stop - start).encode()))
        # The first chunk is read before the head is sent: a content that cannot be read is a clean error, not a cut.
        first = b"" if request.is_head else await self._downloads.first(opened, start, stop)
        await request.send({"type": "http.response.start", "status": status, "headers": headers})
        if request.is_head or len(first) == stop - start:
            await request.send({"type": "http.response.body", "body": first})
            return
        async with _watched(request) as (watch, gone):
            await _send_slices(request, first, watch)
            start += len(first)
            open_outlet = request.scope.get("extensions", {}).get(OUTLET_EXTENSION)
            if open_outlet is not None and stop - start >= _STRAIGHT_BYTES_MIN:
                async with open_outlet() as outlet:
                    gone.add_done_callback(lambda _: outlet.close())
                    watched = _Watched(outlet, watch, request.scope["state"])
                    start += await self._downloads.pour(opened, start, stop, watched)
            # What could not go the short way goes the long one, which knows where else it lies, or what is wrong.
            async with aclosing(self._downloads.read(opened, start, stop)) as rest:
                await _send_all(request, rest, watch, gone)

    async def _send_parts(
        self, request: RawRequest, headers: Headers, length: int, parts: AsyncGenerator[bytes]
    ) -> None:
        headers.append((b"content-length", str(length).encode()))
        async with aclosing(parts):
            first = await anext(parts)
            first += await anext(parts, b"")
            await request.send({"type": "http.response.start", "status": 206, "headers": headers})
            await send_stream(request, first, parts)


async def send_stream(request: RawRequest, first: bytes, rest: AsyncGenerator[bytes]) -> None:
    """Send pieces until the end, or until the client is gone: a server drops what a closed connection is sent."""
    async with _watched(request) as (watch, gone):
        await _send_slices(request, first, watch)
        await _send_all(request, rest, watch, gone)


@asynccontextmanager
async def _watched(request: RawRequest) -> AsyncIterator[tuple[StallWatch, "asyncio.Future[None]"]]:
    """A response that ends with its client: the watch over its pace, and a future that is done when it has gone."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        # Whoever reads nothing for long holds buffers and read-ahead that others could use.
        async with StallWatch(DOWNLOAD_STALL_TIMEOUT_S) as watch:
            yield watch, gone
    finally:
        gone.cancel()


async def _send_all(
    request: RawRequest, pieces: AsyncGenerator[bytes], watch: StallWatch, gone: "asyncio.Future[None]"
) -> None:
    async for data in pieces:
        if gone.done():
            raise ClientGone
        await _send_slices(request, data, watch)
    await request.send({"type": "http.response.body", "body": b""})


class _Watched:
    """An outlet whose every byte is counted, and a move of its client."""

    def __init__(self, outlet: Outlet, watch: StallWatch, state: dict[str, int]) -> None:
        self._outlet = outlet
        self._watch = watch
        self._state = state
        state[POURED_BYTES] = 0
        self.ready = outlet.ready

    def offer(self, pieces: Sequence[bytes | bytearray | memoryview], patience_s: float = 0.0) -> int:
        taken_bytes = self._outlet.offer(pieces, patience_s)
        if taken_bytes:
            self._watch.moved = True
            self._state[POURED_BYTES] += taken_bytes
        return taken_bytes


async def _send_slices(request: RawRequest, data: bytes, watch: StallWatch) -> None:
    view = memoryview(data) if len(data) > BODY_SLICE_BYTES else data
    for start in range(0, len(view), BODY_SLICE_BYTES):
        piece = view[start : start + BODY_SLICE_BYTES]
        await request.send({"type": "http.response.body", "body": piece, "more_body": True})
        watch.moved = True


async def _disconnected(request: RawRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _content_range(one: ByteRange, size_bytes: int) -> bytes:
    return b"bytes %d-%d/%d" % (one.start, one.stop - 1, size_bytes)


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS_MAX and int(text) >= 1):
        raise InvalidRequest(f"{text[:40]!r} is no version number: versions count from 1", rule="version")
    return int(text)
