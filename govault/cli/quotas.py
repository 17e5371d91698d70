"""Quotas on the command line: of spaces and of accounts."""

from collections.abc import Callable
from typing import Any

from govault.cli.filters import parse_size
from govault.cli.output import count, size
from govault.errors import InvalidRequest
from govault.limits import EXACT_INT_MAX

_DIGITS_MAX = 100


def parse_quota(quota_bytes: str | None, quota_files: str | None) -> dict[str, object]:
    """What ``--quota-bytes`` and ``--quota-files`` say; ``none``: no bound. Not given: left out.

    Raises:
        InvalidRequest: One is no number, or more than a quota can be.
    """
    quota: dict[str, object] = {}
    if quota_bytes is not None:
        quota["bytes_max"] = None if quota_bytes == "none" else _bounded(quota_bytes, "--quota-bytes", parse_size)
    if quota_files is not None:
        quota["files_max"] = None if quota_files == "none" else _bounded(quota_files, "--quota-files", _parse_number)
    return quota


def _bounded(text: str, option: str, parse: Callable[[str, str], int | None]) -> int | None:
    number = parse(text, option)
    if number is not None and number > EXACT_INT_MAX:
        raise InvalidRequest(
            f"{option}: {text[:40]!r} is more than a quota can be; for no bound write 'none'", rule="quota"
        )
    return number


def _parse_number(text: str, option: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS_MAX:
        raise InvalidRequest(f"{option}: {text[:40]!r} is not a number, or 'none'", rule="quota-files")
    return int(text)


def bounds_text(quota: Any) -> str:
    """A quota for people."""
    bounds = []
    if quota.bytes_max is not None:
        bounds.append(size(quota.bytes_max))
    if quota.files_max is not None:
        bounds.append(count(quota.files_max, "file"))
    return " and ".join(bounds) or "anything"
