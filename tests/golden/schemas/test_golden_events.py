"""Every event version ever shipped stays decodable, to the same meaning."""

import hashlib
from pathlib import Path

import orjson
import pytest

from schemas.codec import MalformedEvent, decode, encode, verify_mac
from schemas.events import EVENT_TYPES
from schemas.topics import Topic
from tests.golden.schemas.examples import NAMED
from tests.golden.schemas.record import FOLDER, MAC_KEY, SUMS

FILES = sorted(FOLDER.glob("*.json"))


def contained(golden: object, now: object) -> bool:
    """Whether all that the golden value says is still said; fields that came later may be beside it."""
    if isinstance(golden, dict):
        return isinstance(now, dict) and all(key in now and contained(value, now[key]) for key, value in golden.items())
    if isinstance(golden, list):
        return isinstance(now, list) and len(golden) == len(now) and all(map(contained, golden, now))
    return golden == now


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_record_decodes_to_what_it_meant(path: Path) -> None:
    golden = orjson.loads(path.read_bytes())
    value = golden["value"].encode()
    verify_mac(
        MAC_KEY,
        Topic(golden["topic"]),
        golden["partition"],
        golden["key"].encode(),
        value,
        bytes.fromhex(golden["mac"]),
    )
    event = decode(value)
    assert golden["topic"] == event.data.TOPIC
    assert contained(golden["data"], event.data.model_dump(mode="json"))
    assert {name: getattr(event, name) for name in golden["envelope"]} == {
        **golden["envelope"],
        "principals": tuple(golden["envelope"]["principals"]),
    }
    assert decode(encode(event)) == event


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_record_with_any_bit_changed_is_malformed(path: Path) -> None:
    golden = orjson.loads(path.read_bytes())
    value = bytearray(golden["value"].encode())
    value[len(value) // 2] ^= 1
    with pytest.raises(MalformedEvent):
        verify_mac(
            MAC_KEY, Topic(golden["topic"]), 3, golden["key"].encode(), bytes(value), bytes.fromhex(golden["mac"])
        )


def test_no_golden_file_was_changed_or_lost() -> None:
    listed = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES} == listed


def test_every_event_type_has_a_golden_record() -> None:
    recorded = {orjson.loads(orjson.loads(path.read_bytes())["value"])["type"] for path in FILES}
    assert recorded == set(EVENT_TYPES), "record it: python -m tests.golden.schemas.record"


def test_every_example_is_recorded() -> None:
    assert {path.stem for path in FILES} >= set(NAMED), "record it: python -m tests.golden.schemas.record"


def test_the_golden_record_of_a_type_gives_every_field_that_it_has() -> None:
    given: dict[str, set[str]] = {}
    for path in FILES:
        document = orjson.loads(orjson.loads(path.read_bytes())["value"])
        given.setdefault(document["type"], set()).update(document["data"])
    lacking = {kind: set(cls.model_fields) - given[kind] for kind, cls in EVENT_TYPES.items()}
    assert not {kind: names for kind, names in lacking.items() if names}
