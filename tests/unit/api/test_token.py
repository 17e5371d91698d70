"""The administrator's token: made once, kept private, compared whole."""

import stat
from pathlib import Path

import pytest

from govault.auth.token import TokenAuthenticator, read_or_make_token, read_token
from govault.errors import Authentication, Config
from tests.fakes.world import SeededRandomness


def test_the_first_start_makes_a_private_token_and_the_next_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    token = read_or_make_token(path, SeededRandomness())
    assert len(token) > 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_make_token(path, SeededRandomness(seed=9)) == token == read_token(path)
    assert [file.name for file in tmp_path.iterdir()] == ["admin.token"]


def test_a_token_open_to_others_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    read_or_make_token(path, SeededRandomness())
    path.chmod(0o644)
    with pytest.raises(Config, match="chmod 600"):
        read_or_make_token(path, SeededRandomness())


def test_an_empty_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    path.touch(0o600)
    with pytest.raises(Config, match="empty"):
        read_or_make_token(path, SeededRandomness())


async def test_only_the_token_itself_lets_in() -> None:
    authenticator = TokenAuthenticator("secret")
    for good in ("Bearer secret", "bearer secret", "Bearer  secret "):
        assert (await authenticator.authenticate(good)).name == "admin"
    for bad in (
        None,
        "",
        "secret",
        "Bearer",
        "Bearer ",
        "Bearer secre",
        "Bearer secrets",
        "Basic secret",
        "Bearer s\udcff",
    ):
        with pytest.raises(Authentication) as caught:
            await authenticator.authenticate(bad)
        assert "secret" not in str(caught.value)
