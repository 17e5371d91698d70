"""Writes ``schemas/published/`` from the code: ``python -m schemas.publish``.

A schema that is there already is replaced only by one that understands it, and that it understands.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from schemas.asyncapi import asyncapi_document
from schemas.compatibility import breaking_changes
from schemas.events import EVENT_TYPES
from schemas.json_schemas import TYPE_PATTERN, Schema, envelope_schema, event_schema

FOLDER = Path(__file__).parent / "published"


def published_files() -> dict[str, bytes]:
    """Every file of ``schemas/published/``, by its path in there."""
    documents: dict[str, dict[str, Any]] = {
        "asyncapi.json": asyncapi_document(),
        "envelope.json": envelope_schema(),
        **{f"events/{cls.TYPE}.json": event_schema(cls) for cls in EVENT_TYPES.values()},
    }
    return {name: as_text(document) for name, document in documents.items()}


def as_text(document: dict[str, Any]) -> bytes:
    """A document as it is checked in: indented, in the order it was made, one newline at the end."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def breaches(folder: Path) -> list[str]:
    """What the code breaks of the schemas in a folder: the envelope's and the events'."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        if path.name == "asyncapi.json":
            continue
        now = current_schema(path.name)
        if now is None:
            found.append(f"{path.stem}: was shipped and is gone")
        else:
            found += [f"{path.stem}: {breach}" for breach in breaking_changes(json.loads(path.read_bytes()), now)]
    return found


def current_schema(file_name: str) -> Schema | None:
    """The code's schema of a published (or shipped, ``<type>.<number>.json``) file."""
    if file_name.startswith("envelope."):
        return envelope_schema()
    found = re.match(TYPE_PATTERN.strip("^$"), file_name)
    cls = EVENT_TYPES.get(found[0]) if found else None
    return None if cls is None else event_schema(cls)


def main() -> int:
    """Write what differs; 1 where a shipped schema would break."""
    if found := breaches(FOLDER):
        sys.stderr.write("These changes break what was shipped; make a new event version instead:\n")
        sys.stderr.writelines(f"  {breach}\n" for breach in found)
        return 1
    for name, text in published_files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != text:
            path.write_bytes(text)
            sys.stdout.write(f"wrote {path.relative_to(FOLDER.parent.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
