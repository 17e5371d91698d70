"""Which requests the broker knows, their headers, and their decoding by kio.

Schema modules are imported at the first use of a version: a start imports none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from struct import Struct, error
from typing import Any, Final

from kio.index import load_request_schema, load_response_schema
from kio.serial import entity_reader

from streams.broker.auth import Principal
from streams.broker.skim import Skim, skimmer, skip_tags
from streams.broker.wire import Tree, encode

PRODUCE: Final = 0
FETCH: Final = 1
SASL_HANDSHAKE: Final = 17
API_VERSIONS: Final = 18
SASL_AUTHENTICATE: Final = 36

_HEADER = Struct(">hhih")
_CORRELATION = Struct(">i")
_NULL_TRANSACTIONAL_ID = b"\xff\xff"
_PRODUCE_DECODED_MIN = 3

VERSIONS: Final[dict[int, tuple[int, int]]] = {
    PRODUCE: (0, 11),
    FETCH: (4, 12),
    2: (1, 7),  # ListOffsets
    3: (0, 12),  # Metadata
    8: (2, 9),  # OffsetCommit
    9: (1, 8),  # OffsetFetch
    10: (0, 4),  # FindCoordinator
    11: (0, 9),  # JoinGroup
    12: (0, 4),  # Heartbeat
    13: (0, 5),  # LeaveGroup
    14: (0, 5),  # SyncGroup
    15: (0, 5),  # DescribeGroups
    16: (0, 4),  # ListGroups
    SASL_HANDSHAKE: (0, 1),
    API_VERSIONS: (0, 4),
    19: (2, 7),  # CreateTopics
    20: (1, 6),  # DeleteTopics
    21: (0, 2),  # DeleteRecords
    22: (0, 4),  # InitProducerId
    23: (2, 4),  # OffsetForLeaderEpoch
    32: (1, 4),  # DescribeConfigs
    33: (0, 2),  # AlterConfigs
    SASL_AUTHENTICATE: (0, 2),
    37: (0, 3),  # CreatePartitions
    42: (0, 2),  # DeleteGroups
    44: (0, 1),  # IncrementalAlterConfigs
    47: (0, 0),  # OffsetDelete
    60: (0, 1),  # DescribeCluster
}
"""The versions served. Produce is advertised from 0 because librdkafka infers compression from
it; batches of the formats before v2 are refused one by one."""


class Malformed(ValueError):
    """No request of this protocol; the connection is closed."""


class VersionUnsupported(Exception):
    """A request that is known, in a version that is not served."""


@dataclass(slots=True, frozen=True)
class Head:
    """What every request begins with."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str
    body_at: int
    """Where the rest of the header begins."""


@dataclass(slots=True, frozen=True)
class Request:
    """A decoded request and who sent it."""

    head: Head
    body: Any
    principal: Principal

    @property
    def version(self) -> int:
        return self.head.version

    @property
    def may_write(self) -> bool:
        return self.principal is Principal.FULL


def parse_head(frame: bytes) -> Head:
    """Read the part of a header that all versions share.

    Raises:
        Malformed: too short, or no UTF-8.
    """
    try:
        api_key, version, correlation_id, length = _HEADER.unpack_from(frame)
    except error:
        raise Malformed("a frame too short for a header") from None
    at = _HEADER.size
    if length < -1 or at + length > len(frame):
        raise Malformed("a client id longer than its frame")
    if length <= 0:
        return Head(api_key, version, correlation_id, "", at)
    try:
        client_id = frame[at : at + length].decode()
    except UnicodeDecodeError:
        raise Malformed("a client id that is not UTF-8") from None
    return Head(api_key, version, correlation_id, client_id, at + length)


def check_version(head: Head) -> None:
    """Raises Malformed for an unknown API, VersionUnsupported for a version that is not served."""
    served = VERSIONS.get(head.api_key)
    if served is None:
        raise Malformed(f"unknown API key {head.api_key}")
    if not served[0] <= head.version <= served[1]:
        raise VersionUnsupported(f"API {head.api_key} version {head.version} is not in {served}")


def decode_body(head: Head, frame: bytes) -> Any:
    """The request's entity.

    Raises:
        Malformed: the bytes do not follow the schema.
    """
    version, at = head.version, head.body_at
    if head.api_key == PRODUCE and version < _PRODUCE_DECODED_MIN:
        # Versions 0 to 2 are version 3 without the transactional id, which kio does not know.
        frame, at, version = _NULL_TRANSACTIONAL_ID + frame[at:], 0, _PRODUCE_DECODED_MIN
    read, skim, flexible_header = _reader(head.api_key, version)
    try:
        if flexible_header:
            at = skip_tags(frame, at)
        if skim(frame, at) != len(frame):
            raise ValueError("bytes behind the request")
    except (ValueError, IndexError) as problem:
        raise Malformed(f"API {head.api_key} version {head.version}: {problem}") from problem
    try:
        return read(frame, at)[0]
    except Exception as problem:
        raise Malformed(f"API {head.api_key} version {head.version}: {problem!r}") from problem


@cache
def _reader(api_key: int, version: int) -> tuple[Callable[[bytes, int], tuple[Any, int]], Skim, bool]:
    schema: Any = load_request_schema(api_key, version)
    return entity_reader(schema), skimmer(schema), int(schema.__header_schema__.__version__) >= 2


@cache
def response_schema(api_key: int, version: int) -> Any:
    """kio's class of an answer."""
    return load_response_schema(api_key, version)


def answer_head(head: Head) -> bytes:
    """The header of an answer."""
    return _CORRELATION.pack(head.correlation_id) + _head_tags(head.api_key, head.version)


@cache
def _head_tags(api_key: int, version: int) -> bytes:
    if api_key == PRODUCE and version < _PRODUCE_DECODED_MIN:
        return b""
    return b"\0" if int(response_schema(api_key, version).__header_schema__.__version__) >= 1 else b""


def encode_answer(head: Head, tree: Tree) -> bytes:
    """Header and body of an answer that is not hot enough to be encoded by hand."""
    return answer_head(head) + encode(response_schema(head.api_key, head.version), tree)
