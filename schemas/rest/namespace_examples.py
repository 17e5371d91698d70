"""Examples of the namespace's answers, for people who read the API's documentation."""

from typing import Any

Example = dict[str, Any]

_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
_FILE_ID = "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8"
_FOLDER_ID = "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B9"
_AT = "2026-11-23T14:40:00.125Z"

FILE: Example = {
    "type": "file",
    "id": _FILE_ID,
    "space": "main",
    "path": "reports/2026/hello.txt",
    "name": "hello.txt",
    "kind": "file",
    "size_bytes": 5,
    "sha256": _SHA256,
    "etag": f'"{_SHA256}"',
    "media_type": "text/plain",
    "version": 3,
    "versions": 2,
    "revision": 1,
    "tags": ["greeting"],
    "description": "Says hello",
    "original_name": "Hello.txt",
    "owner": "admin",
    "executable": False,
    "mtime_ns": 1_795_444_800_000_000_000,
    "created_at": _AT,
    "modified_at": _AT,
}
FOLDER: Example = {
    "type": "folder",
    "id": _FOLDER_ID,
    "space": "main",
    "path": "reports/2026",
    "name": "2026",
    "created_at": _AT,
    "modified_at": _AT,
}
VERSION: Example = {
    "version": 3,
    "current": True,
    "sha256": _SHA256,
    "etag": f'"{_SHA256}"',
    "size_bytes": 5,
    "media_type": "text/plain",
    "kind": "file",
    "executable": False,
    "mtime_ns": None,
    "committed_at": _AT,
    "actor": "admin",
    "origin": {"how": "restore", "file_id": _FILE_ID, "version": 1},
}
TRASHED: Example = {
    "dry_run": False,
    "type": "file",
    "id": _FILE_ID,
    "space": "main",
    "path": "reports/2026/hello.txt",
    "trashed_at": _AT,
}
TRASH_ITEM: Example = {
    "type": "file",
    "id": _FILE_ID,
    "space": "main",
    "name": "hello.txt",
    "trashed_path": "reports/2026/hello.txt",
    "trashed_at": _AT,
    "trashed_by": "admin",
    "expires_at": None,
    "size_bytes": 5,
    "sha256": _SHA256,
}
REMOVAL: Example = {"dry_run": False, "files": 12, "folders": 3, "versions": 20, "size_bytes": 4096, "more": False}
SPACE: Example = {
    "id": "s_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8",
    "name": "photos",
    "description": "Family photos",
    "retention": {"keep_last": 10, "keep_within_s": None, "trash_expires_after_s": 2_592_000},
    "replication": {"replicas": None, "write_quorum": None},
    "quota": {"bytes_max": 10_737_418_240, "files_max": None},
    "revision": 2,
    "state": "open",
    "files": 1200,
    "folders": 48,
    "versions": 1350,
    "logical_bytes": 7_340_032,
    "created_at": _AT,
}
HISTORY_FACT: Example = {
    "what": "committed",
    "at": _AT,
    "actor": "admin",
    "version": 3,
    "retained": True,
    "sha256": _SHA256,
    "size_bytes": 5,
    "origin": None,
    "revision": None,
    "path": None,
}
FILES_PAGE: Example = {"items": [FILE], "prefixes": [], "more": True, "next_cursor": "p0fBqWn2c0NyZXBvcnRzL2E"}
FOLDER_PAGE: Example = {"folder": FOLDER, "items": [FILE], "more": False, "next_cursor": None}
COPY: Example = {"copied": FILE, "files": 1, "folders": 0, "size_bytes": 5, "more": False, "next_cursor": None}
