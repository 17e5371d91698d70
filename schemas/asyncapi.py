"""The AsyncAPI 3.0 document of a vault's log: every topic, its keys, headers, retention and messages."""

import re
from typing import Any

from schemas.envelope import CONTENT_TYPE, CONTENT_TYPE_HEADER, MAC_HEADER
from schemas.events import EVENT_TYPES, EventData
from schemas.json_schemas import URN
from schemas.topics import TOPICS, TopicSpec

Document = dict[str, Any]
_KAFKA_CHANNEL = "0.5.0"
_KAFKA_MESSAGE = "0.5.0"


def asyncapi_document() -> Document:
    """The document, from the schemas and topics of the code. Schemas are referenced as files beside it."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:govault:log",
        "info": {
            "title": "GoVault's log",
            "version": "1.0.0",
            "description": (
                "All that happens in a vault, as CloudEvents on Kafka topics. Any Kafka client may follow along. "
                "Records are ordered within a partition; a space lives in one partition. An event says what was asked; "
                "whether it took effect is decided by folding its partition in order. Readers ignore what they do not "
                "know: event types gain optional fields, never lose or change one."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE.partition(";")[0],
        "servers": {
            "log": {
                "host": "{host}:{port}",
                "protocol": "kafka",
                "description": "The embedded log of a node (loopback, SASL/PLAIN) or an Apache Kafka cluster.",
                "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "9092"}},
            }
        },
        "channels": {spec.topic.value: _channel(spec) for spec in TOPICS},
        "operations": dict(operation for spec in TOPICS for operation in _operations(spec)),
        "components": {
            "messages": {message_name(cls): _message(cls) for cls in EVENT_TYPES.values()},
            "schemas": {
                "Headers": _headers(),
                "Envelope": _file("envelope.json"),
                **{message_name(cls): _file(f"events/{cls.TYPE}.json") for cls in EVENT_TYPES.values()},
            },
        },
    }


def message_name(cls: type[EventData]) -> str:
    """How the document names an event type: its class and major version."""
    return f"{cls.__name__}V{re.sub('^.*[.]v', '', cls.TYPE)}"


def _channel(spec: TopicSpec) -> Document:
    topic: Document = {
        "topicConfiguration": {
            "cleanup.policy": ["compact"] if spec.compacted else ["delete"],
            "retention.ms": spec.retention_ms,
        },
        "bindingVersion": _KAFKA_CHANNEL,
    }
    if spec.partitions is not None:
        topic["partitions"] = spec.partitions
    return {
        "address": "{prefix}." + spec.topic.value,
        "title": f".{spec.topic.value}",
        "summary": spec.carries,
        "description": f"{_kept(spec)} Key: {spec.key}. Append time (LogAppendTime) is vault time.",
        "parameters": {"prefix": {"default": "govault", "description": "The vault's topic prefix."}},
        "messages": {
            message_name(cls): {"$ref": f"#/components/messages/{message_name(cls)}"} for cls in _events_of(spec)
        },
        "bindings": {"kafka": topic},
        "x-govault-key": spec.key,
        "x-govault-folded": spec.folded,
        "x-govault-partitions": "as the vault was created with" if spec.partitions is None else spec.partitions,
    }


def _kept(spec: TopicSpec) -> str:
    if spec.compacted:
        return "The last record of each key is kept."
    if spec.retention_ms < 0:
        return "Kept for ever."
    return f"Kept for {spec.retention_ms // 86_400_000} days."


def _operations(spec: TopicSpec) -> list[tuple[str, Document]]:
    """What nodes do with a topic. AsyncAPI wants messages of operations that have any; empty topics have none yet."""
    channel = f"#/channels/{spec.topic.value}"
    messages = [{"$ref": f"{channel}/messages/{message_name(cls)}"} for cls in _events_of(spec)]
    if not messages:
        return []
    write = {"action": "send", "channel": {"$ref": channel}, "summary": "Nodes write it.", "messages": messages}
    fold = {"action": "receive", "channel": {"$ref": channel}, "summary": "Views fold it.", "messages": messages}
    name = spec.topic.value
    return [(f"write-{name}", write), (f"fold-{name}", fold)] if spec.folded else [(f"write-{name}", write)]


def _events_of(spec: TopicSpec) -> list[type[EventData]]:
    return [cls for cls in EVENT_TYPES.values() if cls.TOPIC is spec.topic]


def _message(cls: type[EventData]) -> Document:
    key = next(spec.key for spec in TOPICS if spec.topic is cls.TOPIC)
    told = {"const": cls.TYPE}
    return {
        "name": cls.TYPE,
        "title": cls.__name__,
        "summary": (cls.__doc__ or "").strip().partition("\n")[0],
        "contentType": CONTENT_TYPE.partition(";")[0],
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {
                    "type": "object",
                    "properties": {
                        "type": told,
                        "dataschema": {"const": URN + cls.TYPE},
                        "data": {"$ref": f"#/components/schemas/{message_name(cls)}"},
                    },
                },
            ]
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _KAFKA_MESSAGE}},
    }


def _headers() -> Document:
    return {
        "type": "object",
        "required": [MAC_HEADER],
        "properties": {
            CONTENT_TYPE_HEADER: {"const": CONTENT_TYPE},
            MAC_HEADER: {
                "type": "string",
                "format": "binary",
                "description": (
                    "32 bytes: keyed BLAKE3, under the vault's event key, of topic, partition, key and value. A record "
                    "whose MAC is missing or wrong is skipped."
                ),
            },
        },
    }


def _file(name: str) -> Document:
    return {"$ref": f"./{name}"}
