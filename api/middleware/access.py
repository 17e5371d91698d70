"""The access log: one entry a request. Where lines go, and in which form, is for whoever runs the application."""

from collections.abc import Callable
from typing import NamedTuple

import structlog

_log = structlog.get_logger("govault.http")
ACCESS_EVENT = "http.request"


class AccessEntry(NamedTuple):
    """One answered request. No field holds control characters: paths are as they came, percent-encoded."""

    request_id: str
    method: str
    path: str
    route: str
    status: int
    actor: str
    client: str
    seconds: float
    bytes_in: int
    bytes_out: int


AccessLog = Callable[[AccessEntry], None]


def to_structlog(entry: AccessEntry) -> None:
    """Log an entry as any other line."""
    _log.info(ACCESS_EVENT, **entry._asdict())
