"""The OpenAPI document: FastAPI's own part, completed with the raw doors, security and problem answers."""

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import PROBLEM_MEDIA_TYPE
from api.middleware.gate import PUBLIC_PATHS
from api.openapi_raw import ARCHIVE_PARAMETER, RAW_PATHS
from schemas.rest.common import Problem
from schemas.rest.content import UploadAnswer

Json = dict[str, Any]

DESCRIPTION = """
GoVault keeps files in named spaces. Every change is an event on a log; what you read is folded from it.

**References.** `f_…` is a file's or folder's id. 64 hex digits are the SHA-256 of a content. In paths each segment is
percent-encoded once; names are UTF-8 in NFC.

**Conditions.** The ETag of a content is its SHA-256. `If-Match` and `If-None-Match` are decided in the order of the
log, not only when the request comes in. `Idempotency-Key` makes repeats safe. A write whose outcome is not known in
time is answered with 202 and a `Location` to ask at.

**Reading your own writes elsewhere.** Answers carry `GoVault-Position`; sent back as `GoVault-At-Least`, a node waits
until it has seen that much.

**Errors** are RFC 9457 problems with a stable `code`.
"""
_HIDDEN_SCHEMAS = ("HTTPValidationError", "ValidationError")
_PROBLEM_CONTENT: Json = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_COMMON_PARAMETERS: Json = {
    "AtLeast": {
        "name": "GoVault-At-Least",
        "in": "header",
        "description": "Wait (bounded) until this node has applied a `GoVault-Position`; else 503.",
        "schema": {"type": "string", "pattern": r"^1\.[A-Za-z0-9_-]+$", "maxLength": 8192},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Names the request in logs and problems; made where it is absent.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{1,128}$"},
    },
}
_COMMON_HEADERS: Json = {
    "RequestId": {"description": "The request's name in logs.", "schema": {"type": "string"}},
    "Position": {
        "description": "How much of the log the answer has seen: see `GoVault-At-Least`.",
        "schema": {"type": "string"},
    },
}


def install_openapi(app: FastAPI) -> None:
    """Let the application tell the completed document, built once."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes, description=DESCRIPTION)
            app.openapi_schema = complete(made)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def complete(document: Json) -> Json:
    """Add what the framework does not know."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _HIDDEN_SCHEMAS:
        schemas.pop(name, None)
    for model in (Problem, UploadAnswer):
        schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The token in `admin.token` of the data folder."}
    }
    components["parameters"] = _COMMON_PARAMETERS
    components["headers"] = _COMMON_HEADERS
    # The raw doors' operations share parts, and each is completed on its own: by JSON's way no part is shared.
    raw = orjson.loads(orjson.dumps(RAW_PATHS))
    for path, operations in raw.items():
        document["paths"].setdefault(path, {}).update(operations)
    listing = document["paths"].get("/spaces/{space}/folders/{path}", {}).get("get")
    if listing is not None:
        listing.setdefault("parameters", []).append(dict(ARCHIVE_PARAMETER))
        listing["responses"]["200"].setdefault("content", {})["application/zip"] = {
            "schema": {"type": "string", "format": "binary"}
        }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete_operation(operation, public=path in PUBLIC_PATHS)
    document["security"] = [{"token": []}]
    return document


def _complete_operation(operation: Json, public: bool) -> None:
    responses = operation.setdefault("responses", {})
    if public:
        operation["security"] = []
    else:
        responses.setdefault("401", {"description": "No valid token.", "content": _PROBLEM_CONTENT})
        operation.setdefault("parameters", []).extend(
            {"$ref": f"#/components/parameters/{name}"} for name in _COMMON_PARAMETERS
        )
    if "HTTPValidationError" in str(responses.get("422", "")) or "422" not in responses:
        responses["422"] = {"description": "The request breaks a rule; `rule` names it.", "content": _PROBLEM_CONTENT}
    responses.setdefault("default", {"description": "Another problem.", "content": _PROBLEM_CONTENT})
    for response in responses.values():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}
        if not public:
            headers["GoVault-Position"] = {"$ref": "#/components/headers/Position"}
    for parameter in operation.get("parameters", ()):
        _drop_null(parameter)


def _drop_null(parameter: Json) -> None:
    """Headers and query fields are there or not: none can be null."""
    schema = parameter.get("schema", {})
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0])
