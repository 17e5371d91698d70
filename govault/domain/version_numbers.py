"""The numbers of a file's retained versions, as spans: a file has thousands of versions, and few gaps between them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import overload


class VersionNumbers(Sequence[int]):
    """Ascending numbers. Never changes; what it takes grows with the gaps, not with the numbers.

    Attributes:
        spans: (first, last) of every run of numbers without a gap, ascending, no two touching.
    """

    __slots__ = ("spans",)

    def __init__(self, spans: tuple[tuple[int, int], ...] = ()) -> None:
        self.spans = spans

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "VersionNumbers":
        """Of ascending numbers."""
        spans: list[tuple[int, int]] = []
        for number in numbers:
            if spans and spans[-1][1] == number - 1:
                spans[-1] = (spans[-1][0], number)
            else:
                spans.append((number, number))
        return cls(tuple(spans))

    def followed_by(self, number: int) -> "VersionNumbers":
        """These, and a greater one."""
        if self.spans and self.spans[-1][1] == number - 1:
            return VersionNumbers((*self.spans[:-1], (self.spans[-1][0], number)))
        return VersionNumbers((*self.spans, (number, number)))

    def without(self, gone: Set[int]) -> "VersionNumbers":
        """These, but for some."""
        return VersionNumbers.of(number for number in self if number not in gone)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(range(first, last + 1) for first, last in self.spans)

    def __reversed__(self) -> Iterator[int]:
        return chain.from_iterable(range(last, first - 1, -1) for first, last in reversed(self.spans))

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        at = bisect_right(self.spans, number, key=lambda span: span[0])
        return at > 0 and number <= self.spans[at - 1][1]

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[int, ...]: ...
    def __getitem__(self, at: int | slice) -> int | tuple[int, ...]:
        if isinstance(at, slice):
            return tuple(self)[at]
        left = at if at >= 0 else at + len(self)
        for first, last in self.spans:
            if 0 <= left <= last - first:
                return first + left
            left -= last - first + 1
        raise IndexError(at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VersionNumbers) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(self.spans)

    def __repr__(self) -> str:
        return f"VersionNumbers({self.spans})"
