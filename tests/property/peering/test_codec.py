"""Frames and messages come back as they went, and no bytes whatever break their decoders."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.limits import PEER_FRAME_BYTES_MAX, SLOTS
from govault.peering import messages
from govault.peering.frames import (
    HEAD,
    SMALL_PAYLOAD_BYTES_MAX,
    FrameError,
    FrameHead,
    Kind,
    decode_head,
    decode_refusal,
    encode_head,
    encode_refusal,
)
from govault.ports import SealedChunk
from schemas.ids import ChunkId

IDS = st.lists(st.binary(min_size=32, max_size=32).map(ChunkId), max_size=20)
CHUNKS = st.lists(
    st.builds(SealedChunk, st.binary(min_size=32, max_size=32).map(ChunkId), st.integers(0, 2**32 - 1), st.binary()),
    max_size=10,
)
EPOCHS = st.integers(0, 2**63)


@given(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.integers(0, 4096))
def test_a_head_comes_back_as_it_went(kind: Kind, call_id: int, payload_bytes: int) -> None:
    assert decode_head(encode_head(kind, call_id, payload_bytes)) == FrameHead(kind, call_id, payload_bytes)


@given(st.binary(min_size=HEAD.size, max_size=HEAD.size) | st.binary(max_size=40))
def test_any_bytes_are_a_bounded_head_or_refused(raw: bytes) -> None:
    try:
        head = decode_head(raw)
    except FrameError:
        return
    assert head.payload_bytes <= PEER_FRAME_BYTES_MAX
    assert encode_head(*head) == raw


def test_payloads_are_bounded_by_their_kind() -> None:
    for kind in (Kind.PING, Kind.PING_FOR):
        with pytest.raises(FrameError):
            encode_head(kind, 1, SMALL_PAYLOAD_BYTES_MAX + 1)
    with pytest.raises(FrameError):
        decode_head(HEAD.pack(1, Kind.STORE, 0, 1, PEER_FRAME_BYTES_MAX + 1))


@given(CHUNKS, EPOCHS)
def test_chunks_come_back_as_they_went(chunks: list[SealedChunk], epoch: int) -> None:
    assert messages.decode_chunks(b"".join(messages.encode_chunks(chunks, epoch))) == (chunks, epoch)


@given(CHUNKS, EPOCHS, st.data())
def test_chunks_that_were_cut_are_refused(chunks: list[SealedChunk], epoch: int, data: st.DataObject) -> None:
    whole = b"".join(messages.encode_chunks(chunks, epoch))
    for broken in (whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"x"):
        with pytest.raises(FrameError):
            messages.decode_chunks(broken)


@given(IDS, EPOCHS)
def test_ids_come_back_as_they_went(ids: list[ChunkId], epoch: int) -> None:
    assert messages.decode_ids(messages.encode_ids(ids)) == ids
    assert messages.decode_confirm(messages.encode_confirm(ids, epoch)) == (ids, epoch)


@given(st.integers(0, SLOTS - 1), st.binary(max_size=32), st.integers(1, 16_384))
def test_ranges_come_back_as_they_went(slot: int, after: bytes, limit: int) -> None:
    assert messages.decode_range(messages.encode_range(slot, after, limit)) == (slot, after, limit)


@given(st.lists(st.integers(0, SLOTS - 1), max_size=50))
def test_slots_come_back_as_they_went(slots: list[int]) -> None:
    assert messages.decode_slots(messages.encode_slots(slots)) == slots


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 30_000))
def test_indirect_pings_come_back_as_they_went(peer: bytes, gossip: bytes, timeout_ms: int) -> None:
    raw = messages.encode_ping_for(peer.hex(), gossip, timeout_ms / 1000)
    found, said, timeout_s = messages.decode_ping_for(raw)
    assert (found, said) == (peer.hex(), gossip)
    assert abs(timeout_s * 1000 - timeout_ms) <= 1


@given(st.text(max_size=50), st.text(max_size=500))
def test_refusals_come_back_as_they_went(code: str, message: str) -> None:
    assert decode_refusal(encode_refusal(code, message)) == (code, message)


@pytest.mark.parametrize(
    "decode",
    [
        messages.decode_chunks,
        messages.decode_confirm,
        messages.decode_ids,
        messages.decode_slots,
        messages.decode_range,
        messages.decode_ping_for,
        messages.decode_gossip,
        decode_refusal,
        lambda raw: messages.decode_digests(raw, 3),
    ],
)
@given(raw=st.binary(max_size=300))
def test_no_bytes_break_a_decoder(decode: Callable[[bytes], object], raw: bytes) -> None:
    try:
        decode(raw)
    except FrameError:
        pass
