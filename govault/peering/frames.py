"""Frames between peers: a head of 12 bytes and a payload. Sans-I/O: bytes in, values out, every length bounded.

Head, big-endian: version (1 byte), kind (1), zero (2), call id (4), payload length (4). One call at a time goes over a
connection, so the call id only guards against a peer that loses count.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

import orjson

from govault.limits import KIB, PEER_FRAME_BYTES_MAX

VERSION = 1
HEAD = struct.Struct(">BBHII")
SMALL_PAYLOAD_BYTES_MAX = 128 * KIB
_REFUSAL_TEXT_MAX = 2000


class FrameError(Exception):
    """The other side does not speak this protocol; its connection is of no use any more."""


class Kind(IntEnum):
    """What a frame is. Answers have the high bit."""

    CONFIRM = 1
    MISSING = 2
    STORE = 3
    FETCH = 4
    SLOT_DIGESTS = 5
    SLOT_CHUNKS = 6
    PING = 7
    PING_FOR = 8
    JOIN_HELLO = 9
    JOIN = 10
    ANSWER = 128
    REFUSED = 129


_PAYLOAD_BYTES_MAX = {
    Kind.PING: SMALL_PAYLOAD_BYTES_MAX,
    Kind.PING_FOR: SMALL_PAYLOAD_BYTES_MAX,
    Kind.SLOT_CHUNKS: SMALL_PAYLOAD_BYTES_MAX,
    Kind.SLOT_DIGESTS: SMALL_PAYLOAD_BYTES_MAX,
    Kind.JOIN_HELLO: 4 * KIB,
    Kind.JOIN: 16 * KIB,
    Kind.REFUSED: 16 * KIB,
}


class FrameHead(NamedTuple):
    """What stands before a payload."""

    kind: Kind
    call_id: int
    payload_bytes: int


def encode_head(kind: Kind, call_id: int, payload_bytes: int) -> bytes:
    """The 12 bytes before a payload.

    Raises:
        FrameError: The payload is beyond what the other side would take.
    """
    if payload_bytes > _payload_bytes_max(kind):
        raise FrameError(f"a payload of {payload_bytes} bytes is beyond the bound of {kind.name}")
    return HEAD.pack(VERSION, kind, 0, call_id, payload_bytes)


def decode_head(raw: bytes | bytearray | memoryview) -> FrameHead:
    """What the next payload is, and how long.

    Raises:
        FrameError: Another protocol, another version, an unknown kind, or too long a payload.
    """
    if len(raw) != HEAD.size:
        raise FrameError(f"a head has {HEAD.size} bytes, not {len(raw)}")
    version, kind, zero, call_id, payload_bytes = HEAD.unpack(raw)
    if version != VERSION or zero:
        raise FrameError(f"version {version} of the peer protocol is not {VERSION}")
    try:
        known = Kind(kind)
    except ValueError as error:
        raise FrameError(f"frames of kind {kind} are not known") from error
    if payload_bytes > _payload_bytes_max(known):
        raise FrameError(f"a payload of {payload_bytes} bytes is beyond the bound of {known.name}")
    return FrameHead(known, call_id, payload_bytes)


def encode_refusal(code: str, message: str) -> bytes:
    """The payload of a REFUSED frame."""
    legible = message[:_REFUSAL_TEXT_MAX].encode("utf-8", "replace").decode()
    return orjson.dumps({"code": code[:200], "message": legible})


def decode_refusal(payload: bytes | bytearray | memoryview) -> tuple[str, str]:
    """Code and message.

    Raises:
        FrameError: It is no refusal.
    """
    try:
        found = orjson.loads(payload)
        code, message = found["code"], found["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise FrameError("a refusal without code and message") from error
    if not isinstance(code, str) or not isinstance(message, str):
        raise FrameError("a refusal whose code or message is no text")
    return code[:200], message[:_REFUSAL_TEXT_MAX]


def _payload_bytes_max(kind: Kind) -> int:
    return _PAYLOAD_BYTES_MAX.get(kind, PEER_FRAME_BYTES_MAX)
