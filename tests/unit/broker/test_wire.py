"""Answers are encoded as kio reads them, in every version that is served."""

from __future__ import annotations

import dataclasses
import types
import typing
import uuid
from typing import Any

import pytest
from kio.index import load_response_schema
from kio.serial import entity_reader

from streams.broker.protocol import VERSIONS
from streams.broker.wire import encode, uvarint

SCHEMAS = [
    load_response_schema(key, version)
    for key, (low, high) in VERSIONS.items()
    for version in range(low, high + 1)
    if not (key == 0 and version < 3)
]


def tree_of(schema: Any) -> dict[str, Any]:
    return {field.name: value_of(field) for field in dataclasses.fields(schema)}


def value_of(field: dataclasses.Field[Any]) -> Any:
    kind: Any = field.type
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
    is_array = typing.get_origin(kind) is tuple
    item = typing.get_args(kind)[0] if is_array else kind
    one = tree_of(item) if dataclasses.is_dataclass(item) else primitive(field.metadata["kafka_type"])
    return [one, one] if is_array else one


def primitive(kafka_type: str) -> Any:
    match kafka_type:
        case "string":
            return "grüße" * 40
        case "bytes" | "records":
            return b"\0\1\2" * 60
        case "bool":
            return True
        case "uuid":
            return uuid.UUID(int=7)
        case _:
            return 3


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: f"{s.__name__}-{s.__version__}")
def test_full_and_empty_answers_are_read_back(schema: Any) -> None:
    data = encode(schema, tree_of(schema))
    entity, size = entity_reader(schema)(data, 0)
    assert size == len(data)
    for field in dataclasses.fields(schema):
        if field.metadata.get("kafka_type") == "string":
            assert getattr(entity, field.name) in ("grüße" * 40, ("grüße" * 40,) * 2)
    empty = encode(schema, {})
    assert entity_reader(schema)(empty, 0)[1] == len(empty)


@pytest.mark.parametrize(("value", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\1"), (300, b"\xac\2")])
def test_varints(value: int, data: bytes) -> None:
    assert uvarint(value) == data
