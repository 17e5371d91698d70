"""Checking every length of a request before it is decoded.

kio's native decoder reserves memory for as many items as an array claims to have, and a claim
of some thousand million ends the process. So each schema is compiled once into a function that
walks over a request's bytes and refuses lengths that cannot be, or counts that nobody needs.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from streams.broker.limits import ARRAY_ITEMS_MAX

Skim = Callable[[bytes, int], int]
"""(bytes, position) → position behind; IndexError or ValueError when the bytes cannot be that."""

_FIXED: Final = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "error_code": 2,
    "int32": 4,
    "uint32": 4,
    "timedelta_i32": 4,
    "int64": 8,
    "timedelta_i64": 8,
    "datetime_i64": 8,
    "float64": 8,
    "uuid": 16,
}


def read_uvarint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned varint of at most 32 bits and the position behind it."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 28:
            raise ValueError("a varint of more than five bytes")


def skip_tags(data: bytes, at: int) -> int:
    """Walk over tagged fields."""
    count, at = read_uvarint(data, at)
    for _ in range(count):
        _, at = read_uvarint(data, at)
        size, at = read_uvarint(data, at)
        at = _within(data, at + size)
    return at


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise ValueError("a length beyond the end of the request")
    return at


@cache
def skimmer(schema: Any) -> Skim:
    """The function that walks over one struct."""
    flexible: bool = schema.__flexible__
    steps: list[Skim] = []
    fixed = 0
    for field in dataclasses.fields(schema):
        if "tag" in field.metadata:
            continue
        step = _step(field, flexible)
        if isinstance(step, int):
            fixed += step
            continue
        if fixed:
            steps.append(_skip(fixed))
            fixed = 0
        steps.append(step)
    if fixed:
        steps.append(_skip(fixed))
    if flexible:
        steps.append(skip_tags)

    def skim_struct(data: bytes, at: int) -> int:
        for step in steps:
            at = step(data, at)
        return at

    return skim_struct


def _step(field: dataclasses.Field[Any], flexible: bool) -> Skim | int:
    """How to walk over a field; a number of bytes where that never varies."""
    kind: Any = field.type
    nullable = isinstance(kind, types.UnionType)
    if nullable:
        kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        item: Any = typing.get_args(kind)[0]
        if is_struct(item):
            return _array(skimmer(item), flexible, nullable)
        primitive = _primitive(field.metadata["kafka_type"], flexible)
        return _array(_skip(primitive) if isinstance(primitive, int) else primitive, flexible, nullable)
    if is_struct(kind):
        return _nullable_struct(skimmer(kind)) if nullable else skimmer(kind)
    return _primitive(field.metadata["kafka_type"], flexible)


def is_struct(kind: Any) -> bool:
    """Whether a field's type is another schema."""
    return dataclasses.is_dataclass(kind)


def _skip(size: int) -> Skim:
    return lambda data, at: _within(data, at + size)


def _primitive(kafka_type: str, flexible: bool) -> Skim | int:
    if kafka_type in _FIXED:
        return _FIXED[kafka_type]
    if flexible:
        return _compact
    return _legacy_string if kafka_type == "string" else _legacy_bytes


def _compact(data: bytes, at: int) -> int:
    length, at = read_uvarint(data, at)
    return _within(data, at + length - 1) if length else at


def _legacy_string(data: bytes, at: int) -> int:
    return _counted(data, at, 2)


def _legacy_bytes(data: bytes, at: int) -> int:
    return _counted(data, at, 4)


def _counted(data: bytes, at: int, width: int) -> int:
    start = _within(data, at + width)
    length = int.from_bytes(data[at:start], "big", signed=True)
    if length < -1:
        raise ValueError(f"a length of {length}")
    return _within(data, start + max(length, 0))


def _array(item: Skim, flexible: bool, nullable: bool) -> Skim:
    least = -1 if nullable else 0

    def skim_array(data: bytes, at: int) -> int:
        if flexible:
            count, at = read_uvarint(data, at)
            count -= 1
        else:
            start = _within(data, at + 4)
            count, at = int.from_bytes(data[at:start], "big", signed=True), start
        if not least <= count <= ARRAY_ITEMS_MAX:
            raise ValueError(f"an array of {count} items; at most {ARRAY_ITEMS_MAX}")
        for _ in range(count):
            at = item(data, at)
        return at

    return skim_array


def _nullable_struct(struct: Skim) -> Skim:
    def skim_nullable(data: bytes, at: int) -> int:
        return struct(data, at + 1) if data[at] < 0x80 else at + 1

    return skim_nullable
