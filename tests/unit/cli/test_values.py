from datetime import UTC, datetime, timedelta

import pytest

from govault.cli.filters import parse_duration_s, parse_instant, parse_size
from govault.cli.flags import flags_of
from govault.cli.output import legible, size, table
from govault.cli.quotas import parse_quota
from govault.errors import InvalidRequest


def test_sizes_and_durations_are_read() -> None:
    assert parse_size("10MiB", "--larger") == 10 * 2**20
    assert parse_size("10", "--larger") == 10
    assert parse_size(None, "--larger") is None
    assert parse_duration_s("30d", "--older-than") == 30 * 86_400


def test_a_duration_beyond_its_bound_is_refused_with_the_option() -> None:
    assert parse_duration_s("24h", "--for", longest="24h") == 86_400
    with pytest.raises(InvalidRequest, match=r"^--for: 25h is too long, 24h is the longest"):
        parse_duration_s("25h", "--for", longest="24h")


def test_a_quota_is_a_size_a_number_or_none() -> None:
    assert parse_quota(None, None) == {}
    assert parse_quota("8PiB", "none") == {"bytes_max": 2**53, "files_max": None}
    assert parse_quota("none", "0") == {"bytes_max": None, "files_max": 0}


@pytest.mark.parametrize("text", ["9PiB", "99999999999GiB", "-1", "1e30", "NaN", "", "²", "9" * 5000])
def test_what_no_quota_can_be_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^--quota-bytes: "):
        parse_quota(text, None)
    with pytest.raises(InvalidRequest, match=r"^--quota-files: "):
        parse_quota(None, text if text.isdigit() else "9007199254740993")


@pytest.mark.parametrize("text", ["2026-11-01T00:00:00Z", "2026-11-01T01:00:00+01:00"])
def test_an_instant_is_told_in_utc(text: str) -> None:
    assert parse_instant(text, "--since") == "2026-11-01T00:00:00.000Z"


def test_an_age_counts_back_from_now() -> None:
    instant = parse_instant("1h", "--since")
    assert instant is not None
    ago = datetime.now(UTC) - datetime.fromisoformat(instant)
    assert timedelta(minutes=59) < ago < timedelta(minutes=61)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "5"])
def test_what_is_no_instant_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--since"):
        parse_instant(text, "--since")


def test_flags_name_the_key_and_how_it_was_given() -> None:
    flags = flags_of(["log.kind=kafka", "log.bootstrap=a:1"], None, listen="127.0.0.1:0")
    assert flags["log.kind"] == ("kafka", "--set log.kind")
    assert flags["server.listen_addr"] == ("127.0.0.1:0", "--listen")
    with pytest.raises(InvalidRequest):
        flags_of(["nonsense"], None)


def test_sizes_are_shown_short() -> None:
    assert [size(0), size(1023), size(1536), size(5 * 2**30), size(None)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
        "-",
    ]


def test_control_characters_never_reach_the_terminal() -> None:
    assert legible("a\x1b[31mb\nc\x9bd") == "a\ufffd[31mb\ufffdc\ufffdd"
    assert "\x1b" not in table(("name",), [("\x1b]0;pwned\x07",)])


def test_numbers_stand_to_the_right() -> None:
    assert table(("a", "n"), [("x", 1), ("y", 100)]).splitlines() == ["A    N", "x    1", "y  100"]
