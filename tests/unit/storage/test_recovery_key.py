"""The recovery key as text."""

import random

import pytest

from govault.errors import InvalidRequest
from govault.storage import recovery_key

SECRET = bytes(range(32))
TEXT = recovery_key.encode(SECRET)


def test_a_key_is_twelve_groups_of_five() -> None:
    assert [len(group) for group in TEXT.split("-")] == [5] * 12


@pytest.mark.parametrize(
    "spelling",
    [TEXT, TEXT.lower(), TEXT.replace("-", " "), TEXT.replace("-", ""), f"\n {TEXT} \n", TEXT.replace("0", "O")],
)
def test_every_way_of_copying_it_down_gives_the_secret_back(spelling: str) -> None:
    assert recovery_key.decode(spelling) == SECRET


def test_one_wrong_character_is_noticed_wherever_it_is() -> None:
    for position, character in enumerate(TEXT):
        if character != "-":
            other = "2" if character != "2" else "3"
            with pytest.raises(InvalidRequest, match="checksum"):
                recovery_key.decode(TEXT[:position] + other + TEXT[position + 1 :])


def test_two_swapped_neighbours_are_noticed() -> None:
    plain = TEXT.replace("-", "")
    for position in range(len(plain) - 1):
        swapped = plain[:position] + plain[position + 1] + plain[position] + plain[position + 2 :]
        if swapped != plain:
            with pytest.raises(InvalidRequest):
                recovery_key.decode(swapped)


@pytest.mark.parametrize("text", ["", "Z", TEXT[:-1], TEXT + "0", TEXT.replace("-", "!", 1)])
def test_what_is_no_recovery_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        recovery_key.decode(text)


def test_all_secrets_survive_the_round_trip() -> None:
    rng = random.Random(1)
    for secret in (bytes(32), b"\xff" * 32, *(rng.randbytes(32) for _ in range(200))):
        assert recovery_key.decode(recovery_key.encode(secret)) == secret
