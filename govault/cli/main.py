"""``govault``: the command line. It uses the public REST interface only, but for what must work without a node."""

from typing import Annotated

import typer

from govault.cli.app import App
from govault.cli.commands import (
    access,
    accounts,
    admin,
    audit,
    cluster,
    config,
    entries,
    groups,
    members,
    node,
    repair,
    shares,
    spaces,
    transfer,
    trash,
    versions,
)
from govault.cli.standard_streams import stand_in_for_closed_streams

app = App(
    name="govault",
    help="GoVault: a distributed, event-sourced file vault.\n\n"
    "REF is SPACE:/path (the default space is 'main'), a file id (f_…) or a content's SHA-256; REF@N is a version.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"govault {version('govault')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version and end.")
    ] = False,
) -> None:
    """GoVault: a distributed, event-sourced file vault."""


for module in (
    node,
    members,
    config,
    transfer,
    entries,
    versions,
    trash,
    spaces,
    accounts,
    groups,
    access,
    shares,
    audit,
    admin,
    repair,
    cluster,
):
    module.register(app)


def main() -> None:
    """The console script."""
    stand_in_for_closed_streams()
    app(prog_name="govault")
