import stat
from pathlib import Path

import pytest

from streams.broker.auth import Credentials, LoginRefused, Principal, load_or_make_credentials

BOTH = Credentials("full", "secret", "reader", "other")


@pytest.mark.parametrize(
    ("message", "principal"),
    [
        (b"\0full\0secret", Principal.FULL),
        (b"full\0full\0secret", Principal.FULL),
        (b"\0reader\0other", Principal.READER),
    ],
)
def test_right_pairs_log_in(message: bytes, principal: Principal) -> None:
    assert BOTH.login(message) is principal


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"full",
        b"full\0secret",
        b"\0full\0other",
        b"\0reader\0secret",
        b"\0full\0",
        b"\0\0",
        b"reader\0full\0secret",
        b"\0full\0secret\0",
        b"\0full\0" + b"x" * 5000,
        b"\0\xff\xfe\0secret",
    ],
)
def test_everything_else_is_refused_alike(message: bytes) -> None:
    with pytest.raises(LoginRefused):
        BOTH.login(message)


def test_credentials_are_made_once_with_mode_0600_and_never_printed(tmp_path: Path) -> None:
    made = load_or_make_credentials(tmp_path / "log")
    assert load_or_make_credentials(tmp_path / "log") == made
    assert stat.S_IMODE((tmp_path / "log" / "credentials.json").stat().st_mode) == 0o600
    assert made.password not in repr(made)
    assert made.reader_password not in repr(made)
    assert made.password != made.reader_password
