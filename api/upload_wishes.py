"""What the headers and query of an upload ask for beside the bytes.

``GoVault-Mtime``: RFC 3339, or nanoseconds since the epoch. ``GoVault-Executable: true|false``.
``GoVault-Kind: file|symlink``. ``GoVault-Tags``: names joined by commas; ``GoVault-Description``: text; both
percent-encoded UTF-8, or the query fields ``tags`` and ``description``.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar
from urllib.parse import unquote

from api.conditions import WriteCondition
from api.digests import announced_digests
from api.raw import RawRequest
from govault.domain.paths import CONTROL, NormalPath
from govault.errors import InvalidRequest
from govault.limits import DESCRIPTION_BYTES_MAX, TAG_BYTES_MAX, TAGS_PER_FILE_MAX
from govault.services.contents.upload_terms import UploadWish

T = TypeVar("T")
_NANOSECONDS = re.compile(r"-?[0-9]{1,19}")
_FRACTION = re.compile(r"\.([0-9]+)")
_MTIME_NS_MAX = 2**63


def wish_of(
    request: RawRequest, space: str, path: NormalPath, condition: WriteCondition, announced_bytes: int | None
) -> UploadWish:
    """The whole wish of a raw upload.

    Raises:
        InvalidRequest: A header or field breaks its rule.
    """
    _refuse_unsupported(request)
    return UploadWish(
        space=space,
        path=path.path,
        condition=condition.condition,
        match_sha256=condition.match_sha256,
        digests=announced_digests(request),
        announced_bytes=announced_bytes,
        declared_type=request.header(b"content-type") or "",
        kind=kind_of(request.header(b"govault-kind")),
        executable=flag_of(request.header(b"govault-executable"), "GoVault-Executable"),
        mtime_ns=mtime_of(request.header(b"govault-mtime")),
        tags=_either(tags_of, request, b"govault-tags", "tags"),
        description=_either(description_of, request, b"govault-description", "description"),
    )


def mtime_of(text: str | None) -> int | None:
    """Nanoseconds since the epoch.

    Raises:
        InvalidRequest: Neither a number nor an RFC 3339 time.
    """
    if text is None:
        return None
    text = text.strip()
    if _NANOSECONDS.fullmatch(text) and abs(int(text)) < _MTIME_NS_MAX:
        return int(text)
    try:
        # datetime holds microseconds only, so the fraction is read beside it.
        fraction = _FRACTION.search(text)
        moment = datetime.fromisoformat(_FRACTION.sub("", text))
        if moment.tzinfo is None:
            raise ValueError("without offset")
        nanoseconds = int((fraction[1] + "0" * 9)[:9]) if fraction else 0
        return int((moment - datetime.fromtimestamp(0, UTC)).total_seconds()) * 1_000_000_000 + nanoseconds
    except ValueError as error:
        raise InvalidRequest(
            f"GoVault-Mtime must be RFC 3339 or nanoseconds since the epoch, not {text[:60]!r}", rule="mtime"
        ) from error


def flag_of(text: str | None, name: str) -> bool:
    """A boolean header; absent is false.

    Raises:
        InvalidRequest: Neither true nor false.
    """
    value = "false" if text is None else text.strip().lower()
    if value not in ("true", "false"):
        raise InvalidRequest(f"{name} must be true or false, not {value[:20]!r}", rule="flag")
    return value == "true"


def kind_of(text: str | None) -> Literal["file", "symlink"]:
    """What the content is.

    Raises:
        InvalidRequest: An unknown kind.
    """
    match "file" if text is None else text.strip().lower():
        case "file":
            return "file"
        case "symlink":
            return "symlink"
        case other:
            raise InvalidRequest(f"GoVault-Kind must be file or symlink, not {other[:20]!r}", rule="kind")


def tags_of(text: str | None) -> tuple[str, ...] | None:
    """Tags joined by commas, each once, in the order given; None where there is no such field.

    Raises:
        InvalidRequest: Too many, or one is too long or has control characters.
    """
    if text is None:
        return None
    tags = tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip(" "))))
    if len(tags) > TAGS_PER_FILE_MAX or any(len(tag.encode()) > TAG_BYTES_MAX for tag in tags) or CONTROL.search(text):
        raise InvalidRequest(
            f"a file has at most {TAGS_PER_FILE_MAX} tags of at most {TAG_BYTES_MAX} bytes, without control characters",
            rule="tags",
        )
    return tags


def description_of(text: str | None) -> str | None:
    """A description.

    Raises:
        InvalidRequest: It is too long.
    """
    if text is not None and len(text.encode()) > DESCRIPTION_BYTES_MAX:
        raise InvalidRequest(f"a description has at most {DESCRIPTION_BYTES_MAX} bytes", rule="description")
    return text


def _either(read: Callable[[str | None], T], request: RawRequest, header: bytes, field: str) -> T:
    """What a header says, else what the query field says; both are checked."""
    by_query = read(request.query.get(field))
    text = _header_text(request, header)
    return by_query if text is None else read(text)


def _header_text(request: RawRequest, header: bytes) -> str | None:
    """A header's text: percent-encoded UTF-8.

    Raises:
        InvalidRequest: It decodes to something else.
    """
    value = request.header(header)
    if value is None:
        return None
    try:
        # Header bytes beyond ASCII are UTF-8 from today's clients and Latin-1 from yesterday's.
        return unquote(_utf8_or_latin1(value.encode("latin-1")), errors="strict")
    except UnicodeError as error:
        raise InvalidRequest(f"{header.decode()} must be percent-encoded UTF-8", rule="header-text") from error


def _utf8_or_latin1(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _refuse_unsupported(request: RawRequest) -> None:
    """What would silently store something else than the client means (RFC 9110, 8.4 and 14.5)."""
    coding = request.header(b"content-encoding")
    if coding is not None and coding.strip().lower() not in ("", "identity"):
        raise InvalidRequest(
            f"the content coding {coding[:40]!r} is not undone; send the bytes as they are", rule="content-encoding"
        )
    if request.header(b"content-range") is not None:
        raise InvalidRequest("a PUT takes whole contents, not a Content-Range", rule="content-range")
