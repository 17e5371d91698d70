"""The access log: one entry a request. Where lines go, and in which form, is for whoever runs the application."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

import structlog

_log = structlog.get_logger("govault.http")
ACCESS_EVENT = "http.request"
HIDDEN = "-"
"""Stands in a logged path for what a log must not keep."""
_SECRETS = {"s", "content"}
_IDS = ("a_", "g_", "t_")
_NAMED_BY_PEOPLE = {"accounts", "groups", "people"}
_WITH_GRANTS = {"files", "spaces"}
_NOT_PERSONAL = {"explain", "public", "users"}


class AccessEntry(NamedTuple):
    """One answered request.

    No field holds control characters: a path is as it came, percent-encoded, but for what `loggable_path` hides.
    """

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


def loggable_path(raw_path: str) -> str:
    """A request's path without what a log must not keep: tokens of share links and of files, and the logins of people.

    A log is read by more people than a link is meant for, and it outlives the account of an erased person.

    Args:
        raw_path: As it came, percent-encoded, without the query; of a route or not.

    Returns:
        The same, each such segment replaced by `HIDDEN`. Ids of accounts and groups stay.
    """
    segments = raw_path.split("/")
    filled = [at for at, segment in enumerate(segments) if segment]
    plain = [unquote(segments[at]) for at in filled]
    if len(plain) < 2:
        return raw_path
    first = plain[0].lower()
    if first in _SECRETS:
        hidden = {1}
    elif first in _NAMED_BY_PEOPLE:
        hidden = {at for at in (1, 3) if at < len(plain) and not plain[at].startswith(_IDS)}
    elif first in _WITH_GRANTS and len(plain) > 3 and plain[2] == "access":
        hidden = set() if plain[3] in _NOT_PERSONAL or plain[3].startswith(_IDS) else {3}
    else:
        return raw_path
    for at in hidden:
        segments[filled[at]] = HIDDEN
    return "/".join(segments)


def to_structlog(entry: AccessEntry) -> None:
    """Log an entry as any other line."""
    _log.info(ACCESS_EVENT, **entry._asdict())
