"""What is referenced in given slots, read so that empty slots cost nothing: most are, where chunks are few."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from govault.domain.slots import slot_range


def referenced_by_slot(
    read: Callable[[bytes, int], list[bytes]], slots: Sequence[int], page: int
) -> Iterator[tuple[int, list[bytes]]]:
    """Referenced chunks of the slots, ascending, in pages of one slot; slots without any are left out.

    One read tells of all slots that it reaches into, so what becomes referenced while a caller is between two pages
    may be missing: notices tell of that.

    Args:
        read: ``Views.referenced_chunks``.
        slots: Ascending.
        page: Chunks a read.
    """
    ahead: list[bytes] = []
    more = True
    for slot in slots:
        start, stop = slot_range(slot)
        after = (int.from_bytes(start) - 1).to_bytes(len(start)) if slot else b""
        ahead = ahead[bisect_left(ahead, start) :]
        while True:
            if not ahead and more:
                ahead = read(after, page)
                more = len(ahead) == page
            ours = ahead if stop is None else ahead[: bisect_left(ahead, stop)]
            ahead = ahead[len(ours) :]
            if ours:
                after = ours[-1]
                yield slot, ours
            if ahead or not more:
                break
