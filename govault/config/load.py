"""Layering the sources into one validated configuration, and saying exactly what is wrong where."""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from govault.config.model import Configuration
from govault.config.sources import Setting, from_environment, from_file, from_flags
from govault.errors import Config

DEFAULT_ORIGIN = "default"
_WORDS = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "model_type": "must be a section: keys with values",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}
"""pydantic's words that speak of Python, said for people who write YAML."""


@dataclass(frozen=True)
class Loaded:
    """A configuration and where its values came from.

    Attributes:
        origins: Dotted key → origin, of the keys that are not defaults.
        file: The file that was read, if any.
    """

    configuration: Configuration
    origins: Mapping[str, str]
    file: Path | None

    def origin(self, key: str) -> str:
        """Where a key's value came from."""
        return self.origins.get(key, DEFAULT_ORIGIN)


def default_file(environment: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/govault/config.yaml``, usually under ``~/.config``."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "govault" / "config.yaml"


def find_file(asked: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file to read: the one asked for, ``GOVAULT_CONFIG``, or the default one where it exists."""
    if asked is not None:
        return asked
    named = environment.get("GOVAULT_CONFIG")
    if named:
        return Path(named)
    usual = default_file(environment)
    return usual if usual.is_file() else None


def load(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, str]] | None = None,
) -> Loaded:
    """The configuration of a file (see ``find_file``), the environment and flags (dotted key → (text, flag's name)).

    Raises:
        Config: A key is unknown, a value is wrong: each is named with the file, variable or flag it came from.
    """
    environment = os.environ if environment is None else environment
    path = find_file(file, environment)
    settings = [
        *(from_file(path) if path is not None else ()),
        *from_environment(environment),
        *from_flags(flags or {}),
    ]
    origins = {setting.key: setting.origin for setting in settings}
    try:
        configuration = Configuration.model_validate(_nested(settings))
    except ValidationError as error:
        raise Config(_explain(error.errors(), origins), code="config") from error
    return Loaded(configuration, {key: origin for key, origin in origins.items() if _is_leaf(key)}, path)


def _nested(settings: Sequence[Setting]) -> dict[str, object]:
    """Later settings replace earlier ones, key by key."""
    tree: dict[str, object] = {}
    for key, value, origin in settings:
        *parents, name = key.split(".")
        node = tree
        for parent in parents:
            below = node.setdefault(parent, {})
            if not isinstance(below, dict):
                raise Config(f"{key} ({origin}): {parent} is a section here and a value elsewhere")
            node = below
        if isinstance(node.get(name), dict):
            raise Config(f"{key} ({origin}): this is a section; set the keys inside it, not {value!r}")
        node[name] = value
    return tree


def _explain(errors: Sequence[ErrorDetails], origins: Mapping[str, str]) -> str:
    lines = []
    for error in errors:
        key = _key(error["loc"])
        origin = next((origins[known] for known in _candidates(key, origins)), DEFAULT_ORIGIN)
        lines.append(f"{key} ({origin}): {_reason(key, error)}")
    if len(lines) == 1:
        return f"configuration: {lines[0]}"
    return "configuration:\n" + "\n".join(f"  {line}" for line in lines)


def _candidates(key: str, origins: Mapping[str, str]) -> list[str]:
    """The key itself, what encloses it (an item of a list), and, of a section, what was set inside it."""
    enclosing = [known for known in origins if key == known or key.startswith(f"{known}.")]
    return enclosing + [known for known in origins if known.startswith(f"{key}.")]


def _key(location: tuple[int | str, ...]) -> str:
    """The dotted key of an error; pydantic's own words for branches of a union are left out."""
    words = []
    model: type[BaseModel] | None = Configuration
    for word in location:
        if model is None:
            if isinstance(word, int):
                words.append(str(word))
            continue
        words.append(str(word))
        field = model.model_fields.get(str(word))
        annotation = field.annotation if field else None
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return ".".join(words)


def _reason(key: str, error: ErrorDetails) -> str:
    if error["type"] != "extra_forbidden":
        message = _WORDS.get(error["type"], error["msg"]).removeprefix("Value error, ")
        return message if error["type"] == "value_error" else f"{message} (got {error['input']!r})"
    known = sorted(_keys_beside(key))
    close = difflib.get_close_matches(key.rpartition(".")[2], known, n=1)
    return "unknown key" + (f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}")


def _keys_beside(key: str) -> set[str]:
    model: type[BaseModel] = Configuration
    for name in key.split(".")[:-1]:
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return set(model.model_fields)


def _is_leaf(key: str) -> bool:
    return "." in key
