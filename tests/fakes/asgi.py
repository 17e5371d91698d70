"""Raw ASGI requests: paths that client libraries would tidy, bodies that stop, clients that go away."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from api.types import App, Message
from tests.fakes.vault import TOKEN


@dataclass
class Answer:
    """What was sent back. ``complete``: whether the body was ended properly."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    error: BaseException | None = None


async def call(
    app: App,
    method: str,
    raw_path: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: Iterable[bytes] = (),
    *,
    disconnect: bool = False,
    token: str | None = TOKEN,
) -> Answer:
    """Make one request.

    Args:
        disconnect: The client goes away after the given pieces of its body, without ending it.
    """
    target, _, query = raw_path.partition(b"?")
    sent = list(headers)
    if token is not None:
        sent.append((b"authorization", b"Bearer " + token.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(target.decode("latin-1"), "utf-8", "replace"),
        "raw_path": target,
        "query_string": query,
        "root_path": "",
        "headers": sent,
        "client": ("192.0.2.1", 4711),
        "server": ("vault.test", 80),
    }
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
    if not disconnect:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    answer = Answer()

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        if disconnect:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += bytes(message.get("body", b""))
            answer.complete = not message.get("more_body", False)

    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - a server cuts the connection, whatever came
        answer.error = error
    return answer
