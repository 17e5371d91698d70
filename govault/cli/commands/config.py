"""Configuration: init, show, validate; and what a running node has in effect."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.app import App
from govault.cli.flags import Set, flags_of
from govault.cli.options import options
from govault.cli.output import emit, remark
from govault.cli.session import connect
from govault.errors import Conflict

if TYPE_CHECKING:
    from govault.client import Client


def register(app: App) -> None:
    """Put the verbs on the app."""
    config = App(help="The configuration of a node.")
    config.verb("init")(init)
    config.verb("show")(show)
    config.verb("validate")(validate)
    app.add_typer(config, name="config")


def init(
    path: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; - is stdout.")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over a file that is there.")] = False,
) -> None:
    """Write the default configuration, every key explained."""
    from govault.config.load import default_file
    from govault.config.template import default_file_text

    text = default_file_text()
    if path is not None and str(path) == "-":
        sys.stdout.write(text)
        return
    path = path or options().config or default_file(os.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{path} exists: add --force to write over it") from None
    remark(f"wrote {path}")


def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    node: Annotated[bool, typer.Option("--node", help="Ask the running node instead of reading files.")] = False,
    sets: Set = None,
) -> None:
    """Show the configuration in effect here, or in the running node."""
    if node:

        async def act(vault: "Client") -> None:
            import yaml

            document = await vault.admin.configuration()
            emit(document, lambda: yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

        connect(act)
        return
    from govault.config import load
    from govault.config.template import configuration_text, flat, origins_text

    loaded = load(options().config, flags=flags_of(sets, options().data))
    if origin:
        values = flat(loaded.configuration)
        document = {key: {"value": value, "origin": loaded.origin(key)} for key, value in values.items()}
        emit(document, lambda: origins_text(loaded))
        return
    emit(loaded.configuration, lambda: configuration_text(loaded.configuration))


def validate(
    path: Annotated[Path | None, typer.Argument(metavar="FILE", help="The file; else the one in effect.")] = None,
    sets: Set = None,
) -> None:
    """Say whether the configuration is valid; where not, which key is wrong and where it was set."""
    from govault.config import load

    loaded = load(path or options().config, flags=flags_of(sets, options().data))
    source = "the defaults and the environment" if loaded.file is None else str(loaded.file)
    document = {"valid": True, "file": None if loaded.file is None else str(loaded.file)}
    emit(document, lambda: f"valid: {source}")
