"""Who asks, as a door established it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a request, written into every event it causes.

    Attributes:
        name: ``admin``; ``system:<job>`` for work of the node itself.
        principals: The actor with its groups and roles.
        request_id: Ties logs, audit and problem answers together.
        address: The client's network address; empty for the node itself.
        idempotency_key: The request's Idempotency-Key, if it sent one.
        request_hash: Fingerprint (hex) of method, target and conditions: tells a repeat from another request.
    """

    name: str
    principals: tuple[str, ...] = ()
    request_id: str = ""
    address: str = ""
    idempotency_key: str | None = None
    request_hash: str = ""


def system(job: str) -> Actor:
    """The node itself, at one of its jobs."""
    return Actor(name=f"system:{job}")
