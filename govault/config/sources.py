"""Where values come from: a file, the environment, flags. Each gives (dotted key, value, origin) triples."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from govault.config.model import Configuration
from govault.errors import Config

ENVIRONMENT_PREFIX = "GOVAULT_"
NOT_CONFIGURATION = frozenset({"GOVAULT_CONFIG", "GOVAULT_JOIN", "GOVAULT_TOKEN", "GOVAULT_URL"})
"""Variables with the prefix that the command line reads itself."""
FILE_BYTES_MAX = 1 << 20


class Setting(NamedTuple):
    """One value and where it was found.

    Attributes:
        key: Dotted, e.g. ``server.listen_addr``.
        origin: For people: a file's path, a variable's or flag's name.
    """

    key: str
    value: object
    origin: str


def from_file(path: Path) -> list[Setting]:
    """The settings of a YAML file, or of a JSON file where the name ends in ``.json``.

    Raises:
        Config: It cannot be read, is no mapping, or names a key twice.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise Config(f"{path}: larger than {FILE_BYTES_MAX} bytes; this is not a configuration file")
        document = _parse_json(raw) if path.suffix == ".json" else yaml.load(raw, Loader=_UniqueKeys)
    except OSError as error:
        raise Config(f"{path}: cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Config(f"{path}: {error}") from error
    if document is None:
        return []
    if not isinstance(document, dict):
        raise Config(f"{path}: must hold sections (server:, log:, …), not a {type(document).__name__}")
    return list(_leaves(document, "", str(path)))


def from_environment(environment: Mapping[str, str]) -> list[Setting]:
    """The settings of ``GOVAULT_SECTION__KEY`` variables."""
    settings = []
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_CONFIGURATION:
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            settings.append(Setting(key, typed(key, environment[name]), f"environment {name}"))
    return settings


def from_flags(flags: Mapping[str, tuple[str, str]]) -> list[Setting]:
    """The settings of flags: dotted key → (text, the flag as the user knows it)."""
    return [Setting(key, typed(key, text), f"flag {flag}") for key, (text, flag) in flags.items()]


def typed(key: str, text: str) -> object:
    """Text as the key's type wants it; left as text where it does not fit, for the model to refuse by name."""
    kinds = _kinds(_annotation(key))
    if NoneType in kinds and text.strip().lower() in ("", "null", "none"):
        return None
    if bool in kinds:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            text.strip().lower(), text
        )
    if tuple in kinds:
        return _parse_list(text)
    if int in kinds and text.strip().lstrip("-").isdigit():
        return int(text)
    return text


def _parse_list(text: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _annotation(key: str) -> object:
    model: type[BaseModel] = Configuration
    annotation: object = None
    for name in key.split("."):
        field = model.model_fields.get(name)
        if field is None:
            return None
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return annotation


def _kinds(annotation: object) -> set[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds(part)}
    return {origin or annotation}


def _leaves(document: Mapping[Any, object], prefix: str, origin: str) -> Iterator[Setting]:
    for name, value in document.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _leaves(value, f"{key}.", origin)
        elif value is not None or not _is_section(key):
            yield Setting(key, value, origin)


def _is_section(key: str) -> bool:
    annotation = _annotation(key)
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _parse_json(raw: bytes) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen: dict[str, object] = {}
        for name, value in pairs:
            if name in seen:
                raise ValueError(f"the key {name!r} is there twice")
            seen[name] = value
        return seen

    return json.loads(raw, object_pairs_hook=unique)


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML, but a key that is there twice is an error: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if name in seen and name is not None:
                raise ValueError(f"line {key_node.start_mark.line + 1}: the key {name!r} is there twice")
            seen.add(name)
        return super().construct_mapping(node, deep)
