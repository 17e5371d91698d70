"""The OpenAPI document: FastAPI's own part, completed with the raw doors, security and problem answers."""

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import PROBLEM_MEDIA_TYPE
from api.middleware.gate import PUBLIC_ROUTES, SECRETS_IN_PATH
from api.openapi_raw import ARCHIVE_PARAMETER, RAW_PATHS
from schemas.rest.content import UploadAnswer
from schemas.rest.file_tokens import FileTokenUploadAnswer
from schemas.rest.shapes import Problem

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

**Limits.** Answers tell accounts, share links and addresses without a credential how many requests they have left:
`RateLimit` and `RateLimit-Policy`. What is too much is refused with 429; come again after `Retry-After`.

**Errors** are RFC 9457 problems with a stable `code`.
"""
_TOKENS = "An access token of `POST /auth/login`, an API token, or the operator's: `admin.token` in the data folder."
_HIDDEN_SCHEMAS = ("HTTPValidationError", "ValidationError")
_PROBLEM_CONTENT: Json = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_EVERYWHERE: Json = {
    "X-Request-Id": {
        "description": "Names the request in logs and problems; made where it is absent.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{1,128}$"},
    },
    "GoVault-At-Least": {
        "description": "Wait (bounded) until this node has applied a `GoVault-Position`; else 503.",
        "schema": {"type": "string", "maxLength": 8192},
    },
}
_APART = frozenset(
    name.lower()
    for name in (
        *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"),
        *("Content-Digest", "Repr-Digest", "Idempotency-Key", "GoVault-Content", *_EVERYWHERE),
        *("cursor", "archive", "delimiter"),
    )
)
_COMMON_HEADERS: Json = {
    "RequestId": {"description": "The request's name in logs.", "schema": {"type": "string"}},
    "Position": {
        "description": "How much of the log the answer has seen: see `GoVault-At-Least`.",
        "schema": {"type": "string"},
    },
}
_TOO_MANY: Json = {
    "description": "More requests than may be made in a minute.",
    "content": _PROBLEM_CONTENT,
    "headers": {
        "X-Request-Id": {"$ref": "#/components/headers/RequestId"},
        "Retry-After": {"description": "Seconds until the next may come.", "schema": {"type": "integer"}},
        "RateLimit": {"description": "What is left (`r`), and when all is there again.", "schema": {"type": "string"}},
        "RateLimit-Policy": {"description": "What may be made in `w` seconds (`q`).", "schema": {"type": "string"}},
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
    for model in (Problem, UploadAnswer, FileTokenUploadAnswer):
        schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": _TOKENS}}
    components["parameters"] = {}
    components["headers"] = _COMMON_HEADERS
    components["responses"] = {"TooManyRequests": _TOO_MANY}
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
            _complete_operation(
                operation,
                components["parameters"],
                public=path in PUBLIC_ROUTES or path.startswith(SECRETS_IN_PATH),
            )
    document["security"] = [{"token": []}]
    return document


def _complete_operation(operation: Json, shared: Json, public: bool) -> None:
    responses = operation.setdefault("responses", {})
    parameters = operation.setdefault("parameters", [])
    if public:
        operation["security"] = []
    else:
        responses.setdefault("401", {"description": "No valid token.", "content": _PROBLEM_CONTENT})
        parameters.extend({"name": name, "in": "header", **said} for name, said in _EVERYWHERE.items())
    if "HTTPValidationError" in str(responses.get("422", "")) or "422" not in responses:
        responses["422"] = {"description": "The request breaks a rule; `rule` names it.", "content": _PROBLEM_CONTENT}
    responses.setdefault("default", {"description": "Another problem.", "content": _PROBLEM_CONTENT})
    for response in responses.values():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = {"$ref": "#/components/headers/RequestId"}
        if not public:
            headers["GoVault-Position"] = {"$ref": "#/components/headers/Position"}
    responses["429"] = {"$ref": "#/components/responses/TooManyRequests"}
    for parameter in parameters:
        _drop_null(parameter)
    _set_apart(operation, shared)


def _set_apart(operation: Json, shared: Json) -> None:
    """Parameters that are right or wrong only against the vault's state, or beside others, become ``x-parameters``.

    As plain ones they would promise to generators that any well-formed value succeeds. People read of them in the
    description, programs find the same parameter objects under the extension.
    """
    apart = [found for found in operation["parameters"] if found["name"].lower() in _APART]
    if not apart:
        return
    operation["parameters"] = [found for found in operation["parameters"] if found not in apart]
    operation["x-parameters"] = []
    lines = []
    for found in apart:
        name = _shared_name(found, shared)
        operation["x-parameters"].append({"$ref": f"#/components/parameters/{name}"})
        lines.append(f"- `{found['name']}` ({found['in']}): {found.get('description', '')}")
    operation["description"] = operation.get("description", "") + "\n\nIt also heeds:\n" + "\n".join(lines)


def _shared_name(parameter: Json, shared: Json) -> str:
    """The component that is this parameter, added where no operation had it before."""
    name = stem = str(parameter["name"]).replace("-", "")
    number = 2
    while shared.setdefault(name, parameter) != parameter:
        name, number = f"{stem}{number}", number + 1
    return name


def _drop_null(parameter: Json) -> None:
    """Headers and query fields are there or not: none can be null."""
    schema = parameter.get("schema", {})
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0])
