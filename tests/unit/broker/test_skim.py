from typing import Any

import pytest
from kio.index import load_request_schema

from streams.broker.protocol import Malformed, check_version, decode_body, parse_head
from streams.broker.skim import read_uvarint, skimmer
from tests.unit.broker.examples import ALL_VERSIONS, example


@pytest.mark.parametrize(("api_key", "version"), ALL_VERSIONS)
def test_every_request_is_decoded_and_none_that_was_cut(api_key: int, version: int) -> None:
    frame = example(api_key, version)
    head = parse_head(frame)
    check_version(head)
    assert (head.api_key, head.version, head.correlation_id, head.client_id) == (api_key, version, 7, "c")
    decode_body(head, frame)
    for end in range(head.body_at, len(frame)):
        with pytest.raises(Malformed):
            decode_body(head, frame[:end])
    with pytest.raises(Malformed):
        decode_body(head, frame + b"\0")


@pytest.mark.parametrize("count", [b"\x7f\xff\xff\xff", b"\x00\xff\xff\xff", b"\xff\xff\xff\xfe"])
def test_arrays_that_cannot_be_are_refused_before_memory_is_reserved(count: bytes) -> None:
    schema: Any = load_request_schema(3, 4)
    with pytest.raises(ValueError, match="an array of"):
        skimmer(schema)(count + bytes(100), 0)


def test_compact_arrays_that_cannot_be_are_refused() -> None:
    schema: Any = load_request_schema(3, 9)
    with pytest.raises(ValueError, match="an array of"):
        skimmer(schema)(b"\xff\xff\xff\xff\x0f" + bytes(100), 0)


def test_null_is_refused_where_the_schema_does_not_allow_it() -> None:
    schema: Any = load_request_schema(3, 0)
    with pytest.raises(ValueError, match="an array of"):
        skimmer(schema)(b"\xff\xff\xff\xff", 0)


def test_endless_varints_are_refused() -> None:
    with pytest.raises(ValueError, match="more than five bytes"):
        read_uvarint(b"\xff" * 10, 0)
