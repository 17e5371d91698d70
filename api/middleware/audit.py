"""Refused requests go to the audit trail: who, what kind of request, why. Never a path or a name."""

from collections.abc import Callable

from api.types import App, Receive, Scope, Send
from govault.domain.actor import Actor
from govault.errors import AccessDenied, Authentication, Conflict, GoVaultError, InvalidRequest
from govault.services.audit import AuditTrail

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSALS = (Authentication, AccessDenied, Conflict, InvalidRequest)


class Audited:
    """Notes refusals as they pass outward. Of reads only those for want of an identity or of a right."""

    def __init__(self, app: App, trail: Callable[[], AuditTrail | None]) -> None:
        self._app = app
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        try:
            await self._app(scope, receive, send)
        except GoVaultError as error:
            trail = self._trail()
            if trail is not None and _is_refusal(scope, error):
                action = f"{scope['method']} {scope['state'].get('route', 'unrouted')}"
                trail.refused(_actor(scope), action, error.specific_code)
            raise


def _is_refusal(scope: Scope, error: GoVaultError) -> bool:
    if scope["type"] != "http" or not isinstance(error, _REFUSALS):
        return False
    return isinstance(error, Authentication | AccessDenied) or scope["method"] not in _READS


def _actor(scope: Scope) -> Actor:
    state = scope["state"]
    actor = state.get("actor")
    if isinstance(actor, Actor):
        return actor
    client = scope.get("client")
    return Actor("anonymous", request_id=state["request_id"], address=client[0] if client else "")
