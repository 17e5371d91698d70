"""Values on the command line: sizes, ages, instants."""

from datetime import UTC, datetime, timedelta

from govault.errors import InvalidRequest


def parse_size(text: str | None, option: str) -> int | None:
    """Bytes of ``10MiB``.

    Raises:
        InvalidRequest: It is no size.
    """
    from govault.config.values import parse_size as parse

    try:
        return None if text is None else parse(int(text) if text.isdigit() else text)
    except ValueError as error:
        raise InvalidRequest(f"{option}: {error}", rule="size") from error


def parse_duration_s(text: str | None, option: str, longest: str | None = None) -> int | None:
    """Seconds of ``30d``.

    Args:
        longest: What it may be at the most.

    Raises:
        InvalidRequest: It is no duration, or too long.
    """
    duration, bound = _duration(text, option), _duration(longest, option)
    if duration is not None and bound is not None and duration > bound:
        raise InvalidRequest(f"{option}: {text} is too long, {longest} is the longest", rule="duration")
    return None if duration is None else int(duration.total_seconds())


def parse_instant(text: str | None, option: str) -> str | None:
    """An RFC 3339 instant of ``2026-11-01``, ``2026-11-01T12:00``, both in local time, or of an age like ``7d``.

    Raises:
        InvalidRequest: It is neither.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        age = _duration(text, option, or_else="or a date like 2026-11-01")
        instant = datetime.now(UTC) - (age or timedelta())
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _duration(text: str | None, option: str, or_else: str = "") -> timedelta | None:
    from govault.config.values import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise InvalidRequest(f"{option}: {error} {or_else}".rstrip(), rule="duration") from error
