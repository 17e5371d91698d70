"""The pages for people: what this is and how it is at ``/``, the API's documentation at ``/docs``, and their files.

Everything a page needs comes from this node: a vault may run where nothing else can be reached.
"""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response

from govault.errors import NotFound

router = APIRouter(include_in_schema=False)

_STATIC = Path(__file__).resolve().parents[1] / "static"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in _STATIC.iterdir() if path.suffix in _TYPES}


def _file(name: str) -> Response:
    found = _FILES.get(name)
    if found is None:
        raise NotFound(f"there is no page file {name!r}", code="not-found.route")
    content, media_type = found
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(content, media_type=f"{media_type}; charset=utf-8", headers=headers)


@router.get("/")
async def index(request: Request) -> Response:
    """What this is, and how it is."""
    if not request.app.state.settings.page:
        raise NotFound("the page is switched off (server.doors.page)", code="not-found.route")
    return _file("index.html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every route, from the OpenAPI document."""
    if not request.app.state.settings.docs:
        raise NotFound("the documentation is switched off (server.doors.docs)", code="not-found.route")
    return _file("docs.html")


@router.get("/static/{name}")
async def static(name: Annotated[str, PathParameter(max_length=64)]) -> Response:
    """A file of a page."""
    return _file(name)
