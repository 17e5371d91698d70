"""Writes golden records that do not exist yet: ``python -m tests.golden.schemas.record``.

A golden file is what a shipped program wrote. It never changes, so this never overwrites one; and each new one is
added to ``SHA256SUMS``, which a test holds the files against.
"""

import hashlib
from pathlib import Path

import orjson

from schemas.codec import encode, mac
from schemas.envelope import Event
from schemas.events import EventData
from schemas.ids import EventId
from tests.golden.schemas.examples import NAMED

FOLDER = Path(__file__).parent / "events"
SUMS = FOLDER / "SHA256SUMS"
MAC_KEY = bytes(range(100, 132))
PARTITION = 3


def record_of(data: EventData) -> bytes:
    """A record as it stands in the log, and what it must decode to."""
    event = Event(
        id=EventId("e_01HF7YAT00DC9XRR3SDYCM8EEE"),
        data=data,
        actor="admin",
        source="/vaults/v-golden/nodes/n-golden",
        time_ms=1_700_000_000_123,
        subject=str(getattr(data, "space_id", getattr(data, "node_id", "golden"))),
        principals=("admin", "group:all"),
        not_after_ms=1_700_000_120_123,
        request_hash="f" * 64,
    )
    key, value = event.subject.encode(), encode(event)
    document = {
        "topic": data.TOPIC.value,
        "partition": PARTITION,
        "key": key.decode(),
        "mac": mac(MAC_KEY, data.TOPIC, PARTITION, key, value).hex(),
        "value": value.decode(),
        "envelope": {
            "id": event.id,
            "actor": event.actor,
            "source": event.source,
            "time_ms": event.time_ms,
            "subject": event.subject,
            "principals": event.principals,
            "not_after_ms": event.not_after_ms,
            "request_hash": event.request_hash,
        },
        "data": data.model_dump(mode="json"),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, data in NAMED.items():
        path = FOLDER / f"{name}.json"
        if path.exists():
            continue
        raw = record_of(data)
        path.write_bytes(raw)
        with SUMS.open("a") as sums:
            sums.write(f"{hashlib.sha256(raw).hexdigest()}  {path.name}\n")
        print(f"recorded {path.name}")


if __name__ == "__main__":
    main()
