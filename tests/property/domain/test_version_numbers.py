"""Numbers kept as spans behave as the tuple of them does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.domain.version_numbers import VersionNumbers

NUMBERS = st.sets(st.integers(1, 30)).map(lambda found: tuple(sorted(found)))


@given(NUMBERS, st.sets(st.integers(0, 31)), st.slices(12))
def test_spans_hold_what_the_numbers_are(plain: tuple[int, ...], some: set[int], part: slice) -> None:
    numbers = VersionNumbers.of(plain)
    assert tuple(numbers) == plain
    assert tuple(reversed(numbers)) == plain[::-1]
    assert len(numbers) == len(plain)
    assert bool(numbers) == bool(plain)
    assert [one in numbers for one in range(32)] == [one in plain for one in range(32)]
    assert [numbers[at] for at in range(-len(plain), len(plain))] == [*plain, *plain]
    assert numbers[part] == plain[part]
    for beyond in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            numbers[beyond]
    assert tuple(numbers.without(some)) == tuple(one for one in plain if one not in some)
    assert numbers.without(some) == VersionNumbers.of(one for one in plain if one not in some)
    assert numbers.followed_by(40) == VersionNumbers.of((*plain, 40))
    assert numbers.followed_by(40).followed_by(41) == VersionNumbers.of((*plain, 40, 41))
    assert hash(numbers) == hash(VersionNumbers.of(plain))
    assert numbers != plain


def test_many_versions_without_gaps_are_one_span() -> None:
    numbers = VersionNumbers()
    for number in range(1, 10_001):
        numbers = numbers.followed_by(number)
    assert numbers.spans == ((1, 10_000),)
