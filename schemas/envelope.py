"""The envelope: CloudEvents 1.0 in structured JSON, with GoVault's extension attributes and a MAC beside it."""

from typing import NamedTuple

from schemas.events.base import EventData
from schemas.ids import EventId

MAC_HEADER = "govault-mac"
CONTENT_TYPE_HEADER = "content-type"
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"


class Event(NamedTuple):
    """One event as writers make it and ``apply`` reads it. A tuple, since a rebuild makes one for each record there is.

    Attributes:
        id: Names the request for ever: a repeat carries the same id.
        data: What happened (or is asked for); its class fixes type and topic.
        actor: Who caused it, e.g. ``admin`` or ``system:retention``.
        principals: The actor with its groups and roles, as resolved at the door.
        source: ``/vaults/<vault id>/nodes/<node id>``.
        time_ms: The writer's clock, for people only: no decision reads it.
        subject: The record's key: a space id, account id, node id.
        not_after_ms: In vault time; a later append is refused. None: no bound.
        request_hash: Fingerprint of the request that the id answers for (hex), to tell a repeat from another request.
    """

    id: EventId
    data: EventData
    actor: str
    source: str
    time_ms: int
    subject: str
    principals: tuple[str, ...] = ()
    not_after_ms: int | None = None
    request_hash: str = ""
