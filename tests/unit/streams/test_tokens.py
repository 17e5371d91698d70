"""Position tokens: what was made is read back, anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.errors import InvalidRequest
from schemas.topics import Topic
from streams.views.tokens import make_token, read_token

PLACES = [(Topic.DIRECTORY, 0), (Topic.FILES, 0), (Topic.FILES, 1), (Topic.PEERS, 0)]


@given(st.lists(st.integers(-1, 2**60), min_size=4, max_size=4))
def test_a_token_says_the_offsets_it_was_made_of(offsets: list[int]) -> None:
    applied = dict(zip(PLACES, offsets, strict=True))
    assert read_token("vault", PLACES, make_token("vault", PLACES, applied)) == applied


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: "1." + raw.hex()))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token("vault", PLACES, text)


def test_the_token_of_another_vault_or_other_partitions_is_refused() -> None:
    token = make_token("vault", PLACES, dict.fromkeys(PLACES, 5))
    with pytest.raises(InvalidRequest, match="another vault"):
        read_token("other", PLACES, token)
    with pytest.raises(InvalidRequest, match="number of partitions"):
        read_token("vault", PLACES[:-1], token)
