"""Data on stdout: one JSON document, JSON lines, or text for people. Remarks on stderr."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from govault.cli.options import options, wants_colour

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), "�")


def to_json(document: object) -> bytes:
    """A document as JSON; models as their fields."""
    import orjson

    return orjson.dumps(document, default=_plain, option=orjson.OPT_UTC_Z)


def emit(document: object, text: Callable[[], str | None] = lambda: None) -> None:
    """One document: JSON where that was asked for (a list's items a line each with ``--jsonl``), else text."""
    asked = options()
    if asked.jsonl and isinstance(document, list | tuple):
        for item in document:
            _write(to_json(item))
        return
    if asked.machine:
        _write(to_json(document))
        return
    line = text()
    if line is not None:
        sys.stdout.write(line.removesuffix("\n") + "\n")


async def emit_list(rows: AsyncIterator[Any], text: Callable[[Any], str]) -> int:
    """A list, as it comes: a line each for people, an object a line with ``--jsonl``, one array with ``--json``."""
    count = 0
    asked = options()
    async for row in rows:
        count += 1
        if asked.json and not asked.jsonl:
            _write((b"[" if count == 1 else b",") + to_json(row))
        elif asked.jsonl:
            _write(to_json(row))
        else:
            sys.stdout.write(text(row) + "\n")
    if asked.json and not asked.jsonl:
        _write(b"[]" if not count else b"]")
    return count


def remark(text: str) -> None:
    """A word to the person, beside the data."""
    if not options().quiet:
        print(legible(text), file=sys.stderr)


def complain(text: str) -> None:
    """What went wrong, whether or not the person wants to hear remarks."""
    print(legible(text), file=sys.stderr)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns for people; numbers to the right."""
    lines = [[str(cell) if cell is not None else "-" for cell in row] for row in rows]
    numeric = [all(_is_number(line[column]) for line in lines) for column in range(len(head))]
    widths = [max(len(line[column]) for line in [list(head), *lines]) for column in range(len(head))]

    def shown(line: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        return "  ".join(cells).rstrip()

    return "\n".join(
        [shown([name.upper() for name in head]), *(shown([legible(cell) for cell in line]) for line in lines)]
    )


def fields(pairs: Iterable[tuple[str, object]]) -> str:
    """``name: value`` lines for people; what is None or empty is left out."""
    kept = [(name, value) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in kept), default=0)
    return "\n".join(f"{name.ljust(width)}  {legible(str(value))}" for name, value in kept)


def size(size_bytes: int | None) -> str:
    """``1.5 MiB``."""
    if size_bytes is None:
        return "-"
    amount = float(size_bytes)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{size_bytes} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("the last unit takes all")


def when(time: datetime | None) -> str:
    """Local time to the second."""
    return "-" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def when_ms(time_ms: int | None) -> str:
    """The same for milliseconds since the epoch."""
    return "-" if not time_ms else when(datetime.fromtimestamp(time_ms / 1000).astimezone())


def count(number: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def legible(text: str) -> str:
    """Text without control characters: names come from others, and a terminal obeys what it is told."""
    return text.translate(_CONTROL)


def coloured(text: str, code: str) -> str:
    """Text in an ANSI colour, where the terminal takes it."""
    return f"\x1b[{code}m{text}\x1b[0m" if wants_colour() else text


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").isdigit() or text in ("-", "")
