"""Ids: their forms, and that what is derived is the same everywhere."""

import re

import pytest

from schemas.ids import (
    ENTITY_ID_PATTERN,
    EventId,
    crockford,
    derived_entity_id,
    event_id_for_key,
    is_entity_id,
    is_sha256,
    is_space_id,
    new_entity_id,
    new_event_id,
    new_space_id,
)


def test_a_ulid_is_the_one_of_its_specification() -> None:
    # The example of https://github.com/ulid/spec: 01ARZ3NDEKTSV4RRFFQ69G5FAV.
    raw = (0x01563E3AB5D3D6764C61EFB99302BD5B).to_bytes(16, "big")
    assert crockford(raw) == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert crockford(b"\xff" * 16) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


def test_ids_sort_by_time() -> None:
    made = [new_entity_id(time_ms, b"\xff" * 10) for time_ms in (0, 1, 31, 32, 2**47)]
    assert made == sorted(made)


def test_every_id_has_the_form_of_its_kind_and_no_other() -> None:
    entity, space = new_entity_id(1, b"x" * 10), new_space_id(1, b"x" * 10)
    assert is_entity_id(entity)
    assert not is_entity_id(space)
    assert is_space_id(space)
    assert not is_space_id(new_event_id(1, b"x" * 10))
    assert re.match(ENTITY_ID_PATTERN, derived_entity_id(EventId("e_1"), 0))


@pytest.mark.parametrize("text", ["", "f_", "f_01ARZ3NDEKTSV4RRFFQ69G5FA", "f_81ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert not is_entity_id(text)


def test_a_line_feed_at_the_end_makes_an_id_none() -> None:
    assert not is_entity_id("f_01ARZ3NDEKTSV4RRFFQ69G5FAV\n")
    assert not is_sha256("0" * 64 + "\n")


def test_an_idempotency_key_gives_the_same_event_to_the_same_actor_only() -> None:
    assert event_id_for_key("a", "k") == event_id_for_key("a", "k")
    others = {event_id_for_key("a", "k"), event_id_for_key("b", "k"), event_id_for_key("a", "k", "step")}
    assert len(others) == 3
    assert event_id_for_key("a", "k\0s") != event_id_for_key("a\0k", "s")


def test_derived_folder_ids_differ_by_event_and_index() -> None:
    made = {derived_entity_id(EventId(event), index) for event in ("e_1", "e_2") for index in range(3)}
    assert len(made) == 6


def test_derived_ids_never_change() -> None:
    # Pinned: nodes of different versions must derive the same folder from the same event.
    assert derived_entity_id(EventId("e_1"), 0) == "f_67086JV2AMPW3XX12FQCSQ2868"
    assert event_id_for_key("admin", "k") == "e_5MCQYVTH4S3A9ZHB40TKNP4CW0"
