"""The draft of one event: its reads see its own changes, and its end says each change once."""

from govault.domain.draft import Draft
from govault.domain.position import Position
from govault.domain.rows import ChunkRow, Delete, EntryRow, Put
from schemas.topics import Topic
from tests.unit.domain.writing import SPACE, Writer


def drafted(writer: Writer) -> Draft:
    return Draft(writer.state, Position(Topic.FILES, 0, 99), 5, writer.state.partition(), SPACE)


def test_a_name_that_was_taken_away_is_free_and_one_that_was_given_is_not() -> None:
    writer = Writer()
    writer.put("f", b"x")
    draft = drafted(writer)
    file = writer.file("f")
    draft.delete_entry(file, is_folder=False)
    assert draft.entry(SPACE, "f") is None
    assert not draft.has_entries(SPACE)
    draft.put_entry(SPACE, "f", True, "f_folder")
    assert draft.entry(SPACE, "f") == EntryRow(SPACE, SPACE, "f", True, "f_folder")
    assert draft.has_entries(SPACE)
    assert draft.changes() == [
        Delete(EntryRow(SPACE, SPACE, "f", False, file.entity_id)),
        Put(EntryRow(SPACE, SPACE, "f", True, "f_folder")),
    ]


def test_an_entity_that_ended_is_gone() -> None:
    writer = Writer()
    writer.put("f", b"x")
    draft = drafted(writer)
    draft.delete_entity(writer.file("f"))
    assert draft.entity(writer.id_at("f")) is None
    assert draft.id_is_taken(writer.id_at("f"))


def test_counts_that_cancel_out_change_nothing() -> None:
    writer = Writer()
    draft = drafted(writer)
    draft.count_chunk(b"c", 1)
    draft.count_chunk(b"c", -1)
    assert draft.changes() == []


def test_a_chunk_without_a_reference_left_is_deleted() -> None:
    writer = Writer()
    draft = drafted(writer)
    draft.count_chunk(b"c", 2)
    assert draft.changes() == [Put(ChunkRow(b"c", 2))]
    writer.state.fold(draft.changes())
    draft = drafted(writer)
    draft.count_chunk(b"c", -2)
    assert draft.changes() == [Delete(ChunkRow(b"c", 0))]
