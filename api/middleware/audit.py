"""What the audit trail keeps of requests: who, what kind of request, of which thing, and what came of it.

Refusals; and of what was answered logins, grants, links, accounts and administration, the first read by each file token
from an address, and reads of contents where the configuration asks for them. What changes files is in the log itself,
with its actor. Never a path or a name.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

from api.middleware.gate import FILE_CLAIMS, FILE_TOKEN_ROUTE
from api.types import App, Message, Receive, Scope, Send
from govault.auth.file_tokens import FileClaims
from govault.domain.actor import ANYBODY, Actor
from govault.domain.addresses import network_of
from govault.errors import AccessDenied, Authentication, Conflict, GoVaultError, InvalidRequest, TooManyRequests
from govault.limits import RATES_TRACKED_MAX
from govault.services.log.audit import AuditTrail

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSALS = (Authentication, AccessDenied, Conflict, InvalidRequest, TooManyRequests)
_ACTS = re.compile(
    r"/(auth|me|accounts|groups|invites|admin)(/|$)"
    r"|/spaces(/\{space\}(/access.*)?)?$"
    r"|/files/\{ref\}/(access|owner|shares|tokens)(/|$)"
    r"|/s/|/content/"
)
"""Routes whose answered requests are kept, where they change something."""
_LOGIN_BY_GET = "/auth/oidc/callback"
"""How a browser comes back from an identity provider."""
_CONTENTS = re.compile(
    r"/spaces/\{space\}/files/\{path\}$|/files/\{ref\}$|/files/\{ref\}/versions/\{version\}/content$|/s/|/content/"
)
_CONVERTER = re.compile(r":[a-z]+}")
"""How the framework shall read a parameter: nothing for people."""
_ID = re.compile(r"(?<=/)(?:[fsagtl]_[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9a-f]{64})(?=[/?@]|$)")


class Audited:
    """Notes requests as their answers pass outward. Of refused reads only those for want of an identity or a right."""

    def __init__(self, app: App, trail: Callable[[], AuditTrail | None], *, reads: bool = False) -> None:
        """Args:
        reads: Whether contents that were read are noted too.
        """
        self._app = app
        self._trail = trail
        self._reads = reads
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        trail = self._trail()
        if scope["type"] != "http" or trail is None:
            await self._app(scope, receive, send)
            return
        status = 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except GoVaultError as error:
            if _is_refusal(scope, error):
                code = error.specific_code
                trail.refused(_actor(scope), _action(scope), code, _subject(scope), _token_id(scope))
            raise
        if status < 400 and self._is_kept(scope):
            trail.allowed(_actor(scope), _action(scope), _subject(scope), _token_id(scope))

    def _is_kept(self, scope: Scope) -> bool:
        route = scope["state"].get("route", "")
        if route == _LOGIN_BY_GET:
            return True
        if scope["method"] in _READS:
            if route == FILE_TOKEN_ROUTE and self._is_first_use(scope):
                return True
            return self._reads and scope["method"] == "GET" and _CONTENTS.match(route) is not None
        return _ACTS.match(route) is not None

    def _is_first_use(self, scope: Scope) -> bool:
        """Whether a file token was not used from this address before, as far as is remembered.

        Players and download managers ask for many ranges, and each may be all but a byte.
        """
        client = scope.get("client")
        use = (_token_id(scope), network_of(client[0]) if client else "")
        is_first = use not in self._used
        self._used[use] = None
        self._used.move_to_end(use)
        if len(self._used) > RATES_TRACKED_MAX:
            self._used.popitem(last=False)
        return is_first


def _action(scope: Scope) -> str:
    return f"{scope['method']} {_CONVERTER.sub('}', scope['state'].get('route', 'unrouted'))}"


def _subject(scope: Scope) -> str:
    """The first id in the path, which names nobody; of a request about a file token, its file."""
    claims = _claims(scope)
    if claims is not None:
        return claims.file_id
    found = _ID.search(scope["raw_path"].decode("latin-1"))
    return found.group() if found is not None else ""


def _token_id(scope: Scope) -> str:
    claims = _claims(scope)
    return "" if claims is None else claims.token_id


def _claims(scope: Scope) -> FileClaims | None:
    claims = scope["state"].get(FILE_CLAIMS)
    return claims if isinstance(claims, FileClaims) else None


def _is_refusal(scope: Scope, error: GoVaultError) -> bool:
    if not isinstance(error, _REFUSALS):
        return False
    return isinstance(error, Authentication | AccessDenied) or scope["method"] not in _READS


def _actor(scope: Scope) -> Actor:
    state = scope["state"]
    actor = state.get("actor")
    if isinstance(actor, Actor):
        return actor
    client = scope.get("client")
    return Actor(ANYBODY, request_id=state["request_id"], address=client[0] if client else "")
