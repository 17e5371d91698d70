"""``GET /spaces/{space}/folders/{path}?archive=zip``: a folder as one streamed file."""

from contextlib import aclosing

from api.blobs import send_stream
from api.content_headers import disposition
from api.raw import RawRequest
from api.targets import folder_from_url, space_from_url
from api.types import Headers
from govault.errors import InvalidRequest
from govault.services.contents.archive import Archives


class ArchiveDoor:
    """Sends archives."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives

    async def get(self, request: RawRequest) -> None:
        """Stream the archive. Its length is not known before, so it comes in chunks; an error midway cuts it."""
        if request.query["archive"] != "zip":
            raise InvalidRequest("the only archive there is, is archive=zip", rule="archive")
        space_name = space_from_url(request.params["space"])
        path = folder_from_url(request.params.get("path", "")).path
        space, folder_id, name = self._archives.open(request.actor, space_name, path)
        headers: Headers = [
            (b"content-type", b"application/zip"),
            (b"content-disposition", disposition(name, inline=False)),
            (b"cache-control", b"private, no-store"),
        ]
        if request.is_head:
            await request.send({"type": "http.response.start", "status": 200, "headers": headers})
            await request.send({"type": "http.response.body", "body": b""})
            return
        body = self._archives.zip(space, folder_id)
        async with aclosing(body):
            first = await anext(body, b"")
            await request.send({"type": "http.response.start", "status": 200, "headers": headers})
            await send_stream(request, first, body)
