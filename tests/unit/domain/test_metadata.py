"""What people say about files: tags, description, media type, under a revision."""

from typing import Any

from govault.domain.position import Outcome, Verdict
from govault.limits import TAGS_PER_FILE_MAX
from schemas.events.files import MetadataChanged
from tests.unit.domain.writing import SPACE, Writer


def change(writer: Writer, entity_id: str, **fields: Any) -> Outcome:
    return writer.write(MetadataChanged(space_id=SPACE, entity_id=entity_id, **fields))


def test_tags_are_set_added_and_removed_as_a_set() -> None:
    writer = Writer()
    writer.put("f", b"x", tags=("old",))
    file_id = writer.id_at("f")
    change(writer, file_id, tags=("b", "a", "a"))
    assert writer.file("f").tags == ("a", "b")
    change(writer, file_id, add_tags=("c", "a"), remove_tags=("b", "absent"))
    assert writer.file("f").tags == ("a", "c")
    assert change(writer, file_id, add_tags=("a",)).verdict is Verdict.UNCHANGED
    assert change(writer, file_id, tags=()).fact("revision") == 3


def test_a_tag_both_added_and_removed_is_there() -> None:
    writer = Writer()
    writer.put("f", b"x", tags=("t",))
    assert change(writer, writer.id_at("f"), add_tags=("t",), remove_tags=("t",)).verdict is Verdict.UNCHANGED


def test_a_stale_revision_is_refused_with_the_current_one() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    assert change(writer, file_id, base_revision=0, description="d").fact("revision") == 1
    refused = change(writer, file_id, base_revision=0, description="e")
    assert (refused.reason, refused.fact("revision")) == ("revision-mismatch", 1)


def test_a_media_type_set_by_people_is_beside_the_sniffed_one() -> None:
    writer = Writer()
    writer.put("f", b"x")
    change(writer, writer.id_at("f"), media_type="text/x-mine")
    assert (writer.file("f").media_type, writer.file("f").current.media_type) == (
        "text/x-mine",
        "application/octet-stream",
    )
    change(writer, writer.id_at("f"), media_type="")
    assert writer.file("f").media_type == ""


def test_bounds_hold_and_only_live_files_have_metadata() -> None:
    writer = Writer()
    writer.put("d/f", b"x", tags=tuple(f"t{n}" for n in range(TAGS_PER_FILE_MAX)))
    file_id = writer.id_at("d/f")
    assert change(writer, file_id, add_tags=("one more",)).reason == "too-many-tags"
    assert change(writer, file_id, description="é" * 2049).reason == "event-invalid"
    assert change(writer, file_id, media_type="text/plain\n").reason == "event-invalid"
    assert change(writer, writer.id_at("d"), description="d").reason == "not-a-file"
    writer.trash(writer.id_at("d"))
    assert change(writer, file_id, description="d").reason == "entity-unknown"
