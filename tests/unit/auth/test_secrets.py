"""Secrets that are told once: their forms, and what is kept of them."""

from govault.auth.secrets import (
    api_token,
    hash_secret,
    invite,
    new_secret,
    read_api_token,
    read_invite,
    read_refresh_token,
    refresh_token,
    same,
)
from tests.fakes.world import SeededRandomness

TOKEN_ID = "t_01HF7YAT00DC9XRR3SDYCM8DDD"
SESSION_ID = "0f8c1a5e2b7d4c93a6e1f0b2d3c4a5b6"


def test_each_form_reads_back_and_no_other_reads_it() -> None:
    for seed in range(50):
        secret = new_secret(SeededRandomness(seed))
        texts = (api_token(TOKEN_ID, secret), refresh_token(SESSION_ID, secret), invite(secret))
        assert read_api_token(texts[0]) == (TOKEN_ID, hash_secret(secret))
        assert read_refresh_token(texts[1]) == (SESSION_ID, hash_secret(secret))
        assert read_invite(texts[2]) == hash_secret(secret)
        readers = (read_api_token, read_refresh_token, read_invite)
        for number, read in enumerate(readers):
            assert [read(text) is not None for text in texts] == [other == number for other in range(3)]


def test_what_has_not_the_form_reads_as_nothing() -> None:
    secret = new_secret(SeededRandomness())
    whole = api_token(TOKEN_ID, secret)
    bad = [whole[:-1], whole + "A", whole.replace("_", "", 1), whole.lower(), "", "gv_token__" + secret]
    bad += [whole[:-2] + "\u00e9A", api_token("t_short", secret)]
    assert [read_api_token(text) for text in bad] == [None] * len(bad)
    assert read_refresh_token(refresh_token(SESSION_ID.upper(), secret)) is None


def test_hashes_are_compared_whole() -> None:
    assert same(hash_secret("a"), hash_secret("a"))
    assert not same(hash_secret("a"), hash_secret("b"))
