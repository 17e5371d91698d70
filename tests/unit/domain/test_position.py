"""Positions as text, and facts of outcomes."""

import pytest

from govault.domain.position import Outcome, Position, Verdict
from schemas.topics import Topic


def test_a_position_survives_as_text() -> None:
    at = Position(Topic.FILES, 3, 41)
    assert str(at) == "files/3@41"
    assert Position.parse(str(at)) == at


@pytest.mark.parametrize("text", ["", "files", "files/3", "files/x@1", "nothing/1@1", "files/1@"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Position.parse(text)


def test_a_fact_that_is_not_there_is_none() -> None:
    outcome = Outcome(Verdict.ACCEPTED, Position(Topic.FILES, 0, 0), facts=(("version", 2),))
    assert (outcome.fact("version"), outcome.fact("etag")) == (2, None)
