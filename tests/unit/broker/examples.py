"""An example of every request the broker serves, made from kio's schemas."""

from __future__ import annotations

import dataclasses
import datetime
import io
import types
import typing
import uuid
from typing import Any

from kio.index import load_request_schema
from kio.serial import entity_writer

from streams.broker.protocol import VERSIONS
from tests.unit.broker.made import batch

ALL_VERSIONS = [(key, version) for key, (low, high) in VERSIONS.items() for version in range(low, high + 1)]

BY_NAME: dict[str, Any] = {
    "topic": "t",
    "name": "t",
    "topic_names": ("gone",),
    "group_id": "g",
    "groups": ("g",),
    "groups_names": ("g",),
    "key": "g",
    "coordinator_keys": ("g",),
    "key_type": 0,
    "mechanism": "PLAIN",
    "auth_bytes": b"\0full\0full-secret",
    "transactional_id": None,
    "acks": -1,
    "max_wait": datetime.timedelta(0),
    "min_bytes": 1,
    "max_bytes": 1 << 20,
    "partition_max_bytes": 1 << 20,
    "session_timeout": datetime.timedelta(seconds=0.6),
    "rebalance_timeout": datetime.timedelta(seconds=0.2),
    "member_id": "",
    "group_instance_id": None,
    "resource_type": 2,
    "resource_name": "t",
    "replication_factor": 1,
    "num_partitions": 1,
    "count": 1,
    "assignments": (),
    "configs": (),
    "configuration_keys": None,
    "timestamp": -1,
    "session_id": 0,
    "session_epoch": -1,
    "generation_id": -1,
    "generation_id_or_member_epoch": -1,
    "offset": 0,
    "fetch_offset": 0,
    "broker_ids": (1,),
    "states_filter": (),
    "topic_id": None,
}


def example(api_key: int, version: int) -> bytes:
    """A whole frame (without its length): header and body."""
    body_version = max(version, 3) if api_key == 0 else version
    schema: Any = load_request_schema(api_key, body_version)
    body = io.BytesIO()
    entity_writer(schema)(body, _made(schema))
    encoded = body.getvalue()
    if api_key == 0 and version < 3:
        encoded = encoded[2:]  # No transactional id before version 3.
    tags = b"\0" if int(schema.__header_schema__.__version__) >= 2 else b""
    return api_key.to_bytes(2, "big") + version.to_bytes(2, "big") + b"\0\0\0\x07\0\x01c" + tags + encoded


def _made(schema: Any) -> Any:
    values = {}
    for field in dataclasses.fields(schema):
        if "tag" in field.metadata:
            continue
        values[field.name] = _value(field)
    return schema(**values)


def _value(field: dataclasses.Field[Any]) -> Any:
    kind: Any = field.type
    nullable = isinstance(kind, types.UnionType)
    if nullable:
        kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
    is_array = typing.get_origin(kind) is tuple
    item = typing.get_args(kind)[0] if is_array else kind
    if dataclasses.is_dataclass(item):
        if is_array and BY_NAME.get(field.name) == ():
            return ()
        return (_made(item),) if is_array else _made(item)
    if field.name in BY_NAME:
        return BY_NAME[field.name]
    kafka_type = field.metadata["kafka_type"]
    if is_array:
        return (_primitive(kafka_type),)
    return _primitive(kafka_type)


def _primitive(kafka_type: str) -> Any:
    match kafka_type:
        case "string":
            return "x"
        case "bytes":
            return b"x"
        case "records":
            return batch(b"value")
        case "bool":
            return False
        case "uuid":
            return uuid.UUID(int=1)
        case "timedelta_i32" | "timedelta_i64":
            return datetime.timedelta(seconds=1)
        case _:
            return 0
