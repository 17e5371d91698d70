"""Keeps each schema as it is shipped: ``python -m tests.golden.schemas.ship``, before a release that changes one.

Files are ``<type>.<number>.json``; none is ever written again.
"""

import hashlib
import json
from pathlib import Path

from schemas.publish import as_text, published_files

FOLDER = Path(__file__).parent / "shipped"
SUMS = FOLDER / "SHA256SUMS"


def shipped(stem: str) -> list[Path]:
    """All shipped schemas of an event type (or of the envelope), oldest first."""
    found = [path for path in FOLDER.glob("*.json") if path.stem.rpartition(".")[0] == stem]
    return sorted(found, key=lambda path: int(path.stem.rpartition(".")[2]))


def stems() -> dict[str, bytes]:
    """What the code would publish, by type (or ``envelope``)."""
    return {Path(name).stem: text for name, text in published_files().items() if not name.startswith("asyncapi")}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for stem, text in stems().items():
        before = shipped(stem)
        if before and as_text(json.loads(before[-1].read_bytes())) == text:
            continue
        path = FOLDER / f"{stem}.{len(before) + 1}.json"
        path.write_bytes(text)
        with SUMS.open("a") as sums:
            sums.write(f"{hashlib.sha256(text).hexdigest()}  {path.name}\n")
        print(f"shipped {path.name}")


if __name__ == "__main__":
    main()
