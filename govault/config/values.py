"""How values look in the configuration: ``10GiB``, ``30d``, ``~/folder``, ``host:port``; and how they are written."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from govault.limits import BANDWIDTH_PER_S_MIN

_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")

_SIZE_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _SIZE_UNITS[f"{_letter}ib"] = 1024**_power
    _SIZE_UNITS[_letter] = 1024**_power
    _SIZE_UNITS[f"{_letter}b"] = 1000**_power
_WRITTEN_SIZES = ("PiB", "TiB", "GiB", "MiB", "KiB")

_DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WRITTEN_DURATIONS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
DURATION_S_MAX = 100 * 366 * 86_400.0


def parse_size(value: object) -> int:
    """Bytes of ``10GiB``, ``1.5 MB``, ``64K`` (binary, like ``KiB``) or a plain number of bytes.

    Raises:
        ValueError: It is not a size.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.match(value.strip()) if isinstance(value, str) else None
    unit = _SIZE_UNITS.get(match.group(2).lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{value!r} is not a size: write a number and a unit, like 512KiB, 10GiB or 1.5TB")
    return int(float(match.group(1)) * unit) if "." in match.group(1) else int(match.group(1)) * unit


def write_size(size_bytes: int) -> str:
    """The shortest text that ``parse_size`` turns back into exactly this size."""
    for power, unit in zip(range(5, 0, -1), _WRITTEN_SIZES, strict=True):
        if size_bytes and size_bytes % 1024**power == 0:
            return f"{size_bytes // 1024**power}{unit}"
    return f"{size_bytes}B"


def parse_duration(value: object) -> timedelta:
    """A duration of ``30d``, ``1h30m``, ``500ms``. A number without a unit is refused: nobody can tell what it means.

    Raises:
        ValueError: It is not a duration.
    """
    if isinstance(value, timedelta):
        return value
    text = value.replace(" ", "") if isinstance(value, str) else ""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is not a duration: write a number and a unit, like 90s, 15m, 12h, 30d or 1h30m")
    seconds = sum(float(number) * _DURATION_UNITS_S[unit] for number, unit in parts)
    if seconds > DURATION_S_MAX:
        raise ValueError(f"{value!r} is longer than a hundred years; leave the key out for 'for ever'")
    return timedelta(seconds=seconds)


def write_duration(duration: timedelta) -> str:
    """The shortest text that ``parse_duration`` turns back into this duration (to the millisecond)."""
    milliseconds = round(duration.total_seconds() * 1000)
    seconds, rest = divmod(milliseconds, 1000)
    if rest or not seconds:
        return f"{milliseconds}ms" if milliseconds else "0s"
    for unit, size_s in _WRITTEN_DURATIONS:
        if seconds % size_s == 0:
            return f"{seconds // size_s}{unit}"
    raise AssertionError("every whole number of seconds is a multiple of one second")


def parse_path(value: object) -> Path:
    """An absolute path: ``~`` is the home folder, a relative one begins where the program was started.

    Raises:
        ValueError: It is no text, empty, or holds a NUL.
    """
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{value!r} is not a path")
    return Path(value).expanduser().absolute()


def split_address(address: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[ipv6]:port``.

    Raises:
        ValueError: It is not an address.
    """
    text = address.strip()
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port_text = rest.removeprefix(":") if closed and rest[:1] in ("", ":") else "?"
    elif text.count(":") > 1:
        raise ValueError(f"{address!r}: put an IPv6 address in brackets, like [::1]:8080")
    else:
        host, _, port_text = text.partition(":")
    if not port_text and default_port is not None:
        port_text = str(default_port)
    valid_port = port_text.isascii() and port_text.isdigit() and int(port_text) <= 65_535
    if not host or not valid_port or any(sign in host for sign in "/@ \t"):
        raise ValueError(f"{address!r} is not an address: write host:port, like 127.0.0.1:8080 or [::1]:8080")
    return host, int(port_text)


def _checked_address(value: str) -> str:
    split_address(value)
    return value.strip()


def _checked_pace(value: int) -> int:
    if 0 < value < BANDWIDTH_PER_S_MIN:
        raise ValueError(
            f"{value} bytes a second are too few: {write_size(BANDWIDTH_PER_S_MIN)} or more, or 0 for no limit"
        )
    return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(write_size), Field(le=2**62)]
"""Bytes."""
Pace = Annotated[Size, AfterValidator(_checked_pace)]
"""Bytes a second; 0: without limit."""
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(write_duration)]
FilePath = Annotated[Path, BeforeValidator(parse_path), PlainSerializer(str)]
Address = Annotated[str, BeforeValidator(lambda value: _checked_address(value) if isinstance(value, str) else value)]
"""``host:port``."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), PlainSerializer(list)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_as_tuple), PlainSerializer(list)]
