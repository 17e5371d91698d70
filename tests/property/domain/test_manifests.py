"""Manifests: packing comes back, cutting loses nothing and shares parts between versions."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govault.domain.manifest import PACKED_CHUNK_BYTES, ChunkRef, PartCutter, pack, unpack
from govault.limits import PART_CHUNKS_MAX
from schemas.ids import ChunkId

CHUNKS = st.lists(
    st.builds(ChunkRef, st.binary(min_size=32, max_size=32).map(ChunkId), st.integers(1, 2**32 - 1)), max_size=20
)


def random_chunks(seed: int, count: int) -> list[ChunkRef]:
    rng = Random(seed)
    return [ChunkRef(ChunkId(rng.randbytes(32)), 1 + rng.randrange(2**20)) for _ in range(count)]


def cut(chunks: list[ChunkRef]) -> list[bytes]:
    cutter = PartCutter()
    parts = [part for chunk in chunks if (part := cutter.add(chunk)) is not None]
    rest = cutter.finish()
    assert cutter.open_chunks == 0
    return [*parts, rest] if rest else parts


@settings(deadline=None)
@given(CHUNKS)
def test_what_is_packed_unpacks_to_the_same(chunks: list[ChunkRef]) -> None:
    packed = pack(chunks)
    assert len(packed) == PACKED_CHUNK_BYTES * len(chunks)
    assert list(unpack(packed)) == chunks


@pytest.mark.parametrize("size_bytes", [1, 35, 37])
def test_bytes_that_are_no_run_are_refused(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        list(unpack(b"x" * size_bytes))


@pytest.mark.parametrize("count", [0, 1, 63, 600, 9000])
def test_parts_joined_are_the_whole_and_none_is_too_long(count: int) -> None:
    chunks = random_chunks(count, count)
    parts = cut(chunks)
    assert [chunk for part in parts for chunk in unpack(part)] == chunks
    assert all(0 < len(part) <= PART_CHUNKS_MAX * PACKED_CHUNK_BYTES for part in parts)


def test_content_without_a_cut_is_cut_by_length() -> None:
    same = [ChunkRef(ChunkId(b"\xff" * 32), 1)] * (PART_CHUNKS_MAX * 2 + 5)
    assert [len(part) // PACKED_CHUNK_BYTES for part in cut(same)] == [PART_CHUNKS_MAX, PART_CHUNKS_MAX, 5]


def test_a_change_near_the_front_leaves_the_later_parts_as_they_were() -> None:
    chunks = random_chunks(1, 20_000)
    before, after = cut(chunks), cut([*random_chunks(2, 3), *chunks])
    assert len(set(before) - set(after)) <= 2
