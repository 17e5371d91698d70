"""Folders, moves, trash and restores as ``apply`` decides them."""

from govault.domain.position import Verdict
from govault.domain.rows import FolderRow
from schemas.events.files import EntityTrashed, EntryMoved, SpaceOpened
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import OTHER_SPACE, SPACE, Writer, sha256


def test_making_a_folder_that_exists_changes_nothing_and_succeeds() -> None:
    writer = Writer()
    first = writer.mkdir("a/b")
    again = writer.mkdir("a/b")
    assert (first.verdict, first.fact("created")) == (Verdict.ACCEPTED, True)
    assert (again.verdict, again.fact("entity_id")) == (Verdict.UNCHANGED, first.fact("entity_id"))
    assert writer.state.totals(SPACE).folders == 2


def test_a_folder_does_not_replace_a_file() -> None:
    writer = Writer()
    writer.put("f", b"x")
    assert writer.mkdir("f").reason == "occupied"
    assert writer.mkdir("f/d").reason == "not-a-folder"
    assert writer.mkdir("a/../b").reason == "path-invalid"


def test_a_move_takes_the_subtree_along_and_makes_folders_on_the_way() -> None:
    writer = Writer()
    writer.put("a/deep/f", b"x")
    outcome = writer.move(writer.id_at("a"), "x/y/z")
    assert outcome.fact("path") == "x/y/z"
    assert writer.file("x/y/z/deep/f").current.sha256 == sha256(b"x")
    assert writer.at("a") is None
    check_partition(writer.state)


def test_a_move_to_where_it_is_changes_nothing() -> None:
    writer = Writer()
    writer.put("a/f", b"x")
    assert writer.move(writer.id_at("a/f"), "a/f").verdict is Verdict.UNCHANGED
    assert writer.move(writer.id_at("a"), "a", replace=True).verdict is Verdict.UNCHANGED
    check_partition(writer.state)


def test_a_folder_does_not_move_into_itself() -> None:
    writer = Writer()
    writer.mkdir("a/b")
    for target in ("a/c", "a/b/c", "a/new/c"):
        assert writer.move(writer.id_at("a"), target).reason == "into-itself"
    check_partition(writer.state)


def test_a_move_onto_something_is_refused_or_makes_it_trash() -> None:
    writer = Writer()
    writer.put("f", b"mine")
    writer.put("g", b"theirs")
    other = writer.id_at("g")
    refused = writer.move(writer.id_at("f"), "g")
    assert (refused.reason, refused.fact("entity_id")) == ("occupied", other)
    replaced = writer.move(writer.id_at("f"), "g", replace=True)
    assert replaced.fact("replaced") == other
    assert writer.file("g").current.sha256 == sha256(b"mine")
    assert writer.row(other).trashed_path == "g"
    check_partition(writer.state)


def test_a_file_may_replace_a_folder_of_that_name_and_the_reverse() -> None:
    writer = Writer()
    writer.put("f", b"x")
    writer.put("d/inside", b"y")
    folder = writer.id_at("d")
    writer.move(writer.id_at("f"), "d", replace=True)
    assert writer.file("d").current.sha256 == sha256(b"x")
    check_partition(writer.state)
    writer.restore(folder, to_path="d", replace=True)
    assert isinstance(writer.at("d"), FolderRow)
    assert writer.file("d/inside")
    check_partition(writer.state)


def test_a_child_may_replace_the_folder_it_stood_in() -> None:
    writer = Writer()
    writer.put("a/b/c", b"x")
    writer.put("a/other", b"y")
    folder = writer.id_at("a")
    assert writer.move(writer.id_at("a/b/c"), "a", replace=True).fact("replaced") == folder
    assert writer.file("a").current.sha256 == sha256(b"x")
    check_partition(writer.state)


def test_a_move_is_refused_when_the_content_is_not_the_one_named() -> None:
    writer = Writer()
    writer.put("f", b"x")
    refused = writer.move(writer.id_at("f"), "g", match_sha256=(sha256(b"y"),))
    assert (refused.reason, refused.fact("etag")) == ("condition-failed", sha256(b"x"))
    assert writer.move(writer.id_at("f"), "g", match_sha256=(sha256(b"x"),)).verdict is Verdict.ACCEPTED


def test_an_entity_of_another_space_is_unknown_here() -> None:
    writer = Writer()
    writer.write(SpaceOpened(space_id=OTHER_SPACE, name="other"))
    writer.put("f", b"x")
    moved = EntryMoved(space_id=OTHER_SPACE, entity_id=writer.id_at("f"), to_path="g")
    assert writer.write(moved).reason == "entity-unknown"
    assert writer.write(EntityTrashed(space_id=OTHER_SPACE, entity_id=writer.id_at("f"))).reason == "entity-unknown"


def test_trash_frees_the_name_and_remembers_the_path_and_who() -> None:
    writer = Writer()
    writer.put("d/f", b"x")
    file_id = writer.id_at("d/f")
    assert writer.trash(file_id).fact("path") == "d/f"
    row = writer.row(file_id)
    assert (row.trashed_ms, row.trashed_path, row.trashed_by) == (writer.now_ms, "d/f", "admin")
    assert writer.put("d/f", b"y").fact("created") is True
    check_partition(writer.state)


def test_what_is_in_a_trashed_folder_cannot_be_touched_by_id() -> None:
    writer = Writer()
    writer.put("d/e/f", b"x")
    file_id, folder_id = writer.id_at("d/e/f"), writer.id_at("d/e")
    writer.trash(writer.id_at("d"))
    assert writer.trash(file_id).reason == "entity-unknown"
    assert writer.move(folder_id, "z").reason == "entity-unknown"
    assert writer.restore(file_id).reason == "not-trash"
    check_partition(writer.state)


def test_trash_twice_is_refused_the_second_time() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    writer.trash(file_id)
    assert writer.trash(file_id).reason == "entity-unknown"


def test_trash_obeys_the_condition() -> None:
    writer = Writer()
    writer.put("f", b"x")
    writer.mkdir("d")
    assert writer.trash(writer.id_at("f"), match_sha256=(sha256(b"y"),)).fact("etag") == sha256(b"x")
    assert writer.trash(writer.id_at("d"), match_sha256=(sha256(b"y"),)).reason == "condition-failed"


def test_a_restored_folder_comes_back_with_everything_in_it() -> None:
    writer = Writer()
    writer.put("a/b/f", b"x")
    folder = writer.id_at("a/b")
    writer.trash(folder)
    assert writer.restore(folder).fact("path") == "a/b"
    assert writer.file("a/b/f").trashed_ms is None
    assert writer.row(folder).trashed_path == ""
    check_partition(writer.state)


def test_a_restore_makes_the_folders_it_stood_in_anew() -> None:
    writer = Writer()
    writer.put("a/b/f", b"x")
    file_id = writer.id_at("a/b/f")
    writer.trash(file_id)
    writer.move(writer.id_at("a"), "elsewhere")
    writer.restore(file_id)
    assert writer.id_at("a/b/f") == file_id
    assert writer.at("elsewhere/b") is not None
    check_partition(writer.state)


def test_a_restore_onto_something_is_refused_or_makes_it_trash() -> None:
    writer = Writer()
    writer.put("f", b"old")
    old = writer.id_at("f")
    writer.trash(old)
    writer.put("f", b"new")
    new = writer.id_at("f")
    assert writer.restore(old).reason == "occupied"
    assert writer.restore(old, to_path="g").fact("path") == "g"
    writer.trash(old)
    assert writer.restore(old, to_path="f", replace=True).fact("replaced") == new
    assert writer.row(new).trashed_ms == writer.now_ms
    check_partition(writer.state)


def test_only_trash_is_restored() -> None:
    writer = Writer()
    writer.put("f", b"x")
    assert writer.restore(writer.id_at("f")).reason == "not-trash"
    assert writer.restore("f_unknown").reason == "entity-unknown"


def test_trash_inside_trash_stays_a_piece_of_its_own() -> None:
    writer = Writer()
    writer.put("d/f", b"x")
    writer.put("d/g", b"y")
    file_id, folder_id = writer.id_at("d/f"), writer.id_at("d")
    writer.trash(file_id)
    writer.trash(folder_id)
    writer.restore(file_id)
    assert writer.id_at("d/f") == file_id
    assert writer.id_at("d") != folder_id
    assert writer.restore(folder_id).reason == "occupied"
    check_partition(writer.state)
