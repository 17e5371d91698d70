"""The AsyncAPI document: its structure, and that it covers every topic and event."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.asyncapi import message_name
from schemas.events import EVENT_TYPES
from schemas.publish import FOLDER
from schemas.topics import TOPICS, Topic

DOCUMENT = json.loads((FOLDER / "asyncapi.json").read_bytes())

REFERENCE = {
    "type": "object",
    "required": ["$ref"],
    "properties": {"$ref": {"type": "string"}},
    "additionalProperties": False,
}
KAFKA_CHANNEL = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "topic": {"type": "string"},
        "partitions": {"type": "integer", "minimum": 1},
        "replicas": {"type": "integer", "minimum": 1},
        "topicConfiguration": {
            "type": "object",
            "properties": {
                "cleanup.policy": {"type": "array", "items": {"enum": ["delete", "compact"]}},
                "retention.ms": {"type": "integer", "minimum": -1},
            },
        },
        "bindingVersion": {"const": "0.5.0"},
    },
}
STRUCTURE: dict[str, Any] = {
    # The parts of AsyncAPI 3.0.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0) that GoVault uses.
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["asyncapi", "info"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "id": {"type": "string", "format": "uri"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "additionalProperties": False,
            "properties": {
                "title": {"type": "string"},
                "version": {"type": "string"},
                "description": {"type": "string"},
                "license": {"type": "object", "required": ["name"]},
            },
        },
        "defaultContentType": {"type": "string"},
        "servers": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["host", "protocol"],
                "additionalProperties": False,
                "properties": {
                    "host": {"type": "string"},
                    "protocol": {"const": "kafka"},
                    "description": {"type": "string"},
                    "variables": {"type": "object"},
                },
            },
        },
        "channels": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "patternProperties": {"^x-": {}},
                "properties": {
                    "address": {"type": "string"},
                    "title": {"type": "string"},
                    "summary": {"type": "string"},
                    "description": {"type": "string"},
                    "messages": {"type": "object", "additionalProperties": REFERENCE},
                    "parameters": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"default": {"type": "string"}, "description": {"type": "string"}},
                        },
                    },
                    "bindings": {"type": "object", "properties": {"kafka": KAFKA_CHANNEL}},
                },
            },
        },
        "operations": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel"],
                "additionalProperties": False,
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "summary": {"type": "string"},
                    "messages": {"type": "array", "minItems": 1, "items": REFERENCE},
                },
            },
        },
        "components": {
            "type": "object",
            "properties": {
                "messages": {
                    "type": "object",
                    "propertyNames": {"pattern": r"^[A-Za-z0-9._-]+$"},
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "title": {"type": "string"},
                            "summary": {"type": "string", "minLength": 1},
                            "contentType": {"type": "string"},
                            "headers": REFERENCE,
                            "payload": {"type": "object"},
                            "bindings": {"type": "object"},
                        },
                    },
                },
                "schemas": {"type": "object"},
            },
        },
    },
}


def pointed_at(reference: str) -> Any:
    """What a reference names: inside the document, or a file beside it."""
    if reference.startswith("./"):
        return json.loads((FOLDER / reference).read_bytes())
    node: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return node


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_the_document_has_the_structure_of_asyncapi_3() -> None:
    Draft202012Validator.check_schema(STRUCTURE)
    Draft202012Validator(STRUCTURE).validate(DOCUMENT)


def test_every_reference_names_something() -> None:
    found = references(DOCUMENT)
    assert found
    for reference in found:
        assert pointed_at(reference)


def test_operations_name_messages_of_their_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(channel + "/messages/") for message in operation["messages"])


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.topic.value)
def test_every_topic_is_covered_with_key_retention_and_its_events(spec: Any) -> None:
    channel = DOCUMENT["channels"][spec.topic.value]
    configuration = channel["bindings"]["kafka"]["topicConfiguration"]
    assert channel["address"] == "{prefix}." + spec.topic.value
    assert configuration["retention.ms"] == spec.retention_ms
    assert configuration["cleanup.policy"] == (["compact"] if spec.compacted else ["delete"])
    assert channel["bindings"]["kafka"].get("partitions") == spec.partitions
    assert spec.key
    assert spec.key in channel["description"]
    events = {message_name(cls) for cls in EVENT_TYPES.values() if cls.TOPIC is spec.topic}
    assert set(channel["messages"]) == events


def test_every_topic_of_the_code_has_a_channel() -> None:
    assert set(DOCUMENT["channels"]) == {topic.value for topic in Topic}


def test_messages_carry_the_headers_of_records() -> None:
    headers = DOCUMENT["components"]["schemas"]["Headers"]["properties"]
    assert set(headers) == {"content-type", "govault-mac"}


def test_the_document_lies_beside_what_it_refers_to() -> None:
    assert Path(FOLDER / "envelope.json").is_file()
