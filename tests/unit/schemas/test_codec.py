"""The wire form of events: what is malformed, what is unknown, and what the MAC covers."""

from typing import Any

import orjson
import pytest

from schemas.codec import MalformedEvent, UnknownEventType, decode, encode, mac, verify_mac
from schemas.envelope import Event
from schemas.events.files import FolderMade
from schemas.ids import EventId
from schemas.topics import Topic

EVENT = Event(
    id=EventId("e_1"),
    data=FolderMade(space_id="s_1", path="a"),
    actor="admin",
    source="/vaults/v/nodes/n",
    time_ms=1_700_000_000_123,
    subject="s_1",
)
KEY = b"k" * 32


def document(**changes: Any) -> bytes:
    return orjson.dumps({**orjson.loads(encode(EVENT)), **changes})


def test_an_event_survives_the_wire() -> None:
    full = EVENT._replace(principals=("admin", "group:x"), not_after_ms=-5, request_hash="ab")
    assert decode(encode(full)) == full
    assert decode(encode(EVENT)) == EVENT


def test_the_wire_form_is_a_cloud_event() -> None:
    said = orjson.loads(encode(EVENT))
    assert said["specversion"] == "1.0"
    assert said["time"] == "2023-11-14T22:13:20.123+00:00"
    assert said["dataschema"] == "urn:govault:schema:govault.files.folder_made.v1"
    assert all(name.isalnum() and name.islower() for name in said)


def test_fields_of_later_versions_are_ignored() -> None:
    later = document(later="x", data={"space_id": "s_1", "path": "a", "later": 1})
    assert decode(later) == EVENT


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        document(data={"space_id": "s_1"}),
        document(data=None),
        document(data={"space_id": "s_1", "path": ""}),
        document(time="yesterday"),
        document(time=5),
        document(time="2026-01-01T00:00:00"),
        document(notafter="soon"),
        document(principals=5),
        document(type="com.example.other"),
        document(type=["govault.files.folder_made.v1"]),
        document(type="govault.files.folder_gone.v1", specversion="0.3"),
    ],
)
def test_what_is_not_an_event_of_ours_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedEvent):
        decode(raw)


@pytest.mark.parametrize("kind", ["govault.files.folder_made.v2", "govault.files.grant_given.v1"])
def test_an_event_of_ours_that_this_program_does_not_know_is_unknown_and_not_malformed(kind: str) -> None:
    with pytest.raises(UnknownEventType):
        decode(document(type=kind))


def test_the_mac_covers_place_key_and_value() -> None:
    given = mac(KEY, Topic.FILES, 3, b"s_1", b"value")
    verify_mac(KEY, Topic.FILES, 3, b"s_1", b"value", given)
    for other in (
        (b"K" * 32, Topic.FILES, 3, b"s_1", b"value"),
        (KEY, Topic.PEERS, 3, b"s_1", b"value"),
        (KEY, Topic.FILES, 4, b"s_1", b"value"),
        (KEY, Topic.FILES, 3, b"s_2", b"value"),
        (KEY, Topic.FILES, 3, b"s_1v", b"alue"),
        (KEY, Topic.FILES, 3, b"s_1", b"Value"),
    ):
        with pytest.raises(MalformedEvent):
            verify_mac(*other, given)
    for missing in (None, b"", given[:-1]):
        with pytest.raises(MalformedEvent):
            verify_mac(KEY, Topic.FILES, 3, b"s_1", b"value", missing)
