"""Frames and their bodies: what was encoded is decoded, and anything else is refused in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.errors import InvalidRequest
from govault.peering import messages
from govault.peering.frames import BODY_BYTES_MAX, HEAD_BYTES, Kind, decode_head, decode_header, encode
from govault.ports import SealedChunk
from schemas.ids import ChunkId

IDS = st.binary(min_size=32, max_size=32).map(ChunkId)
CHUNKS = st.lists(st.builds(SealedChunk, IDS, st.integers(0, 2**20), st.binary(max_size=200)), max_size=8)


@given(st.sampled_from(Kind), st.dictionaries(st.text(), st.integers(0, 2**50)), st.lists(st.binary(max_size=100)))
def test_a_frame_comes_out_as_it_went_in(kind: Kind, header: dict[str, int], body: list[bytes]) -> None:
    raw = b"".join(encode(kind, header, body))
    head = decode_head(raw[:HEAD_BYTES])
    split = HEAD_BYTES + head.header_bytes
    assert head.kind is kind
    assert decode_header(raw[HEAD_BYTES:split]) == header
    assert raw[split:] == b"".join(body)
    assert head.body_bytes == len(raw) - split


@given(CHUNKS)
def test_chunks_come_out_as_they_went_in(chunks: list[SealedChunk]) -> None:
    assert messages.unpack_chunks(b"".join(messages.pack_chunks(chunks))) == chunks


@given(st.binary(min_size=HEAD_BYTES, max_size=HEAD_BYTES))
def test_any_head_is_read_or_refused(raw: bytes) -> None:
    try:
        head = decode_head(raw)
    except InvalidRequest:
        return
    assert head.body_bytes <= BODY_BYTES_MAX


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(raw: bytes) -> None:
    for decode in (messages.unpack_ids, messages.unpack_chunks, decode_header):
        try:
            decode(raw)
        except InvalidRequest:
            pass


@given(CHUNKS, st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_changed_list_of_chunks_is_never_longer_than_its_body(
    chunks: list[SealedChunk], at: int, change: bytes
) -> None:
    raw = bytearray(b"".join(messages.pack_chunks(chunks)))
    raw[at : at + len(change)] = change
    try:
        found = messages.unpack_chunks(bytes(raw))
    except InvalidRequest:
        return
    assert sum(len(chunk.sealed) for chunk in found) <= len(raw)


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        encode(Kind.REQUEST, {}, [bytes(BODY_BYTES_MAX + 1)])
