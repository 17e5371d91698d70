"""Every command that README and docs tell people to type is there, with its options."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from govault.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_TYPED = re.compile(r"^\s*(?:\.venv/bin/)?govault (.+)$|`govault ([^`]+)`", re.MULTILINE)
_COMMAND: Any = typer.main.get_command(app)


def documented() -> list[tuple[str, str]]:
    """(page, what stands behind ``govault``) of each command, each alternative of ``a|b`` by itself."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for line, inline in _TYPED.findall(page.read_text(encoding="utf-8")):
            parts = re.split(r"\s(?:&&|\||#)\s", line or inline)
            typed = [parts[0], *(part.removeprefix("govault ") for part in parts[1:] if part.startswith("govault "))]
            for one in typed:
                found += [(page.name, whole) for whole in _alternatives(" ".join(one.replace("\\|", "|").split()))]
    return sorted(set(found))


def _alternatives(text: str) -> list[str]:
    """``user create|change X`` is two commands; so is ``--a|--b``."""
    word = next((word for word in text.split(" ") if re.fullmatch(r"(--)?[a-z-]+(\|(--)?[a-z-]+)+", word)), None)
    if word is None:
        return [text]
    return [found for one in word.split("|") for found in _alternatives(text.replace(word, one, 1))]


def faults(typed: str) -> list[str]:
    """What of a command is not there."""
    words = [word.strip("[]…") for word in shlex.split(typed.replace("'", '"') if typed.count("'") % 2 else typed)]
    command = _COMMAND
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return [] if words[0].startswith("-") or not words[0].isascii() else [f"no command {words[0]!r}"]
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"-h", "--help"}
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [f"no option {name}" for name in given if name not in options]


def test_enough_commands_are_found_to_mean_something() -> None:
    assert len(documented()) > 80
    assert faults("audit search --actor ada") == ["no option --actor"]
    assert faults("user vanish ada") == ["no command 'vanish'"]


@pytest.mark.parametrize(("page", "typed"), documented())
def test_a_documented_command_is_there_with_its_options(page: str, typed: str) -> None:
    assert not faults(typed), f"{page} says: govault {typed}"
