"""Who asks, as a door established it."""

from dataclasses import dataclass

OPERATOR = "admin"
"""The actor of the data folder's own token. Accounts have ids, so that none can be called so."""
ADMIN_ROLE = "role:admin"
"""The principal of administrators."""
ANYBODY = "anonymous"
"""The actor of a request without any credential."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a request, written into every event it causes.

    Attributes:
        name: ``admin`` (the operator's token), an account id, or ``system:<job>`` for work of the node itself.
        principals: The actor with its groups and roles.
        request_id: Ties logs, audit and problem answers together.
        address: The client's network address; empty for the node itself.
        idempotency_key: The request's Idempotency-Key, if it sent one.
        session_id: The session by which an account asks; empty for every other credential.
        scopes: What the API token is for by which an account asks; None for every other credential.
        api_token_id: Its id; empty for every other credential.
        request_hash: Fingerprint (hex) of method, target and conditions: tells a repeat from another request.
    """

    name: str
    principals: tuple[str, ...] = ()
    request_id: str = ""
    address: str = ""
    idempotency_key: str | None = None
    request_hash: str = ""
    session_id: str = ""
    scopes: tuple[str, ...] | None = None
    api_token_id: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the operator or an administrator asks."""
        return self.name == OPERATOR or ADMIN_ROLE in self.principals


def system(job: str) -> Actor:
    """The node itself, at one of its jobs."""
    return Actor(name=f"system:{job}")
