"""A row of the access table: what each of those who may come is told by one route, and how the route is asked.

In paths, queries and bodies ``{name}`` stands for something of the vault that is asked, as the parameters of the
document's paths do: whoever asks fills it in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from urllib.parse import quote

WHO = ("anonymous", "stranger", "reader", "member", "writer", "owner", "manager", "admin")
"""Nobody; accounts that were granted nothing, read at a folder, the same through a group, write at the file, that own
it, manage its space; administrators. Everybody else's credential counts nowhere: see ``Row.void``."""

Told = Mapping[str, int]
_NAME = re.compile(r"\{(\w+)\}")


class Needs(Enum):
    """What a vault must have so that a route answers as its row says."""

    FILES = auto()
    """Spaces and files: a vault in memory will do."""
    ACCOUNTS = auto()
    """Accounts as rows of the log; one without refuses nobody but the anonymous."""
    NODE = auto()
    """A whole node; one without says the same to whoever is refused."""
    NOBODY = auto()
    """Nothing of who asks: its answers hang on what is asked. Of such a route everybody is told the same."""


class Spends(Enum):
    """What a request takes away from those that come after it."""

    NOTHING = auto()
    COPY = auto()
    """What it is about: each who may is given a copy of the space."""
    SESSION = auto()
    """The sessions of who asks: he logs in anew."""


@dataclass(frozen=True)
class Form:
    """The fields of a form that brings a file."""

    fields: dict[str, str]


@dataclass(frozen=True)
class Row:
    """One route.

    Attributes:
        told: The status that each of ``WHO`` is answered with.
        ask: A JSON document, bytes, or a form.
        place: What stands in the path for a parameter, where that is not what its name says.
        link: The status of a request with the secret of a share link or a file token in its path; None: the path has no
            place for one.
        trashed: Whether the file is in the trash already.
    """

    told: Told
    ask: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    needs: Needs = Needs.FILES
    spends: Spends = Spends.NOTHING
    link: int | None = None
    trashed: bool = False

    @property
    def void(self) -> int:
        """The status of a request whose credential counts no more, or counts elsewhere."""
        return self.told["anonymous"] if self.needs is Needs.NOBODY else 401


def request_of(route: str, row: Row, named: Callable[[str], object]) -> dict[str, Any]:
    """The arguments of an ``httpx`` request.

    Args:
        route: Method and path, as ``EXPECTED`` has them.
        named: What a name stands for.
    """
    method, _, template = route.partition(" ")
    for name, value in row.place.items():
        template = template.replace(f"{{{name}}}", value)
    path = _NAME.sub(lambda found: quote(str(named(found[1]))), template)
    asked: dict[str, Any] = {"method": method, "url": path}
    if row.query:
        asked["params"] = filled(row.query, named)
    if isinstance(row.ask, Form):
        asked |= {"data": filled(row.ask.fields, named), "files": {"file": ("plan", b"new")}}
    elif isinstance(row.ask, bytes):
        asked["content"] = row.ask
    elif row.ask is not None:
        asked["json"] = filled(row.ask, named)
    return asked


def filled(value: object, named: Callable[[str], object]) -> Any:
    """A value with all that names stand for; a text that is nothing but a name becomes whatever that is."""
    if isinstance(value, Mapping):
        return {name: filled(one, named) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, named) for one in value]
    if not isinstance(value, str):
        return value
    whole = _NAME.fullmatch(value)
    return named(whole[1]) if whole else _NAME.sub(lambda found: str(named(found[1])), value)
