"""The raw doors' part of the OpenAPI document, by hand: no framework sees these routes."""

from typing import Any

from api.deps import PATH_PATTERN, REF_PATTERN
from govault.limits import IDEMPOTENCY_KEY_BYTES_MAX
from schemas.ids import SHA256_PATTERN, SPACE_NAME_PATTERN
from schemas.rest.file_tokens import FILE_TOKEN

Json = dict[str, Any]

_FORBIDDEN = r"\u0000-\u001f\u007f-\u009f"
_FORM_PATH_PATTERN = rf"^(?![\s\S]*[{_FORBIDDEN}])(?!([\s\S]*/)?\.{{1,2}}(/|$))([^/]+(/[^/]+)*/?)?$"

_SHA256_EXAMPLE = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
_DIGEST_EXAMPLE = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
_PROBLEM: Json = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_BY_TOKEN: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/FileTokenUploadAnswer"}}}
_UPLOAD: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/UploadAnswer"}}}


def _header(name: str, description: str, schema: Json | None = None, example: object = None) -> Json:
    found: Json = {"name": name, "in": "header", "description": description, "schema": schema or {"type": "string"}}
    return found if example is None else {**found, "example": example}


def _query(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str, description: str, schema: Json, example: object) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


_SPACE = _path("space", "The space's name.", {"type": "string", "pattern": SPACE_NAME_PATTERN}, "main")
_PATH = _path(
    "path",
    "Path inside the space: one or more names joined by slashes, each percent-encoded by itself.",
    {"type": "string", "pattern": PATH_PATTERN},
    "report.txt",
)
_REF = _path(
    "ref",
    "A file's id (`@N` may follow and name a version), or the SHA-256 of a content.",
    {"type": "string", "pattern": REF_PATTERN},
    _SHA256_EXAMPLE,
)
_VERSION: Json = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_TAGS: Json = {"type": "string", "pattern": rf"^(?![\s\S]*[{_FORBIDDEN}])[\s\S]*$"}
_TEXT: Json = {"type": "string"}
_MTIME: Json = {
    "type": "string",
    "pattern": (
        r"^(-?[0-9]{1,18}|(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
        r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))$"
    ),
}

_READ_PARAMETERS: list[Json] = [
    _query("download", "Ask for an attachment, whatever the type.", {"type": "string"}),
    _header("Range", "One range, a suffix, or many (RFC 9110, 14).", {"type": "string"}, "bytes=0-1023"),
    _header("If-Range", "Send the range only of this content: a strong ETag or a date."),
    _header("If-None-Match", "304 where the content is one of these ETags."),
    _header("If-Modified-Since", "304 where it was not changed since."),
    _header("If-Match", "412 where the content is none of these ETags."),
    _header("If-Unmodified-Since", "412 where it was changed since."),
]
_CONTENT_HEADERS: Json = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "ETag": "SHA-256 of the content, quoted.",
        "Last-Modified": "When the version was committed.",
        "Repr-Digest": "SHA-256 of the content (RFC 9530).",
        "Content-Disposition": "The file's name (RFC 6266); `inline` for passive media only.",
        "GoVault-File-Id": "The file.",
        "GoVault-Version": "The version.",
        "GoVault-Kind": "`symlink` where the content is a link's target.",
        "GoVault-Mtime": "The client's modification time, nanoseconds since the epoch.",
        "GoVault-Executable": "`true` where the file was executable.",
    }.items()
}
_READ_RESPONSES: Json = {
    "200": {
        "description": "The content.",
        "headers": _CONTENT_HEADERS,
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    "206": {
        "description": "A part, or a `multipart/byteranges` of parts.",
        "headers": _CONTENT_HEADERS,
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    "304": {"description": "The client has it already."},
    "404": {"description": "No such file or version, or you may not know that it is.", "content": _PROBLEM},
    "409": {
        "description": "It is a folder, or a hash of several files: `files` lists them.",
        "content": _PROBLEM,
    },
    "412": {"description": "A condition does not hold.", "content": _PROBLEM},
    "416": {"description": "No byte lies in the range; `Content-Range` tells the size.", "content": _PROBLEM},
}
_WRITE_RESPONSES: Json = {
    "200": {"description": "The next version, or nothing new: `result` says which.", "content": _UPLOAD},
    "201": {"description": "A new file.", "content": _UPLOAD},
    "202": {"description": "The outcome is not known yet: ask for it at `Location`.", "content": _PROBLEM},
    "400": {"description": "A digest is wrong. Nothing was kept.", "content": _PROBLEM},
    "404": {"description": "No such space; or no readable content of this hash: send the bytes.", "content": _PROBLEM},
    "409": {"description": "A folder has the path, or a file stands on the way.", "content": _PROBLEM},
    "412": {"description": "A condition does not hold; `etag` is the current one.", "content": _PROBLEM},
    "413": {"description": "Larger than this vault takes.", "content": _PROBLEM},
    "503": {"description": "The log cannot be reached. Nothing was written.", "content": _PROBLEM},
    "507": {
        "description": "No space left on the disk, or in the quota (`quota-exceeded`). Nothing was kept.",
        "content": _PROBLEM,
    },
}
_CONDITIONS: list[Json] = [
    _header("If-Match", "Only over one of these contents (`*`: over any).", example=f'"{_SHA256_EXAMPLE}"'),
    _header("If-None-Match", "`*`: only where no file is yet. ETags: only over none of these.", example="*"),
    _header("If-Unmodified-Since", "Only over a content not changed since."),
    _header(
        "Idempotency-Key",
        "A repeat with the same key is answered with the first outcome.",
        {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_BYTES_MAX},
    ),
    _header("Content-Digest", "Verified before anything is kept (RFC 9530).", example=_DIGEST_EXAMPLE),
    _header("Repr-Digest", "The same.", example=_DIGEST_EXAMPLE),
]
_SAID: list[Json] = [
    _header(
        "GoVault-Content",
        "Commit a content that the vault has, by its SHA-256 and without a body. 404: send the bytes.",
        {"type": "string", "pattern": SHA256_PATTERN},
    ),
    _header("GoVault-Mtime", "RFC 3339, or nanoseconds since the epoch.", _MTIME, "2026-01-02T03:04:05.678Z"),
    _header("GoVault-Executable", "The owner's x bit.", {"type": "boolean"}),
    _header("GoVault-Kind", "A link's content is its target.", {"type": "string", "enum": ["file", "symlink"]}),
    _header("GoVault-Tags", "Joined by commas, percent-encoded; at most 64 of 128 bytes. Replaces all.", _TAGS),
    _header("GoVault-Description", "Percent-encoded UTF-8, at most 4096 bytes.", _TEXT),
    _query("tags", "As `GoVault-Tags`.", _TAGS),
    _query("description", "As `GoVault-Description`.", _TEXT),
]
_SAID_BY_TOKEN = [said for said in _SAID if said["name"] in ("GoVault-Mtime", "GoVault-Executable")]
_BYTES: Json = {
    "description": "The bytes as they are. They are never whole in memory.",
    "required": False,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "example": "hello"}},
}
_FORM: Json = {
    "description": "Streamed; the fields may come before or after the file.",
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "space": {"type": "string", "pattern": SPACE_NAME_PATTERN, "default": "main"},
                    "path": {
                        "type": "string",
                        "pattern": _FORM_PATH_PATTERN,
                        "description": "Absent, empty, or ending with `/`: the file's own name follows.",
                    },
                    "tags": {
                        "description": "Joined by commas, or in several fields.",
                        "anyOf": [_TAGS, {"type": "array", "items": _TAGS, "minItems": 1, "maxItems": 32}],
                    },
                    "description": _TEXT,
                    "mtime": {**_MTIME, "description": "As `GoVault-Mtime`."},
                    "executable": {"type": "boolean"},
                    "kind": {"type": "string", "enum": ["file", "symlink"]},
                },
            },
            "example": {"file": "hello", "path": "greetings/hello.txt", "tags": "short,polite"},
        }
    },
}


def _read(summary: str, operation: str, parameters: list[Json]) -> Json:
    def one(method: str) -> Json:
        responses = dict(_READ_RESPONSES)
        if method == "head":
            responses = {
                code: {**found, "content": {}} for code, found in responses.items() if code not in ("206", "416")
            }
        return {
            "tags": ["contents"],
            "summary": summary if method == "get" else f"{summary}: its headers",
            "operationId": f"{operation}_{method}",
            "description": "Every byte is verified as it is read: a damaged content is cut, never served.",
            "parameters": [*parameters, *_READ_PARAMETERS],
            "responses": responses,
        }

    return {"get": one("get"), "head": one("head")}


def _by_token(operations: Json) -> Json:
    """The same by a token, which may be for other methods."""
    for operation in operations.values():
        operation["responses"] = {**operation["responses"], **_NOT_THIS_METHOD}
    return operations


_TOKEN = _path(
    "token",
    "The link's token. A link with a password asks for it by HTTP's Basic scheme.",
    {"type": "string", "pattern": "^[0-9A-Za-z_-]{95}$"},
    "01JD3V8Q6H4T9M2K7RX5WZ0ABC01JD3V8Q6H4T9M2K7RX5WZ0ABC" + "A" * 43,
)
_FILE_TOKEN = _path(
    "token",
    "The token of `POST /files/{ref}/tokens`.",
    {"type": "string", "pattern": r"^[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+$", "maxLength": 2048},
    FILE_TOKEN,
)
_NOT_THIS_METHOD: Json = {"403": {"description": "The token is not for this method.", "content": _PROBLEM}}
_ARCHIVE = _query("archive", "`zip`: the whole folder as one streamed ZIP.", {"type": "string", "enum": ["zip"]})
_CURSOR = _query("cursor", "Where a folder's list goes on.", {"type": "string"})
_BY_NUMBER = _query("version", "A version's number; the current one where it is absent.", _VERSION)

RAW_PATHS: dict[str, Json] = {
    "/spaces/{space}/files/{path}": {
        **_read("The content at a path", "file_at_path", [_SPACE, _PATH, _BY_NUMBER]),
        "put": {
            "tags": ["contents"],
            "summary": "Upload a content (the fast way in)",
            "operationId": "put_file",
            "description": (
                "The next version at the path, or a new file with the folders on the way. The bytes stream into the "
                "chunk store, where what the vault has already is not stored again; nothing is visible before the end."
            ),
            "parameters": [_SPACE, _PATH, *_CONDITIONS, *_SAID],
            "requestBody": _BYTES,
            "responses": _WRITE_RESPONSES,
        },
    },
    "/s/{token}": _read("What a share link leads to", "by_share", [_TOKEN, _ARCHIVE, _CURSOR]),
    "/s/{token}/{path}": {
        **_read("What lies below a shared folder", "below_share", [_TOKEN, _PATH, _ARCHIVE, _CURSOR]),
        "put": {
            "tags": ["contents"],
            "summary": "Drop a new file into a shared folder",
            "operationId": "put_by_share",
            "description": "By a link that takes uploads. What is there already stays: 409.",
            "parameters": [_TOKEN, _PATH, *_SAID],
            "requestBody": _BYTES,
            "responses": _WRITE_RESPONSES,
        },
    },
    "/content/{token}": {
        **_by_token(_read("A content by a file token", "by_file_token", [_FILE_TOKEN])),
        "put": {
            "tags": ["contents"],
            "summary": "The next version of a file by a file token",
            "operationId": "put_by_file_token",
            "description": "Bytes only: wherever the file is by now, its tags and description stay.",
            "parameters": [_FILE_TOKEN, *_CONDITIONS, *_SAID_BY_TOKEN],
            "requestBody": _BYTES,
            "responses": {
                **{code: said for code, said in _WRITE_RESPONSES.items() if code != "201"},
                **_NOT_THIS_METHOD,
                "200": {"description": "The next version, or nothing new: `result` says which.", "content": _BY_TOKEN},
                "404": {"description": "The token opens nothing, or nothing any more.", "content": _PROBLEM},
            },
        },
    },
    "/files/{ref}": _read("A content by id or hash", "content_by_ref", [_REF, _BY_NUMBER]),
    "/files/{ref}/versions/{version}/content": _read(
        "The content of a version", "content_of_version", [_REF, _path("version", "The version's number.", _VERSION, 1)]
    ),
    "/files": {
        "post": {
            "tags": ["contents"],
            "summary": "Upload a content by form",
            "operationId": "post_file",
            "description": "For browsers and `curl -F`; PUT is faster. Digests in headers are those of the whole form.",
            "parameters": list(_CONDITIONS),
            "requestBody": _FORM,
            "responses": _WRITE_RESPONSES,
        }
    },
}
ARCHIVE_PARAMETER = _query(
    "archive",
    "`zip`: the whole folder as one streamed ZIP with links, times and modes, instead of its list.",
    {"type": "string", "enum": ["zip"]},
)
