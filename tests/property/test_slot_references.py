"""Whoever walks slots sees every referenced chunk of them once, whatever the pages cut through."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from govault.domain.slots import slot_of, slot_range
from govault.limits import SLOTS
from govault.services.healing.slot_references import referenced_by_slot

NEAR = (0, 1, 2, 3, 4, 700, 701, SLOTS - 2, SLOTS - 1)
slots_of = st.sets(st.sampled_from(NEAR), min_size=1).map(sorted)
chunks_of = st.sets(
    st.builds(
        lambda slot, tail: (int.from_bytes(slot_range(slot)[0]) + tail).to_bytes(32),
        st.sampled_from(NEAR),
        st.integers(0, 6),
    )
).map(sorted)


@given(chunks_of, slots_of, st.integers(1, 5))
def test_every_referenced_chunk_of_the_slots_comes_once_and_no_other(
    chunks: list[bytes], slots: list[int], page: int
) -> None:
    def read(after: bytes, limit: int) -> list[bytes]:
        at = bisect_right(chunks, after)
        return chunks[at : at + limit]

    found = list(referenced_by_slot(read, slots, page))

    assert [chunk for _, ours in found for chunk in ours] == [chunk for chunk in chunks if slot_of(chunk) in slots]
    assert all(slot_of(chunk) == slot for slot, ours in found for chunk in ours)
    assert all(0 < len(ours) <= page for _, ours in found)


def test_slots_without_chunks_cost_one_read() -> None:
    reads: list[bytes] = []

    def read(after: bytes, limit: int) -> list[bytes]:
        reads.append(after)
        return []

    assert not list(referenced_by_slot(read, range(64), 1000))
    assert len(reads) == 1
