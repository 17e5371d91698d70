"""Commits: CONTRACT's table of conditions, races with moves and trash, identical content, manifests."""

import pytest

from govault.domain.position import Verdict
from govault.domain.rows import FileRow, FolderRow
from govault.limits import INLINE_CHUNKS_MAX, PARTS_PER_VERSION_MAX, TAGS_PER_FILE_MAX
from schemas.events.files import Base, Content, Origin, VersionCommitted
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import SPACE, Writer, content_of, packed, sha256


def test_a_commit_to_a_free_path_makes_version_1_and_the_folders_on_the_way() -> None:
    writer = Writer()
    outcome = writer.put("a/b/c.txt", b"hello")
    assert outcome.verdict is Verdict.ACCEPTED
    assert dict(outcome.facts) == {
        "file_id": writer.id_at("a/b/c.txt"),
        "version": 1,
        "created": True,
        "etag": sha256(b"hello"),
        "path": "a/b/c.txt",
    }
    assert isinstance(writer.at("a/b"), FolderRow)
    assert writer.state.totals(SPACE)[1:] == (1, 2, 1, 5)
    check_partition(writer.state)


def test_a_commit_over_a_file_makes_the_next_version_and_keeps_the_old() -> None:
    writer = Writer()
    writer.put("f", b"one")
    outcome = writer.put("f", b"two")
    assert (outcome.fact("version"), outcome.fact("created"), outcome.fact("etag")) == (2, False, sha256(b"two"))
    old = writer.state.version(writer.id_at("f"), 1)
    assert old is not None
    assert old.content.sha256 == sha256(b"one")
    assert tuple(writer.file("f").older) == (1,)
    check_partition(writer.state)


def test_identical_content_makes_no_version() -> None:
    writer = Writer()
    writer.put("f", b"same")
    before = writer.file("f")
    outcome = writer.put("f", b"same")
    assert (outcome.verdict, outcome.fact("version")) == (Verdict.UNCHANGED, 1)
    assert writer.file("f") == before
    check_partition(writer.state)


@pytest.mark.parametrize(
    "changed",
    [{"mtime_ns": 7}, {"executable": True}, {"media_type": "text/plain"}],
)
def test_identical_content_with_other_attributes_touches_the_current_version(changed: dict[str, object]) -> None:
    writer = Writer()
    writer.put("f", b"same")
    outcome = writer.put("f", content=content_of(b"same", **changed))
    file = writer.file("f")
    assert (outcome.verdict, outcome.fact("version")) == (Verdict.ACCEPTED, 1)
    assert (file.current.number, tuple(file.older), file.revision) == (1, (), 1)
    assert all(getattr(file.current, name) == value for name, value in changed.items())
    check_partition(writer.state)


def test_a_writer_without_an_mtime_does_not_erase_one() -> None:
    writer = Writer()
    writer.put("f", content=content_of(b"same", mtime_ns=7))
    assert writer.put("f", b"same").verdict is Verdict.UNCHANGED
    assert writer.file("f").current.mtime_ns == 7


def test_identical_content_keeps_the_first_manifest_and_references_nothing_of_the_second() -> None:
    writer = Writer()
    writer.put("f", b"abcd")
    writer.put("f", b"ab", b"cd")
    assert writer.file("f").current.manifest == packed(b"abcd")
    check_partition(writer.state)


def test_a_link_is_not_the_file_of_the_same_bytes() -> None:
    writer = Writer()
    writer.put("f", b"target")
    assert writer.put("f", content=content_of(b"target", kind="symlink")).fact("version") == 2


def test_absent_over_a_file_fails_with_the_current_etag() -> None:
    writer = Writer()
    assert writer.put("f", b"one", condition="absent").verdict is Verdict.ACCEPTED
    outcome = writer.put("f", b"two", condition="absent")
    assert (outcome.reason, outcome.fact("etag")) == ("condition-failed", sha256(b"one"))


def test_match_fails_unless_the_current_content_is_among_those_named() -> None:
    writer = Writer()
    missing = writer.put("f", b"one", condition="match", match_sha256=(sha256(b"one"),))
    assert (missing.reason, missing.fact("etag")) == ("condition-failed", None)
    writer.put("f", b"one")
    stale = writer.put("f", b"two", condition="match", match_sha256=(sha256(b"zero"),))
    assert (stale.reason, stale.fact("etag")) == ("condition-failed", sha256(b"one"))
    assert writer.put("f", b"two", condition="match", match_sha256=(sha256(b"0"), sha256(b"one"))).fact("version") == 2


def test_two_writers_on_one_base_both_succeed_in_log_order_and_the_base_is_recorded() -> None:
    writer = Writer()
    writer.put("f", b"base")
    base = Base(file_id=writer.id_at("f"), version=1)
    assert writer.put("f", b"mine", base=base).fact("version") == 2
    assert writer.put("f", b"yours", base=base).fact("version") == 3
    assert writer.file("f").current.base_version == 1
    second = writer.state.version(writer.id_at("f"), 2)
    assert second is not None
    assert second.content.base_version == 1


def test_a_commit_by_path_after_a_move_makes_a_new_file_there_and_leaves_the_moved_one_alone() -> None:
    writer = Writer()
    writer.put("old", b"one")
    moved = writer.id_at("old")
    writer.move(moved, "new")
    outcome = writer.put("old", b"two", base=Base(file_id=moved, version=1))
    assert (outcome.fact("created"), outcome.fact("version")) == (True, 1)
    assert writer.file("new").current.sha256 == sha256(b"one")
    assert writer.file("old").current.base_version is None


def test_a_base_that_is_a_version_of_another_file_is_not_recorded() -> None:
    writer = Writer()
    writer.put("f", b"f")
    writer.put("g", b"g")
    writer.put("g", b"h", base=Base(file_id=writer.id_at("f"), version=1))
    assert writer.file("g").current.base_version is None


def test_a_commit_by_path_goes_onto_whatever_was_moved_there() -> None:
    writer = Writer()
    writer.put("a", b"a")
    writer.put("b", b"b")
    writer.move(writer.id_at("b"), "a", replace=True)
    outcome = writer.put("a", b"c")
    assert outcome.fact("version") == 2
    assert outcome.fact("file_id") == writer.id_at("a")


def test_a_commit_by_id_follows_the_file_where_it_went() -> None:
    writer = Writer()
    writer.put("old", b"one")
    file_id = writer.id_at("old")
    writer.move(file_id, "d/new")
    outcome = writer.put(None, b"two", file_id=file_id)
    assert (outcome.fact("version"), outcome.fact("path")) == (2, "d/new")


@pytest.mark.parametrize("trashed", ["d/f", "d"])
def test_a_commit_by_id_to_trash_or_into_it_is_refused(trashed: str) -> None:
    writer = Writer()
    writer.put("d/f", b"one")
    file_id = writer.id_at("d/f")
    writer.trash(writer.id_at(trashed))
    assert writer.put(None, b"two", file_id=file_id).reason == "entity-unknown"


def test_a_commit_by_id_obeys_the_conditions_too() -> None:
    writer = Writer()
    writer.put("f", b"one")
    file_id = writer.id_at("f")
    assert writer.put(None, b"two", file_id=file_id, condition="absent").reason == "condition-failed"
    refused = writer.put(None, b"two", file_id=file_id, condition="match", match_sha256=(sha256(b"two"),))
    assert refused.fact("etag") == sha256(b"one")


def test_a_file_cannot_be_a_folders_parent_nor_a_folder_be_written_to() -> None:
    writer = Writer()
    writer.put("f", b"file")
    writer.mkdir("d")
    assert writer.put("f/under", b"x").reason == "not-a-folder"
    assert writer.put("d", b"x").reason == "occupied"
    assert writer.put(None, b"x", file_id=writer.id_at("d")).reason == "not-a-file"
    check_partition(writer.state)


def test_a_refused_commit_leaves_no_folder_on_the_way() -> None:
    writer = Writer()
    assert writer.put("a/b/f", b"x", condition="match", match_sha256=(sha256(b"x"),)).reason == "condition-failed"
    assert writer.put("a/b/f", b"x", new_file_id="nonsense").reason == "event-invalid"
    assert writer.at("a") is None
    check_partition(writer.state)


def test_an_id_that_is_taken_is_refused() -> None:
    writer = Writer()
    writer.put("f", b"x")
    assert writer.put("g", b"x", new_file_id=writer.id_at("f")).reason == "event-invalid"


def test_path_and_id_exclude_each_other() -> None:
    writer = Writer()
    writer.put("f", b"x")
    both = VersionCommitted(
        space_id=SPACE,
        path="f",
        file_id=writer.id_at("f"),
        new_file_id=writer.new_id(),
        content=content_of(b"y"),
        epoch=0,
    )
    assert writer.write(both).reason == "event-invalid"
    assert writer.put(None, b"y").reason == "event-invalid"


def test_a_commit_two_epochs_behind_is_refused_and_one_behind_is_not() -> None:
    from schemas.events.files import EpochOpened

    writer = Writer()
    for epoch in (1, 2):
        writer.write(EpochOpened(epoch=epoch))
    stale = writer.put("f", b"x", epoch=0)
    assert (stale.reason, stale.fact("epoch")) == ("stale-epoch", 2)
    assert writer.put("f", b"x", epoch=1).verdict is Verdict.ACCEPTED
    # Nothing of the manifest is referenced by a repeat of the same content, so its age does not matter.
    assert writer.put("f", b"x", epoch=0).verdict is Verdict.UNCHANGED


@pytest.mark.parametrize(
    "content",
    [
        Content(sha256="0" * 64, size_bytes=3, inline_manifest=packed(b"four")),
        Content(sha256="0" * 64, size_bytes=3),
        Content(sha256="0" * 64, size_bytes=0, inline_manifest=packed(b"x")),
        Content(sha256="0" * 64, size_bytes=1, inline_manifest="not base64"),
        Content(sha256="0" * 64, size_bytes=1, inline_manifest="é"),
        Content(sha256="0" * 64, size_bytes=1, inline_manifest="AAAA"),
        Content(sha256="0" * 64, size_bytes=1, inline_manifest=packed(b"x"), parts=("1" * 64,)),
        Content(sha256="0" * 64, size_bytes=0, parts=("1" * 64,)),
        Content(sha256="0" * 64, size_bytes=1, parts=("1" * 64,) * (PARTS_PER_VERSION_MAX + 1)),
        Content(sha256="0" * 64, size_bytes=10**40, parts=("1" * 64,)),
        content_of(*(bytes([n]) for n in range(INLINE_CHUNKS_MAX + 1))),
        content_of(b"x", mtime_ns=2**63),
        content_of(b"x", media_type="text/plain\r\nx: y"),
    ],
)
def test_a_content_that_contradicts_itself_is_refused(content: Content) -> None:
    writer = Writer()
    assert writer.put("f", content=content).reason == "event-invalid"
    check_partition(writer.state)


def test_an_empty_content_needs_no_manifest() -> None:
    writer = Writer()
    assert writer.put("f").verdict is Verdict.ACCEPTED
    assert writer.file("f").current.size_bytes == 0


def test_a_chunk_that_repeats_inside_one_manifest_counts_once() -> None:
    writer = Writer()
    writer.put("f", b"ab", b"ab")
    writer.put("g", b"ab")
    check_partition(writer.state)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("a//b", "empty-segment"),
        ("/a", "empty-segment"),
        ("a/", "empty-segment"),
        ("./a", "dot-segment"),
        ("a/..", "dot-dot-segment"),
        ("a\x00", "nul"),
        ("a\x1f", "control-character"),
        ("a\x85", "control-character"),
        ("n" * 256, "segment-too-long"),
        ("é" * 128, "segment-too-long"),
        ("/".join(["n" * 200] * 6)[:1024].rstrip("/"), "path-too-long"),
    ],
)
def test_a_path_that_breaks_a_rule_is_refused_by_its_name(path: str, rule: str) -> None:
    path = path if rule != "path-too-long" else "é/" + path[: 1024 - 2]
    outcome = Writer().put(path, b"x")
    assert (outcome.reason, outcome.fact("rule")) == ("path-invalid", rule)


def test_bytes_compare_so_two_unicode_forms_are_two_names() -> None:
    writer = Writer()
    writer.put("\u00e9", b"composed")
    assert writer.put("e\u0301", b"decomposed").fact("created") is True
    assert writer.put("README", b"x").fact("created") is True
    assert writer.put("readme", b"x").fact("created") is True


def test_tags_and_description_come_with_a_commit_and_stay_when_not_given() -> None:
    writer = Writer()
    writer.put("f", b"one", tags=("b", "a", "b"), description="d", original_name="F.TXT")
    writer.put("f", b"two")
    file = writer.file("f")
    assert (file.tags, file.description, file.original_name, file.revision) == (("a", "b"), "d", "F.TXT", 0)
    writer.put("f", b"two", tags=())
    assert (writer.file("f").tags, writer.file("f").revision) == ((), 1)


def test_too_many_or_broken_tags_are_refused() -> None:
    writer = Writer()
    many = tuple(f"t{n}" for n in range(TAGS_PER_FILE_MAX + 1))
    assert writer.put("f", b"x", tags=many).reason == "too-many-tags"
    for tag in ("", "a\nb", "t" * 129):
        assert writer.put("f", b"x", tags=(tag,)).reason == "event-invalid"


def test_the_origin_of_a_copy_is_recorded() -> None:
    writer = Writer()
    writer.put("f", b"x")
    origin = Origin(how="copy", file_id=writer.id_at("f"), version=1)
    writer.put("g", b"x", origin=origin)
    assert writer.file("g").current.origin == ("copy", writer.id_at("f"), 1)
    assert writer.put("h", b"x", origin=Origin(how="copy", file_id="?", version=1)).reason == "event-invalid"


def test_times_in_rows_are_vault_time() -> None:
    writer = Writer()
    writer.put("f", b"one")
    created = writer.now_ms
    writer.put("f", b"two")
    file = writer.file("f")
    assert isinstance(file, FileRow)
    assert (file.created_ms, file.modified_ms, file.current.committed_ms) == (created, writer.now_ms, writer.now_ms)
