"""Quotas on the command line: of spaces and of accounts."""

from typing import Any

from govault.cli.filters import parse_size
from govault.cli.output import count, size
from govault.errors import InvalidRequest


def parse_quota(quota_bytes: str | None, quota_files: str | None) -> dict[str, object]:
    """What ``--quota-bytes`` and ``--quota-files`` say; ``none``: no bound. Not given: left out.

    Raises:
        InvalidRequest: One is no number.
    """
    quota: dict[str, object] = {}
    if quota_bytes is not None:
        quota["bytes_max"] = None if quota_bytes == "none" else parse_size(quota_bytes, "--quota-bytes")
    if quota_files is not None:
        if quota_files != "none" and not quota_files.isdigit():
            raise InvalidRequest(f"--quota-files: {quota_files!r} is not a number, or 'none'", rule="quota-files")
        quota["files_max"] = None if quota_files == "none" else int(quota_files)
    return quota


def bounds_text(quota: Any) -> str:
    """A quota for people."""
    bounds = []
    if quota.bytes_max is not None:
        bounds.append(size(quota.bytes_max))
    if quota.files_max is not None:
        bounds.append(count(quota.files_max, "file"))
    return " and ".join(bounds) or "anything"
