"""JSON Schema 2020-12 of what is in the log: the data of every event, and the CloudEvents envelope around it."""

from typing import Any

from schemas.events import EventData
from schemas.ids import EVENT_ID_PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
URN = "urn:govault:schema:"
TYPE_PATTERN = r"^govault\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*$"
Schema = dict[str, Any]


def event_schema(cls: type[EventData]) -> Schema:
    """The schema of one event type's ``data``. What is not named in it may be there: schemas grow."""
    return {"$schema": DIALECT, "$id": URN + cls.TYPE, **cls.model_json_schema(mode="validation")}


def envelope_schema() -> Schema:
    """The schema of a record's value, whatever the event."""
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": DIALECT,
        "$id": URN + "envelope",
        "title": "Envelope",
        "description": "A CloudEvents 1.0 event in structured JSON, with GoVault's extension attributes.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "actor", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {
                "type": "string",
                "pattern": EVENT_ID_PATTERN,
                "description": "Names the request for ever: a repeat carries the same id.",
            },
            "source": {**text, "description": "/vaults/<vault id>/nodes/<node id>"},
            "type": {
                "type": "string",
                "pattern": TYPE_PATTERN,
                "description": "Its topic, its name, its major version.",
            },
            "subject": {"type": "string", "description": "The record's key."},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "The writer's clock, for people only: the log's append time is the one that counts.",
            },
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "format": "uri", "description": "The $id of the schema of data."},
            "actor": {"type": "string", "description": "Who caused it: a name, or system:<job>."},
            "principals": {
                "type": "string",
                "description": "The actor with its groups and roles, as resolved at the door; separated by spaces.",
            },
            "notafter": {
                "type": "string",
                "pattern": "^-?[0-9]+$",
                "description": "Milliseconds since 1970 in vault time: appended later, the event has no effect.",
            },
            "requesthash": {
                "type": "string",
                "description": "Fingerprint of the request, to tell a repeat from another one under the same id.",
            },
            "data": {"type": "object"},
        },
    }
