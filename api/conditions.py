"""Conditional requests (RFC 9110, 13): entity tags, dates, and the order in which they are evaluated."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Literal

from api.raw import RawRequest
from govault.errors import InvalidRequest, PreconditionFailed
from schemas.ids import is_sha256

_ETAG_LIST = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)')
_ETAGS_MAX = 256


@dataclass(frozen=True, slots=True)
class ETags:
    """The value of If-Match or If-None-Match.

    Attributes:
        any: ``*``.
        strong: The opaque tags that may match strongly; ``weak``: those marked ``W/``.
    """

    any: bool = False
    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()


def parse_etags(value: str, name: str) -> ETags:
    """Read a list of entity tags.

    Raises:
        InvalidRequest: It is none.
    """
    if value.strip() == "*":
        return ETags(any=True)
    strong: set[str] = set()
    weak: set[str] = set()
    position = 0
    while position < len(value):
        found = _ETAG_LIST.match(value, position)
        if found is None or found.end() == position or len(strong) + len(weak) > _ETAGS_MAX:
            raise InvalidRequest(f'{name} must be * or a list of quoted entity tags, like "abc"', rule="entity-tags")
        if found[2] is not None:
            (weak if found[1] else strong).add(found[2])
        position = found.end()
    return ETags(False, frozenset(strong), frozenset(weak))


def parse_date(value: str | None) -> int | None:
    """Seconds since the epoch of an HTTP date; None where it is none (such a condition is ignored)."""
    if value is None:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return int((date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp())


@lru_cache(maxsize=1024)
def http_date(seconds: int) -> bytes:
    """An HTTP date."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True).encode()


def precondition(request: RawRequest, etag: str, modified_s: int) -> Literal["go", "not-modified"]:
    """Evaluate the conditions of a GET or HEAD against the content it would get.

    Raises:
        PreconditionFailed: If-Match or If-Unmodified-Since does not hold.
    """
    if_match = request.joined(b"if-match")
    if if_match is not None:
        tags = parse_etags(if_match, "If-Match")
        if not tags.any and etag not in tags.strong:
            raise PreconditionFailed("the content is another one than If-Match asks for", etag=etag)
    else:
        unmodified = parse_date(request.header(b"if-unmodified-since"))
        if unmodified is not None and modified_s > unmodified:
            raise PreconditionFailed("the content was changed after If-Unmodified-Since", etag=etag)
    if_none_match = request.joined(b"if-none-match")
    if if_none_match is not None:
        tags = parse_etags(if_none_match, "If-None-Match")
        return "not-modified" if tags.any or etag in tags.strong or etag in tags.weak else "go"
    modified = parse_date(request.header(b"if-modified-since"))
    return "not-modified" if modified is not None and modified_s <= modified else "go"


def range_applies(request: RawRequest, etag: str, modified_s: int) -> bool:
    """Whether If-Range, where there is one, names exactly this content (strong comparison)."""
    value = request.header(b"if-range")
    if value is None:
        return True
    value = value.strip()
    if value.startswith(('"', "W/")):
        return value == f'"{etag}"'
    return parse_date(value) == modified_s


@dataclass(frozen=True, slots=True)
class WriteCondition:
    """The condition of a PUT, as a commit states it (see ``VersionCommitted``)."""

    condition: Literal["any", "absent", "match"] = "any"
    match_sha256: tuple[str, ...] = ()


def write_condition(request: RawRequest, current_etag: str | None, modified_s: int) -> WriteCondition:
    """Turn the conditions of a PUT into that of its commit, so that they are decided in log order.

    What a commit cannot say by itself (``If-Match: *``, tags in If-None-Match, dates) is evaluated against the current
    content and becomes "still this one" or "still none".

    Args:
        current_etag: Of the file there now; None where there is none.

    Raises:
        PreconditionFailed: A condition does not hold now.
    """
    if_match, if_none_match = request.joined(b"if-match"), request.joined(b"if-none-match")
    unmodified = parse_date(request.header(b"if-unmodified-since")) if if_match is None else None
    if if_match is None and if_none_match is None and unmodified is None:
        return WriteCondition()
    still = WriteCondition("absent") if current_etag is None else WriteCondition("match", (current_etag,))
    if if_none_match is not None:
        tags = parse_etags(if_none_match, "If-None-Match")
        if current_etag is not None and (tags.any or current_etag in tags.strong | tags.weak):
            raise PreconditionFailed("a file with this content tag is there already", etag=current_etag)
    if if_match is not None:
        tags = parse_etags(if_match, "If-Match")
        if current_etag is None or not (tags.any or current_etag in tags.strong):
            raise PreconditionFailed("the current content is not the one that If-Match asks for", etag=current_etag)
        named = tuple(sorted(tag for tag in tags.strong if is_sha256(tag)))
        return still if tags.any or if_none_match is not None else WriteCondition("match", named)
    if unmodified is not None and current_etag is not None and modified_s > unmodified:
        raise PreconditionFailed("the content was changed after If-Unmodified-Since", etag=current_etag)
    return still
