"""A node that behaves as badly as a test wants: an HTTP server whose answers are scripted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeNode:
    """What it was asked, and what it answers.

    Attributes:
        url: Where it listens.
        requests: (method, raw path with query, headers, body) of everything that came.
        handler: Answers; a test sets it.
    """

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    handler: Handler | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, then let the test's handler answer."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.raw_path, headers, body))
        assert self.handler is not None
        return await self.handler(request)


@asynccontextmanager
async def fake_node(handler: Handler) -> AsyncIterator[FakeNode]:
    """A fake node on a free port of loopback."""
    node = FakeNode(handler=handler)
    runner = web.ServerRunner(web.Server(node.answer), handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield node
    finally:
        await runner.cleanup()


def file_document(path: str, content: bytes = b"", **changes: object) -> dict[str, Any]:
    """A file as a node tells of it."""
    digest = sha256(content).hexdigest()
    document: dict[str, Any] = {
        "type": "file",
        "id": "f_01M84FEVSFQTWZ0KQRG8ZE60AT",
        "space": "main",
        "path": path,
        "name": path.rpartition("/")[2] or "x",
        "kind": "file",
        "size_bytes": len(content),
        "sha256": digest,
        "etag": f'"{digest}"',
        "media_type": "application/octet-stream",
        "version": 1,
        "versions": 1,
        "revision": 0,
        "tags": [],
        "description": "",
        "original_name": "",
        "owner": "admin",
        "executable": False,
        "mtime_ns": 1_700_000_000_000_000_000,
        "created_at": "2026-11-23T00:00:00Z",
        "modified_at": "2026-11-23T00:00:00Z",
    }
    return document | changes


def folder_document(path: str) -> dict[str, Any]:
    """A folder as a node tells of it."""
    return {
        "type": "folder",
        "id": "f_01M84FEVSFQTWZ0KQRG8ZE60AV",
        "space": "main",
        "path": path,
        "name": path.rpartition("/")[2],
        "created_at": "2026-11-23T00:00:00Z",
        "modified_at": "2026-11-23T00:00:00Z",
    }


def folder_page(items: list[dict[str, Any]], cursor: str | None = None, path: str = "") -> web.Response:
    """A page of a folder's listing."""
    return web.json_response(
        {"folder": folder_document(path), "items": items, "more": cursor is not None, "next_cursor": cursor}
    )


def upload_answer(path: str, content: bytes, result: str = "created") -> web.Response:
    """What a node says of an upload."""
    return web.json_response(
        {
            "id": "f_01M84FEVSFQTWZ0KQRG8ZE60AT",
            "space": "main",
            "path": path,
            "version": 1,
            "etag": sha256(content).hexdigest(),
            "size_bytes": len(content),
            "media_type": "text/plain",
            "result": result,
            "chunks": 1,
            "new_bytes": len(content),
            "stored_bytes": len(content),
        },
        status=201,
    )


def problem(status: int, code: str, **headers: str) -> web.Response:
    """A refusal."""
    body = {"type": f"urn:govault:problem:{code}", "code": code, "detail": "refused", "status": status}
    return web.json_response(
        body,
        status=status,
        content_type="application/problem+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
