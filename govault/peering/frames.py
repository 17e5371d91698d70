"""Frames: what travels on a connection between nodes. Sans-I/O: bytes in, values out.

A frame is a fixed head (magic, version, kind, length of the header, length of the body), a header (a JSON object) and a
body (bytes). One request is under way on a connection at a time; its answer is the next frame the other way. TLS keeps
frames from being changed, repeated or put elsewhere, so that a frame carries no number.
"""

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import Any, NamedTuple

import orjson

from govault.errors import InvalidRequest
from govault.limits import MIB, PEER_BATCH_BYTES_MAX

_HEAD = Struct(">2sBBII")
HEAD_BYTES = _HEAD.size
_MAGIC = b"GV"
VERSION = 1
HEADER_BYTES_MAX = 256 * 1024
BODY_BYTES_MAX = PEER_BATCH_BYTES_MAX + 2 * MIB
"""A batch, or one chunk that is larger than a batch, and what stands around it."""


class Kind(IntEnum):
    """What a frame is."""

    REQUEST = 1
    ANSWER = 2
    REFUSAL = 3


class Head(NamedTuple):
    """What the first HEAD_BYTES say of a frame."""

    kind: Kind
    header_bytes: int
    body_bytes: int


class Frame(NamedTuple):
    """A whole frame."""

    kind: Kind
    header: dict[str, Any]
    body: bytes | bytearray


def encode(kind: Kind, header: dict[str, Any], body: Sequence[bytes] = ()) -> list[bytes]:
    """A frame as pieces to be written one after the other.

    Raises:
        InvalidRequest: It would be larger than the other end takes.
    """
    packed = orjson.dumps(header)
    body_bytes = sum(map(len, body))
    if len(packed) > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise InvalidRequest(f"a frame of {body_bytes} bytes is too large for a peer", rule="frame-size")
    return [_HEAD.pack(_MAGIC, VERSION, kind, len(packed), body_bytes) + packed, *body]


def decode_head(raw: bytes) -> Head:
    """What a head says.

    Raises:
        InvalidRequest: It is none, or its frame is beyond bounds: nothing after it can be read.
    """
    magic, version, kind, header_bytes, body_bytes = _HEAD.unpack(raw)
    if magic != _MAGIC:
        raise InvalidRequest("this is not a peer that speaks GoVault", rule="frame-magic")
    if version != VERSION:
        raise InvalidRequest(f"the peer speaks version {version} of the protocol, this node {VERSION}", rule="version")
    if header_bytes > HEADER_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise InvalidRequest(f"the peer's frame of {header_bytes + body_bytes} bytes is too large", rule="frame-size")
    try:
        return Head(Kind(kind), header_bytes, body_bytes)
    except ValueError:
        raise InvalidRequest(f"the peer sent a frame of kind {kind}, which is none", rule="frame-kind") from None


def decode_header(raw: bytes) -> dict[str, Any]:
    """The header.

    Raises:
        InvalidRequest: It is not a JSON object.
    """
    try:
        header = orjson.loads(raw)
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict):
        raise InvalidRequest("the peer's frame has a header that is no JSON object", rule="frame-header")
    return header
