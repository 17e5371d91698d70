"""The configuration as text: the commented default file, and every value with its origin. Made from the model."""

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from govault.config.load import Loaded
from govault.config.model import Configuration

_HEAD = """\
# GoVault's configuration. Every key is here with its default: change what you need, remove what you do not.
# Stronger than this file: the environment (GOVAULT_SERVER__LISTEN_ADDR=…), then flags (--set server.listen_addr=…).
# Sizes: 512KiB, 10GiB, 1.5TB. Durations: 90s, 15m, 12h, 30d. null: not set.
"""
_WIDTH = 110


def default_file_text() -> str:
    """A YAML file with every key, its description as a comment and its default; it parses back to the defaults."""
    defaults = Configuration()
    return _HEAD + "\n".join(_lines(defaults, "")) + "\n"


def flat(configuration: Configuration) -> dict[str, object]:
    """Dotted key → value as it would stand in a file."""
    return dict(_flatten(configuration.model_dump(mode="json"), ""))


def origins_text(loaded: Loaded) -> str:
    """One line a key: ``key: value  # origin``."""
    rows = [(f"{key}: {_scalar(value)}", loaded.origin(key)) for key, value in flat(loaded.configuration).items()]
    width = min(max(len(text) for text, _ in rows), 70)
    return "\n".join(f"{text:<{width}}  # {origin}" for text, origin in rows) + "\n"


def configuration_text(configuration: Configuration) -> str:
    """The effective configuration as YAML."""
    return yaml.safe_dump(configuration.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _lines(model: BaseModel, indent: str) -> Iterator[str]:
    values = model.model_dump(mode="json")
    for index, (name, field) in enumerate(type(model).model_fields.items()):
        value = getattr(model, name)
        if not indent or (isinstance(value, BaseModel) and index):
            yield ""
        for line in textwrap.wrap(field.description or "", _WIDTH - len(indent)):
            yield f"{indent}# {line}"
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: {_scalar(values[name])}"


def _scalar(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _flatten(tree: dict[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
