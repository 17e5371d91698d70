"""Passwords from people and programs: never an argument, which other users of the machine can read."""

import getpass
import sys

from govault.cli.options import is_interactive
from govault.errors import InvalidRequest

_PASSWORD_CHARS_MAX = 4096


def ask_password(question: str = "Password", *, twice: bool = False) -> str:
    """A password: asked on a terminal, else the next line of stdin.

    Raises:
        InvalidRequest: Nothing came, or the two are not the same.
    """
    if not is_interactive():
        line = sys.stdin.readline(_PASSWORD_CHARS_MAX).rstrip("\r\n")
        if not line:
            raise InvalidRequest(f"{question}: write it as a line to stdin, or run this on a terminal", rule="password")
        return line
    given = getpass.getpass(f"{question}: ", stream=sys.stderr)
    if twice and getpass.getpass(f"{question}, again: ", stream=sys.stderr) != given:
        raise InvalidRequest("the two are not the same; nothing was done", rule="password")
    return given
