"""Asking before something is removed."""

import sys

from govault.cli.options import is_interactive
from govault.errors import InvalidRequest


def confirm(question: str, yes: bool) -> None:
    """Return where the user wants it: asked on a terminal, said with ``--yes`` elsewhere.

    Raises:
        InvalidRequest: Nobody can be asked, or the answer is no.
    """
    if yes:
        return
    if not is_interactive():
        raise InvalidRequest(f"{question} There is nobody to ask: add --yes (or --dry-run to see)", rule="needs-yes")
    from govault.cli.output import legible

    print(f"{legible(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidRequest("not confirmed; nothing was done", rule="not-confirmed")
