"""What every command understands besides its own options, wherever it stands on the line."""

import os
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True)
class Options:
    """The options of this call.

    Attributes:
        json: One JSON document on stdout; ``jsonl`` one object a line.
        data: The data folder of a node on this machine.
        config: A configuration file.
    """

    json: bool = False
    jsonl: bool = False
    quiet: bool = False
    url: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    data: Path | None = None
    config: Path | None = None

    @property
    def machine(self) -> bool:
        """Whether a program reads stdout."""
        return self.json or self.jsonl


_current: ContextVar[Options | None] = ContextVar("options", default=None)

_PANEL = "Common options"
COMMON: dict[str, object] = {
    "json": Annotated[bool, typer.Option("--json", help="Write one JSON document.", rich_help_panel=_PANEL)],
    "jsonl": Annotated[bool, typer.Option("--jsonl", help="Write one JSON object a line.", rich_help_panel=_PANEL)],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.", rich_help_panel=_PANEL)],
    "url": Annotated[
        str | None, typer.Option("--url", help="Address of the node (or GOVAULT_URL).", rich_help_panel=_PANEL)
    ],
    "token_file": Annotated[
        Path | None,
        typer.Option("--token-file", help="A file with the token (or GOVAULT_TOKEN).", rich_help_panel=_PANEL),
    ],
    "ca_file": Annotated[
        Path | None, typer.Option("--ca-file", help="Certificates to trust, PEM.", rich_help_panel=_PANEL)
    ],
    "data": Annotated[
        Path | None, typer.Option("--data", help="Data folder of the node on this machine.", rich_help_panel=_PANEL)
    ],
    "config": Annotated[
        Path | None, typer.Option("--config", help="Configuration file (or GOVAULT_CONFIG).", rich_help_panel=_PANEL)
    ],
}
"""Name of a field of ``Options`` → how the command line offers it."""


def options() -> Options:
    """Those of the running command."""
    return _current.get() or Options()


def set_options(values: Options) -> None:
    """Called once, before the command's own code."""
    _current.set(values)


def is_interactive() -> bool:
    """Whether a person at a terminal can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def wants_colour() -> bool:
    """Whether stdout is a terminal that may be coloured (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
