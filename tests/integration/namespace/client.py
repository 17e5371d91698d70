"""Requests to an ASGI application in the same loop, without sockets."""

from dataclasses import dataclass
from typing import Any

import orjson

from api.types import App, Message


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Sends requests with a token."""

    def __init__(self, app: App, token: str) -> None:
        self._app, self._token = app, token

    async def request(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answered:
        path, _, query = target.partition("?")
        sent = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        fields = {"authorization": f"Bearer {self._token}", "content-length": str(len(sent)), **(headers or {})}
        if body is not None:
            fields.setdefault("content-type", "application/json")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
            "state": {},
        }
        messages: list[Message] = []
        incoming = iter([{"type": "http.request", "body": sent, "more_body": False}])

        async def receive() -> Message:
            return next(incoming, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        start = messages[0]
        received = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answered(start["status"], received, b"".join(message.get("body", b"") for message in messages[1:]))
