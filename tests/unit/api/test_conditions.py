"""Entity tags and HTTP dates."""

import pytest

from api.conditions import http_date, parse_date, parse_etags
from govault.errors import InvalidRequest


@pytest.mark.parametrize(
    ("value", "strong", "weak"),
    [
        ('"a"', {"a"}, set()),
        ('"a", "b"', {"a", "b"}, set()),
        ('W/"a","b"', {"b"}, {"a"}),
        ('""', {""}, set()),
        (',"a",,', {"a"}, set()),
        ('"a,b"', {"a,b"}, set()),
    ],
)
def test_lists_of_tags_are_read(value: str, strong: set[str], weak: set[str]) -> None:
    tags = parse_etags(value, "If-Match")
    assert (tags.any, tags.strong, tags.weak) == (False, strong, weak)


def test_a_star_is_any() -> None:
    assert parse_etags(" * ", "If-Match").any


@pytest.mark.parametrize(
    "value", ["a", '"a', 'a"', '"a" "b"', 'w/"a"', '*, "a"', '"a\x01"', ",".join(f'"{n}"' for n in range(400))]
)
def test_what_is_no_list_of_tags_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_etags(value, "If-Match")


@pytest.mark.parametrize(
    "value",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_the_three_forms_of_a_date_are_read(value: str) -> None:
    assert parse_date(value) == 784111777


@pytest.mark.parametrize("value", [None, "", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT", "1" * 500])
def test_what_is_no_date_is_ignored(value: str | None) -> None:
    assert parse_date(value) is None


def test_a_date_is_written_as_it_is_read() -> None:
    assert http_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"
