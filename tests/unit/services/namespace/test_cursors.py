"""Cursors are opaque, and of no use to another query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.errors import InvalidRequest
from govault.services.namespace import cursors

QUERIES = st.lists(st.text(max_size=5) | st.integers(-(2**53), 2**53) | st.booleans() | st.none(), max_size=4)


@given(query=QUERIES, place=st.text(max_size=40))
def test_a_cursor_leads_its_query_to_its_place(query: list[cursors.QueryPart], place: str) -> None:
    assert cursors.place(query, cursors.make(query, place)) == place


@given(query=QUERIES, other=QUERIES, place=st.text(max_size=40))
def test_a_cursor_of_another_query_is_refused(
    query: list[cursors.QueryPart], other: list[cursors.QueryPart], place: str
) -> None:
    same = [(type(part), part) for part in query] == [(type(part), part) for part in other]
    if not same:
        with pytest.raises(InvalidRequest):
            cursors.place(other, cursors.make(query, place))


@given(text=st.text(min_size=1, max_size=60))
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.place(("query",), text)


@pytest.mark.parametrize("place", ["", "-1", "x", "1" * 30, "٣"])
def test_a_number_cursor_holds_a_number(place: str) -> None:
    cursor = cursors.make(("query",), place)
    if place == "":
        assert cursors.number(("query",), cursor) is None
    else:
        with pytest.raises(InvalidRequest):
            cursors.number(("query",), cursor)
    assert cursors.number(("query",), cursors.make(("query",), "17")) == 17


def test_no_cursor_begins_at_the_beginning() -> None:
    assert cursors.place(("query",), "") == ""
    assert cursors.number(("query",), "") is None
