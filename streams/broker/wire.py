"""Encoding answers after kio's schemas.

kio decodes natively and fast but encodes in slow, strict Python. Here every schema class is
compiled once into a function that writes a plain mapping (field name → value); fields that a
version does not have are left out by it, fields that the mapping does not have get the schema's
default, so that one mapping serves every version of an answer.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from struct import Struct
from typing import Any, Final

Tree = Mapping[str, Any]
"""An answer: integers for error codes, milliseconds for times and durations, lists for arrays."""

_Write = Callable[[list[bytes], Any], None]

_INTS: Final[dict[str, Struct]] = {
    "int8": Struct(">b"),
    "int16": Struct(">h"),
    "int32": Struct(">i"),
    "int64": Struct(">q"),
    "uint16": Struct(">H"),
    "error_code": Struct(">h"),
    "timedelta_i32": Struct(">i"),
    "timedelta_i64": Struct(">q"),
    "datetime_i64": Struct(">q"),
    "float64": Struct(">d"),
    "bool": Struct(">?"),
}
_INT16 = Struct(">h")
_INT32 = Struct(">i")


def uvarint(value: int) -> bytes:
    """An unsigned variable-length integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value: str, *, flexible: bool) -> bytes:
    """A string as the protocol writes it."""
    data = value.encode()
    return (uvarint(len(data) + 1) if flexible else _INT16.pack(len(data))) + data


def encode(schema: type, tree: Tree) -> bytes:
    """The bytes of an answer's body (without its header)."""
    out: list[bytes] = []
    _struct(schema)(out, tree)
    return b"".join(out)


@cache
def _struct(schema: Any) -> _Write:
    flexible: bool = schema.__flexible__
    plain: list[tuple[str, _Write, Any]] = []
    tagged: list[tuple[int, str, _Write]] = []
    for field in dataclasses.fields(schema):
        write, default = _field(field, flexible)
        tag = field.metadata.get("tag")
        if tag is None:
            plain.append((field.name, write, default))
        else:
            tagged.append((int(tag), field.name, write))
    tagged.sort()

    def write_struct(out: list[bytes], tree: Any) -> None:
        for name, write, default in plain:
            write(out, tree.get(name, default))
        if flexible:
            _write_tags(out, tagged, tree)

    return write_struct


def _write_tags(out: list[bytes], tagged: list[tuple[int, str, _Write]], tree: Tree) -> None:
    present = [(tag, name, write) for tag, name, write in tagged if name in tree]
    out.append(uvarint(len(present)))
    for tag, name, write in present:
        content: list[bytes] = []
        write(content, tree[name])
        data = b"".join(content)
        out.append(uvarint(tag) + uvarint(len(data)) + data)


def _field(field: dataclasses.Field[Any], flexible: bool) -> tuple[_Write, Any]:
    """The writer of a field and what stands for a value that is not given."""
    kind: Any = field.type
    nullable = False
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
        nullable = True
    if typing.get_origin(kind) is tuple:
        item: Any = typing.get_args(kind)[0]
        write_item = _struct(item) if _is_struct(item) else _primitive(field.metadata["kafka_type"], flexible)
        return _array(write_item, flexible), ()
    if _is_struct(kind):
        write = _struct(kind)
        return (_nullable_struct(write), None) if nullable else (write, {})
    kafka_type = field.metadata["kafka_type"]
    return _primitive(kafka_type, flexible), _default(field, kafka_type, nullable)


def _is_struct(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def _default(field: dataclasses.Field[Any], kafka_type: str, nullable: bool) -> Any:
    if kafka_type in _INTS:
        if kafka_type == "datetime_i64":
            return -1
        is_number = isinstance(field.default, int | float)
        return field.default if is_number else 0
    if field.default is not dataclasses.MISSING:
        return field.default
    if nullable or kafka_type == "uuid":
        return None
    return "" if kafka_type == "string" else b""


def _array(write_item: _Write, flexible: bool) -> _Write:
    def write_array(out: list[bytes], items: Any) -> None:
        if items is None:
            out.append(b"\0" if flexible else b"\xff\xff\xff\xff")
            return
        out.append(uvarint(len(items) + 1) if flexible else _INT32.pack(len(items)))
        for item in items:
            write_item(out, item)

    return write_array


def _nullable_struct(write: _Write) -> _Write:
    def write_nullable(out: list[bytes], tree: Any) -> None:
        out.append(b"\xff" if tree is None else b"\x01")
        if tree is not None:
            write(out, tree)

    return write_nullable


@cache
def _primitive(kafka_type: str, flexible: bool) -> _Write:
    if (number := _INTS.get(kafka_type)) is not None:
        pack = number.pack
        return lambda out, value: out.append(pack(value))
    if kafka_type == "uuid":
        return _write_uuid
    if kafka_type == "string":
        return _compact_string if flexible else _legacy_string
    if kafka_type in ("bytes", "records"):
        return _compact_bytes if flexible else _legacy_bytes
    raise TypeError(f"no encoding for {kafka_type}")


def _write_uuid(out: list[bytes], value: uuid.UUID | bytes | None) -> None:
    out.append(bytes(16) if value is None else value if isinstance(value, bytes) else value.bytes)


def _compact_string(out: list[bytes], value: str | None) -> None:
    out.append(b"\0" if value is None else string(value, flexible=True))


def _legacy_string(out: list[bytes], value: str | None) -> None:
    out.append(b"\xff\xff" if value is None else string(value, flexible=False))


def _compact_bytes(out: list[bytes], value: bytes | None) -> None:
    if value is None:
        out.append(b"\0")
    else:
        out.append(uvarint(len(value) + 1))
        out.append(value)


def _legacy_bytes(out: list[bytes], value: bytes | None) -> None:
    if value is None:
        out.append(b"\xff\xff\xff\xff")
    else:
        out.append(_INT32.pack(len(value)))
        out.append(value)
