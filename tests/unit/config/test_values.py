from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.config.values import (
    parse_duration,
    parse_path,
    parse_size,
    split_address,
    write_duration,
    write_size,
)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("10GiB", 10 * 2**30), ("64K", 65_536), ("1.5MB", 1_500_000), ("1 kb", 1000), (17, 17), ("5B", 5)],
)
def test_a_size_is_read_with_its_unit(text: object, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "ten", "10 apples", "-1", -1, True, None, 1.5, "1e9", "GiB"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=2**62))
def test_a_written_size_reads_back(size_bytes: int) -> None:
    assert parse_size(write_size(size_bytes)) == size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("30d", 2_592_000), ("500ms", 0.5), ("2w", 1_209_600)]
)
def test_a_duration_is_read_with_its_units(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "30", 30, "d", "1h30", "1y", "-1d", None, True])
def test_a_duration_without_a_known_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(write_duration(duration)) == duration


def test_a_duration_beyond_a_century_is_refused() -> None:
    with pytest.raises(ValueError, match="hundred years"):
        parse_duration("99999999d")


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("h.example:65535", ("h.example", 65_535)),
    ],
)
def test_an_address_splits_into_host_and_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address", ["", "host", ":80", "host:", "host:x", "host:70000", "::1:80", "[::1]80", "[::1", "http://h:1", "h:-1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        split_address(address)


def test_a_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert parse_path("data") == tmp_path / "data"
    assert parse_path("~/data") == Path("/home/someone/data")
