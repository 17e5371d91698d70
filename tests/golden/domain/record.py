"""Records golden logs: ``python -m tests.golden.domain.record NAME SEED EVENTS``.

A name ``rules-2-…`` is a history of several people, what they grant and, where it ends in ``shares``, their links;
``rules-3-…`` of people in spaces with quotas; ``rules-4-…`` of such with files that come by upload links.

A golden log is a history with the outcome of every event and the digest of the state it ends in, as decided by the
rules in force when it was recorded. It is never recorded again: whatever the code becomes, these rules decide so.
"""

import hashlib
import sys
from pathlib import Path
from random import Random
from typing import Any

import orjson

from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Outcome
from govault.domain.rows import OwnedRow, PackedPartRow, PartRow, Row
from govault.domain.version_numbers import VersionNumbers
from schemas.codec import encode
from tests.property.domain.access_histories import AccessHistoryWriter, ShareHistoryWriter
from tests.property.domain.histories import HistoryWriter
from tests.property.domain.link_histories import LinkHistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter

FOLDER = Path(__file__).parent / "logs"
SUMS = FOLDER / "SHA256SUMS"


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the log tells it."""
    return {
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
        "facts": dict(outcome.facts),
        "position": str(outcome.position),
    }


def state_digest(state: MemoryPartition) -> str:
    """SHA-256 of all rows. Fields at their default are left out, so that a field added later changes nothing.

    A part and its chunks were one row when the first logs were recorded, so here they are one for ever. What accounts
    own, and the size of a file's older versions, are sums of other rows that are kept since: ``check_partition``
    recounts them.
    """
    lines = [
        orjson.dumps([kind.__name__, _plain(row) | _packed(state, row)], option=orjson.OPT_SORT_KEYS)
        for kind, family in state.state().items()
        if kind not in (PackedPartRow, OwnedRow)
        for row in family.values()
    ]
    return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


def _packed(state: MemoryPartition, row: Row) -> dict[str, Any]:
    return {"packed": state.packed_part(row.space_id, row.part_id)} if isinstance(row, PartRow) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, VersionNumbers):
        return list(value)
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        row: Row = value
        defaults = row._field_defaults
        return {
            name: _plain(part)
            for name, part in row._asdict().items()
            if name != "older_bytes" and (name not in defaults or part != defaults[name])
        }
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def recorded(seed: int, events: int, kind: type[HistoryWriter] = HistoryWriter) -> bytes:
    """A random history as lines of JSON, with the digest of its end as the last line."""
    writer = kind(Random(seed))
    for _ in range(events):
        writer.step()
    state = MemoryPartition()
    lines = []
    for offset, time_ms, event in writer.log:
        applied = state.apply(event, offset, time_ms)
        assert applied is not None
        line = {"offset": offset, "time_ms": time_ms, "event": encode(event).decode(), "outcome": told(applied.outcome)}
        lines.append(orjson.dumps(line))
    lines.append(orjson.dumps({"rules": state.partition().rules, "state": state_digest(state)}))
    return b"\n".join(lines) + b"\n"


def main(name: str, seed: str, events: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.jsonl"
    if path.exists():
        raise SystemExit(f"{path.name} is recorded already: a golden log never changes")
    people = ShareHistoryWriter if name.endswith("-shares") else AccessHistoryWriter
    of_rules = {
        "rules-1": HistoryWriter,
        "rules-2": people,
        "rules-3": QuotaHistoryWriter,
        "rules-4": LinkHistoryWriter,
    }
    raw = recorded(int(seed), int(events), of_rules[name[:7]])
    path.write_bytes(raw)
    with SUMS.open("a") as sums:
        sums.write(f"{hashlib.sha256(raw).hexdigest()}  {path.name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
