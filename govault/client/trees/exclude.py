"""Patterns of what to leave out, as rsync and restic users know them."""

import re
from collections.abc import Iterable


class Exclusions:
    """``*.tmp`` leaves out that name anywhere; ``build/cache`` that path from the top; ``**`` crosses folders.

    A pattern that matches a folder leaves out all of it; one with a trailing slash matches folders only.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._rules = [_Rule(pattern) for pattern in patterns if pattern.strip("/")]

    def match(self, relative: str, is_folder: bool) -> bool:
        """Whether the entry at a path, relative to the top of the tree, is left out."""
        return any(rule.match(relative, is_folder) for rule in self._rules)


class _Rule:
    def __init__(self, pattern: str) -> None:
        self._folders_only = pattern.endswith("/")
        anchored = pattern.strip("/")
        if "/" not in anchored and not pattern.startswith("/"):
            anchored = f"**/{anchored}"
        self._regex = re.compile(_translate(anchored), re.DOTALL)

    def match(self, relative: str, is_folder: bool) -> bool:
        return (is_folder or not self._folders_only) and self._regex.fullmatch(relative) is not None


def _translate(pattern: str) -> str:
    out = []
    index = 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            out.append("(?:[^/]+/)*")
            index += 3
        elif pattern.startswith("**", index):
            out.append(".*")
            index += 2
        elif pattern[index] == "*":
            out.append("[^/]*")
            index += 1
        elif pattern[index] == "?":
            out.append("[^/]")
            index += 1
        elif pattern[index] == "[" and (end := pattern.find("]", index + 2)) > 0:
            inner = pattern[index + 1 : end].replace("\\", "\\\\")
            out.append("[" + ("^/" + inner[1:] if inner.startswith("!") else re.sub(r"^\^", r"\\^", inner)) + "]")
            index = end + 1
        else:
            out.append(re.escape(pattern[index]))
            index += 1
    return "".join(out)
