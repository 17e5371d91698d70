"""Doors that the configuration closed: what lies behind them is not there."""

from api.middleware.gate import PUBLIC_PATHS, PUBLIC_PREFIXES
from api.types import App, Receive, Scope, Send
from govault.errors import NotFound

_METRICS = "/metrics"


class Doors:
    """Refuses what a closed door would answer. Pages and documentation have their own switches."""

    def __init__(self, app: App, *, rest: bool, metrics: bool) -> None:
        self._app = app
        self._rest = rest
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say that the door is closed.

        Raises:
            NotFound: It is.
        """
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            raise NotFound("this door is closed by the node's configuration (server.doors)", code="not-found.door")
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        if path == _METRICS:
            return self._metrics
        return self._rest or path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)
