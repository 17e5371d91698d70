"""Paths inside a space: what is refused, under which rule's name, and how text and URLs become one normal form."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple, NoReturn
from urllib.parse import unquote_to_bytes

from govault.errors import InvalidRequest
from govault.limits import PATH_BYTES_MAX, PATH_DEPTH_MAX, SEGMENT_BYTES_MAX

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
"""Control characters (Unicode's Cc, which no later version of Unicode can change: ``apply`` must never drift)."""
_PLAIN_SEGMENT = r"(?!\.\.?(?:/|$))[^/\x00-\x1f\x7f-\U0010ffff]{1,255}"
_is_plain = re.compile(rf"{_PLAIN_SEGMENT}(?:/{_PLAIN_SEGMENT}){{0,63}}", re.ASCII).fullmatch
"""Whether a path is one that most are: printable ASCII, few and short names. Such a path breaks no rule."""
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

ADVICE: dict[str, str] = {
    "empty-segment": "a path is names joined by single slashes, without one at either end",
    "dot-segment": "'.' is not a name",
    "dot-dot-segment": "'..' is not a name: paths do not climb",
    "encoded-slash": "a name cannot hold a slash, encoded or not",
    "bad-escape": "'%' must be followed by two hexadecimal digits; a percent sign itself is '%25'",
    "nul": "a name cannot hold a NUL byte",
    "control-character": "a name cannot hold control characters",
    "invalid-utf8": "names are UTF-8",
    "path-too-long": f"a path has at most {PATH_BYTES_MAX} bytes",
    "segment-too-long": f"a name has at most {SEGMENT_BYTES_MAX} bytes",
    "too-deep": f"a path has at most {PATH_DEPTH_MAX} names",
}
"""What each rule asks for: its name is ``rule`` in the details of the refusal."""


class NormalPath(NamedTuple):
    """A path as events and views hold it, and whether NFC changed what came (doors report that)."""

    path: str
    changed: bool


def broken_rule(path: str) -> str | None:
    """The name of the rule that a path breaks, or None. Does not ask for NFC: ``apply`` compares bytes."""
    return None if len(path) <= PATH_BYTES_MAX and _is_plain(path) else rule_broken_by(path)


def rule_broken_by(path: str) -> str | None:
    """``broken_rule`` of any path, without a short cut for plain ones."""
    segments = path.split("/")
    if len(segments) > PATH_DEPTH_MAX:
        return "too-deep"
    try:
        size_bytes = len(path) if path.isascii() else len(path.encode())
    except UnicodeEncodeError:
        return "invalid-utf8"
    for segment in segments:
        if (rule := _broken_by_segment(segment)) is not None:
            return rule
    if CONTROL.search(path):
        return "nul" if "\0" in path else "control-character"
    return "path-too-long" if size_bytes > PATH_BYTES_MAX else None


def normalise_path(text: str) -> NormalPath:
    """The normal form of a path that came as text.

    Raises:
        InvalidRequest: It breaks a rule; ``rule`` in details names it.
    """
    if (rule := broken_rule(text)) is not None and rule not in ("path-too-long", "segment-too-long"):
        refuse(rule, text)
    # NFC may shorten or lengthen a name, so the lengths count afterwards.
    normal = unicodedata.normalize("NFC", text)
    if (rule := broken_rule(normal)) is not None:
        refuse(rule, text)
    return NormalPath(normal, normal != text)


def normalise_folder_path(text: str) -> NormalPath:
    """The same for a folder: one slash at the end may stand, and the empty path is the space's root."""
    bare = text.removesuffix("/")
    return normalise_path(bare) if bare else NormalPath("", False)


def decode_segment(raw: bytes) -> str:
    """One URL path segment, percent-decoded exactly once.

    Raises:
        InvalidRequest: It hides a slash, a NUL, or bytes that are not UTF-8, or an escape is broken.
    """
    if _BAD_ESCAPE.search(raw):
        refuse("bad-escape", _shown(raw))
    decoded = unquote_to_bytes(raw)
    if b"/" in decoded:
        refuse("encoded-slash", _shown(raw))
    if b"\0" in decoded:
        refuse("nul", _shown(raw))
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        refuse("invalid-utf8", _shown(raw))


def path_from_segments(raw_segments: Iterable[bytes]) -> NormalPath:
    """The normal form of raw (still percent-encoded) URL path segments.

    Raises:
        InvalidRequest: A rule is broken; ``rule`` in details names it.
    """
    return normalise_path("/".join(decode_segment(raw) for raw in raw_segments))


def path_from_url(raw: bytes) -> NormalPath:
    """The normal form of the raw rest of a URL path, such as ``a/b%20c``; the query is not part of it."""
    return path_from_segments(raw.split(b"/"))


def folder_path_from_url(raw: bytes) -> NormalPath:
    """The same for a folder: one slash at the end may stand, and nothing is the space's root."""
    bare = raw.removesuffix(b"/")
    return path_from_url(bare) if bare else NormalPath("", False)


def refuse(rule: str, shown: str) -> NoReturn:
    """Refuse a path under a rule's name."""
    legible = shown.encode("utf-8", "backslashreplace").decode()[:200]
    raise InvalidRequest(f"the path {legible!r} is refused: {ADVICE[rule]}", code="invalid-path", rule=rule)


def _broken_by_segment(segment: str) -> str | None:
    if segment == "":
        return "empty-segment"
    if segment == ".":
        return "dot-segment"
    if segment == "..":
        return "dot-dot-segment"
    # 63 characters of any kind are at most 252 bytes, so most names need no encoding here.
    if len(segment) > SEGMENT_BYTES_MAX // 4 and len(segment.encode()) > SEGMENT_BYTES_MAX:
        return "segment-too-long"
    return None


def _shown(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")
