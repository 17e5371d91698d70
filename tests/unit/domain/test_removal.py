"""Purges and prunes: what ends, what is refused, and that every reference and total follows."""

from govault.domain.position import Verdict
from govault.domain.rows import ChunkRow, EntryRow, FileRow, VersionRow
from govault.limits import BATCH_OPERATIONS_MAX, VERSIONS_PER_PURGE_MAX
from schemas.events.files import TrashPurged, VersionsPruned
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import SPACE, Writer


def prune(writer: Writer, file_id: str, *versions: int) -> dict[str, object]:
    outcome = writer.write(VersionsPruned(space_id=SPACE, file_id=file_id, versions=versions))
    return {"verdict": outcome.verdict, "reason": outcome.reason, **dict(outcome.facts)}


def test_a_purged_file_ends_with_all_versions_and_references() -> None:
    writer = Writer()
    for content in (b"one", b"two", b"three"):
        writer.put("f", content)
    file_id = writer.id_at("f")
    writer.trash(file_id)
    assert writer.purge(file_id).fact("purged") == 1
    for kind in (FileRow, VersionRow, ChunkRow, EntryRow):
        assert writer.state.rows(kind) == []
    assert writer.state.totals(SPACE)[1:] == (0, 0, 0, 0)
    check_partition(writer.state)


def test_live_files_are_not_purged() -> None:
    writer = Writer()
    writer.put("f", b"x")
    outcome = writer.purge(writer.id_at("f"), "f_unknown")
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "not-trash")
    assert outcome.fact(writer.id_at("f")) == "not-trash"
    assert outcome.fact("refused") == 2
    check_partition(writer.state)


def test_a_tree_is_purged_from_the_leaves_up_in_one_event() -> None:
    writer = Writer()
    writer.put("d/e/f", b"x")
    writer.put("d/g", b"y")
    d, e, f, g = (writer.id_at(path) for path in ("d", "d/e", "d/e/f", "d/g"))
    writer.trash(d)
    assert writer.purge(d).reason == "folder-not-empty"
    partly = writer.purge(f, d, e)
    assert (partly.fact("purged"), partly.fact(d)) == (2, "folder-not-empty")
    check_partition(writer.state)
    assert writer.purge(g, d).fact("purged") == 2
    assert writer.state.totals(SPACE)[1:] == (0, 0, 0, 0)
    check_partition(writer.state)


def test_each_entity_counts_once_however_often_it_is_named() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    writer.trash(file_id)
    assert writer.purge(file_id, file_id).fact("purged") == 1
    again = writer.purge(file_id)
    assert (again.reason, again.fact("refused")) == ("entity-unknown", 1)
    assert writer.purge().verdict is Verdict.UNCHANGED


def test_words_that_are_no_ids_are_counted_but_never_become_facts() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    writer.trash(file_id)
    outcome = writer.purge("purged", "refused", "", file_id)
    assert dict(outcome.facts) == {"purged": 1, "refused": 3}


def test_a_purge_is_bounded() -> None:
    writer = Writer()
    ids = tuple(f"f_{number}" for number in range(BATCH_OPERATIONS_MAX + 1))
    assert writer.write(TrashPurged(space_id=SPACE, entity_ids=ids)).reason == "event-invalid"
    for number in range(VERSIONS_PER_PURGE_MAX + 2):
        writer.put("f", b"%d" % number)
    file_id = writer.id_at("f")
    writer.trash(file_id)
    assert writer.purge(file_id).reason == "too-many-versions"
    assert prune(writer, file_id, 1)["pruned"] == 1
    assert writer.purge(file_id).fact("purged") == 1
    check_partition(writer.state)


def test_versions_are_pruned_but_never_the_current_one() -> None:
    writer = Writer()
    for content in (b"one", b"two", b"three"):
        writer.put("f", content)
    file_id = writer.id_at("f")
    assert prune(writer, file_id, 3)["reason"] == "version-current"
    assert prune(writer, file_id, 9)["reason"] == "version-unknown"
    some = prune(writer, file_id, 1, 1, 3, 10**30)
    assert some == {
        "verdict": Verdict.ACCEPTED,
        "reason": "",
        "file_id": file_id,
        "pruned": 1,
        "refused": 2,
        "3": "version-current",
    }
    assert tuple(writer.file("f").older) == (2,)
    check_partition(writer.state)


def test_a_new_version_never_takes_the_number_of_a_pruned_one() -> None:
    writer = Writer()
    writer.put("f", b"one")
    writer.put("f", b"two")
    prune(writer, writer.id_at("f"), 1)
    assert writer.put("f", b"three").fact("version") == 3


def test_versions_of_trash_can_be_pruned_and_those_of_folders_not() -> None:
    writer = Writer()
    writer.put("d/f", b"one")
    writer.put("d/f", b"two")
    file_id, folder_id = writer.id_at("d/f"), writer.id_at("d")
    writer.trash(folder_id)
    assert prune(writer, file_id, 1)["pruned"] == 1
    assert prune(writer, folder_id, 1)["reason"] == "not-a-file"
    assert prune(writer, "f_unknown", 1)["reason"] == "entity-unknown"
    assert prune(writer, file_id, *range(BATCH_OPERATIONS_MAX + 1))["reason"] == "too-many-versions"
    check_partition(writer.state)


def test_a_chunk_goes_with_its_last_holder() -> None:
    writer = Writer()
    writer.put("f", b"shared", b"f only")
    writer.put("g", b"shared")
    file_id = writer.id_at("f")
    writer.trash(file_id)
    writer.purge(file_id)
    assert [row.references for row in writer.state.rows(ChunkRow)] == [1]
    check_partition(writer.state)
