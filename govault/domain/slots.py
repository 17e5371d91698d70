"""Slots: the first 14 bits of a chunk id, so that the chunks of a slot are one run of the store's index."""

from govault.limits import SLOTS

SLOT_BITS = 14
assert 1 << SLOT_BITS == SLOTS


def slot_of(chunk_id: bytes) -> int:
    """The slot of a chunk: 0 … SLOTS - 1."""
    return int.from_bytes(chunk_id[:2], "big") >> (16 - SLOT_BITS)


def slot_range(slot: int) -> tuple[bytes, bytes | None]:
    """The first possible chunk id of a slot, and of the next one (None behind the last)."""
    shift = 16 - SLOT_BITS
    start, stop = slot << shift, (slot + 1) << shift
    return start.to_bytes(2, "big") + bytes(30), None if stop == 1 << 16 else stop.to_bytes(2, "big") + bytes(30)
