"""Flags that set configuration keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from govault.errors import InvalidRequest

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key: server.listen_addr=127.0.0.1:9000 (repeatable)."),
]


def join_token(text: str) -> str:
    """A join token given as text, or as ``@FILE``.

    Raises:
        InvalidRequest: The file cannot be read.
    """
    if not text.startswith("@"):
        return text.strip()
    try:
        return Path(text[1:]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"--join {text}: the file cannot be read: {error}", rule="join-token") from error


def flags_of(sets: list[str] | None, data: Path | None, **named: str | None) -> Mapping[str, tuple[str, str]]:
    """Flags as ``govault.config.load`` takes them: dotted key → (text, flag as the user knows it).

    Args:
        named: Flags with names of their own, e.g. ``listen``.

    Raises:
        InvalidRequest: A ``--set`` is no ``KEY=VALUE``.
    """
    flags: dict[str, tuple[str, str]] = {}
    for text in sets or ():
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise InvalidRequest(f"--set {text!r}: write KEY=VALUE, like log.kind=embedded", rule="set")
        flags[key.strip()] = (value, f"--set {key.strip()}")
    if data is not None:
        flags["server.storage_root"] = (str(data), "--data")
    listen = named.get("listen")
    if listen is not None:
        flags["server.listen_addr"] = (listen, "--listen")
    return flags
