"""Byte ranges by RFC 9110, 14: its own examples, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ranges import parse_ranges
from govault.errors import RangeNotSatisfiable
from govault.limits import RANGES_PER_REQUEST_MAX

SIZE = 10_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10_000)]),
        ("bytes=500-600,601-999", [(500, 601), (601, 1000)]),
        ("bytes=500-700,601-999", [(500, 701), (601, 1000)]),
        ("BYTES=0-0", [(0, 1)]),
        ("bytes=0-99999999", [(0, 10_000)]),
        ("bytes=-99999999", [(0, 10_000)]),
        ("bytes=500-9223372036854775807", [(500, 10_000)]),
        ("bytes=500-18446744073709551615", [(500, 10_000)]),
        ("bytes=20000-, 0-1", [(0, 2)]),
        ("bytes=,0-1,", [(0, 2)]),
    ],
)
def test_a_valid_header_gives_its_ranges(value: str, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(value, SIZE) == expected


@pytest.mark.parametrize(
    "value",
    [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=0x1-2",
        "items=0-1",
        "0-1",
        "bytes=1-" + "9" * 400,
        "bytes=" + ",".join(["0-1"] * (RANGES_PER_REQUEST_MAX + 1)),
        "bytes=0-,0-",
    ],
)
def test_a_header_that_is_malformed_or_asks_for_too_much_is_ignored(value: str) -> None:
    assert parse_ranges(value, SIZE) is None


@pytest.mark.parametrize("value", ["bytes=10000-", "bytes=10000-10001", "bytes=-0", "bytes=20000-20001,-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_ranges(value, SIZE)
    assert caught.value.details["size_bytes"] == SIZE


def test_no_range_of_an_empty_content_can_be_satisfied() -> None:
    for value in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(RangeNotSatisfiable):
            parse_ranges(value, 0)


@given(st.text(alphabet="bytes=0123456789-, ", max_size=60), st.integers(0, 1000))
def test_whatever_comes_every_range_lies_inside_and_all_together_are_no_more_than_the_content(
    value: str, size_bytes: int
) -> None:
    try:
        ranges = parse_ranges("bytes=" + value, size_bytes)
    except RangeNotSatisfiable:
        return
    for start, stop in ranges or ():
        assert 0 <= start < stop <= size_bytes
    assert sum(stop - start for start, stop in ranges or ()) <= size_bytes
