"""What the framework's routes have in common: JSON answers, declared problems, known query fields, pages."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Header, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.documents import Document, dumps
from api.errors import PROBLEM_MEDIA_TYPE, title_of
from govault.errors import InvalidRequest
from govault.limits import IDEMPOTENCY_KEY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX
from govault.services.namespace.cursors import CURSOR_BYTES_MAX
from schemas.rest.shapes import Problem

_ALWAYS = (401, 422, 503)
_WRITES = (202, 400, 409, 412)

Responses = dict[int | str, dict[str, Any]]


def answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. What it says may change at any time, so caches ask again."""
    return Response(
        dumps(document), status, {"cache-control": "private, no-cache", **(headers or {})}, "application/json"
    )


def problems(*statuses: int, writes: bool = False) -> Responses:
    """The problem answers that a route declares, beside those that every route may give.

    Args:
        writes: It appends to the log: its outcome may be pending, or a race or condition stand against it.
    """
    declared = {*_ALWAYS, *statuses, *(_WRITES if writes else ())}
    return {status: _problem(status) for status in sorted(declared)}


def page_document(items: list[Document], next_cursor: str, **more: object) -> Document:
    """One page of a list."""
    return {**more, "items": items, "more": bool(next_cursor), "next_cursor": next_cursor or None}


def page_answer(request: Request, document: Document) -> Response:
    """A page, with a ``Link`` to the next one (RFC 8288)."""
    cursor = document["next_cursor"]
    if cursor is None:
        return answer(document)
    fields = [field for field in request.query_params.multi_items() if field[0] != "cursor"]
    path = request.scope["raw_path"].decode("latin-1")
    return answer(document, headers={"link": f'<{path}?{urlencode([*fields, ("cursor", cursor)])}>; rel="next"'})


async def check_query(request: Request) -> None:
    """Refuse query fields that the route does not have, and such that come twice.

    Raises:
        InvalidRequest: Their names are in the message.
    """
    route = request.scope["route"]
    known = _query_fields(route.dependant) if isinstance(route, APIRoute) else set()
    query = request.scope.get("query_string", b"").decode("latin-1")
    try:
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100)]
    except ValueError as error:
        raise InvalidRequest("the query is not valid UTF-8, or has too many fields", rule="query") from error
    unknown = sorted({name for name in names if name not in known})
    if unknown:
        raise InvalidRequest(
            f"unknown query fields: {_shown(unknown)}; known are: {_shown(sorted(known))}", rule="query-unknown"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(f"query fields that come twice: {_shown(twice)}", rule="query-twice")


def _query_fields(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    for inner in dependant.dependencies:
        names |= _query_fields(inner)
    return names


def _shown(names: Iterable[str]) -> str:
    return ", ".join(name[:40] for name in names)[:400] or "none"


def _problem(status: int) -> dict[str, Any]:
    pending = "The outcome is not known yet: ask for it at `Location`."
    description = pending if status == 202 else title_of(status)
    return {"description": description, "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}}


_ETAG = {"description": "Of what the answer tells; for `If-Match`.", "schema": {"type": "string"}}
_LINK = {"description": '`rel="next"`: the next page (RFC 8288).', "schema": {"type": "string"}}
TELLS_ETAG: Responses = {200: {"headers": {"ETag": _ETAG}}}
TELLS_NEXT: Responses = {200: {"headers": {"Link": _LINK}}}
_PROBLEM_SCHEMA = {"$ref": f"#/components/schemas/{Problem.__name__}"}

KNOWN_QUERY = Depends(check_query)

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=4096,
        description="Only if one of these ETags is current (or `*`: if it exists); else 412.",
        json_schema_extra={"pattern": r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'},
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=IDEMPOTENCY_KEY_BYTES_MAX,
        description="A repeat with the same key is answered with the first outcome.",
    ),
]
Cursor = Annotated[
    str,
    Query(max_length=CURSOR_BYTES_MAX, description="`next_cursor` of the page before, of the same query."),
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most this many items.")]
LIMIT_DEFAULT = PAGE_DEFAULT
DryRun = Annotated[bool, Query(description="Remove nothing: only say what would be removed.")]
Replace = Annotated[bool, Query(description="What stands in the way becomes trash; else that is a 409.")]
