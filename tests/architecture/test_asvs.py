"""The table of docs/asvs.md: every item that is said to hold names something that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/asvs.md").read_text().splitlines()
    if re.match(r"\| \d+\.\d+", line)
]
_PATH = re.compile(r"`([A-Za-z_./-]+\.(?:py|md|toml))`")


def test_every_item_says_whether_it_holds_and_what_shows_it() -> None:
    assert len(ROWS) > 50
    for item, what, holds, by in ROWS:
        assert holds in ("yes", "no", "n/a"), item
        assert what
        assert by, item
        if holds == "yes" and by != "below":
            named = _PATH.findall(by)
            assert named, f"{item} names nothing"
            for path in named:
                assert (ROOT / path).is_file(), f"{item}: there is no {path}"


def test_no_item_stands_twice() -> None:
    items = [one for row in ROWS for one in row[0].split(", ")]
    assert len(items) == len(set(items))
