"""How many bytes a second whoever asks may send and fetch: an account, or an address without a credential.

A pace for each, in memory and bounded; each node counts alone. The operator has none. Nothing is refused: who is faster
than his pace waits, and through TCP so does his client.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from api.blobs import OUTLET_EXTENSION
from api.types import App, Message, Receive, Scope, Send
from govault.domain.actor import ANYBODY, OPERATOR
from govault.domain.addresses import network_of
from govault.limits import BANDWIDTH_BURST_S, RATES_TRACKED_MAX


@dataclass(frozen=True, slots=True)
class BytesPerSecond:
    """What each may move; 0: as fast as it goes."""

    upload: int = 0
    download: int = 0


class Bandwidth:
    """Holds the bodies of requests and answers to the pace of whoever asked."""

    def __init__(self, app: App, wanted: BytesPerSecond, monotonic_s: Callable[[], float]) -> None:
        self._app = app
        self._uploads = _Paces(wanted.upload, monotonic_s)
        self._downloads = _Paces(wanted.download, monotonic_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose actor is known."""
        key = _key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        uploads, downloads = self._uploads, self._downloads

        async def slowly_received() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                await uploads.move(key, len(message.get("body", b"")))
            return message

        async def slowly_sent(message: Message) -> None:
            if message["type"] == "http.response.body":
                await downloads.move(key, len(message.get("body", b"")))
            await send(message)

        if downloads.per_s:
            # What goes straight from the chunk store to the socket passes nobody who could slow it down.
            ways = {name: way for name, way in scope.get("extensions", {}).items() if name != OUTLET_EXTENSION}
            scope = {**scope, "extensions": ways}
        await self._app(scope, slowly_received if uploads.per_s else receive, slowly_sent if downloads.per_s else send)


class _Paces:
    """When each may move the next byte: a moment that goes on with what he moves, and at most a burst behind now."""

    def __init__(self, per_s: int, monotonic_s: Callable[[], float]) -> None:
        self.per_s = per_s
        self._monotonic_s = monotonic_s
        self._free_s: OrderedDict[str, float] = OrderedDict()

    async def move(self, key: str, size_bytes: int) -> None:
        """Return when some bytes may be moved. Who comes first goes first."""
        if not size_bytes:
            return
        now_s = self._monotonic_s()
        free_s = max(self._free_s.get(key, -math.inf), now_s - BANDWIDTH_BURST_S) + size_bytes / self.per_s
        self._free_s[key] = free_s
        self._free_s.move_to_end(key)
        if len(self._free_s) > RATES_TRACKED_MAX:
            self._free_s.popitem(last=False)
        if free_s > now_s:
            await asyncio.sleep(free_s - now_s)


def _key(scope: Scope) -> str | None:
    """Whose pace counts; None: nobody's."""
    name: str = scope["state"].get("actor_name", "")
    if name == OPERATOR:
        return None
    if name and name != ANYBODY:
        return name
    client = scope.get("client")
    return network_of(client[0]) if client else ""
