"""Byte ranges (RFC 9110, 14)."""

import re
from typing import NamedTuple

from govault.errors import RangeNotSatisfiable
from govault.limits import RANGES_PER_REQUEST_MAX

_SPEC = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
_DIGITS_MAX = 20
"""As many as 2**64 has: clients write the largest number they know for 'to the end'."""


class ByteRange(NamedTuple):
    """Bytes from ``start`` up to ``stop`` (exclusive)."""

    start: int
    stop: int


def parse_ranges(value: str, size_bytes: int) -> list[ByteRange] | None:
    """The ranges to send, in the order asked for; None where the header is to be ignored (the whole is sent).

    A header that is malformed, of another unit, or asks for too much (more ranges than the bound, or overlapping
    ones that together exceed the content) is ignored, as the RFC allows: so nobody can multiply our work.

    Raises:
        RangeNotSatisfiable: None of the ranges has a byte of the content.
    """
    unit, equals, specs = value.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    listed = [spec for spec in specs.split(",") if spec.strip(" \t")]
    if not listed or len(listed) > RANGES_PER_REQUEST_MAX:
        return None
    ranges: list[ByteRange] = []
    for spec in listed:
        found = _SPEC.fullmatch(spec)
        if found is None or any(len(digits or "") > _DIGITS_MAX for digits in found.groups()):
            return None
        first, last, suffix = found.groups()
        if first is not None and last and int(last) < int(first):
            return None
        one = _resolve(first, last, suffix, size_bytes)
        if one is not None:
            ranges.append(one)
    if not ranges:
        raise RangeNotSatisfiable(
            f"no byte of the {size_bytes} lies in the range {value!r}", size_bytes=size_bytes, rule="range"
        )
    if len(ranges) > 1 and sum(stop - start for start, stop in ranges) > size_bytes:
        return None
    return ranges


def _resolve(first: str | None, last: str | None, suffix: str | None, size_bytes: int) -> ByteRange | None:
    if suffix is not None:
        length = min(int(suffix), size_bytes)
        return ByteRange(size_bytes - length, size_bytes) if length else None
    start = int(first or 0)
    stop = min(int(last) + 1, size_bytes) if last else size_bytes
    return ByteRange(start, stop) if start < size_bytes else None
