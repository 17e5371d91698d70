"""Manifest parts: added, listed, idle, released by epoch."""

import base64

from govault.domain.apply_parts import part_id_of
from govault.domain.position import Verdict
from govault.domain.rows import ChunkRow, PackedPartRow, PartRow
from govault.limits import EPOCHS_OF_GRACE, PART_CHUNKS_MAX, PARTS_PER_EVENT_MAX
from schemas.events.files import Content, EpochOpened, ManifestPartsAdded, PartsReleased, SpaceOpened
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import OTHER_SPACE, SPACE, Writer, packed, sha256


def add(writer: Writer, *parts: str, epoch: int | None = None) -> tuple[str, object, object]:
    at = writer.state.partition().epoch if epoch is None else epoch
    outcome = writer.write(ManifestPartsAdded(space_id=SPACE, parts=parts, epoch=at))
    return outcome.reason, outcome.fact("added"), outcome.fact("touched")


def release(writer: Writer, *part_ids: str) -> object:
    return writer.write(PartsReleased(space_id=SPACE, part_ids=part_ids)).fact("released")


def id_of(part: str) -> str:
    return part_id_of(base64.b64decode(part))


def open_epoch(writer: Writer) -> None:
    assert writer.write(EpochOpened(epoch=writer.state.partition().epoch + 1)).reason == ""


def listing(*parts: str, size_bytes: int, whole: bytes = b"whole") -> Content:
    return Content(sha256=sha256(whole), size_bytes=size_bytes, parts=tuple(id_of(part) for part in parts))


def test_parts_are_held_by_the_versions_that_list_them() -> None:
    writer = Writer()
    one, two = packed(b"a", b"b"), packed(b"c")
    assert add(writer, one, two) == ("", 2, 0)
    assert writer.put("f", content=listing(one, two, one, size_bytes=5)).verdict is Verdict.ACCEPTED
    assert writer.put("f", content=listing(one, size_bytes=2, whole=b"less")).fact("version") == 2
    assert [row.references for row in writer.state.rows(PartRow)] == [2, 1]
    check_partition(writer.state)


def test_a_commit_that_lists_an_unknown_part_is_refused() -> None:
    writer = Writer()
    part = packed(b"a")
    outcome = writer.put("f", content=listing(part, size_bytes=1))
    assert (outcome.reason, outcome.fact("part_id")) == ("parts-missing", id_of(part))
    writer.write(SpaceOpened(space_id=OTHER_SPACE, name="other"))
    writer.write(ManifestPartsAdded(space_id=OTHER_SPACE, parts=(part,), epoch=0))
    assert writer.put("f", content=listing(part, size_bytes=1)).reason == "parts-missing"
    check_partition(writer.state)


def test_a_commit_whose_parts_do_not_make_its_size_is_refused() -> None:
    writer = Writer()
    part = packed(b"a")
    add(writer, part)
    assert writer.put("f", content=listing(part, size_bytes=2)).reason == "event-invalid"
    check_partition(writer.state)


def test_broken_parts_are_refused() -> None:
    writer = Writer()
    long = base64.b64encode((b"i" * 32 + b"\0\0\0\1") * (PART_CHUNKS_MAX + 1)).decode()
    empty_chunk = base64.b64encode(b"i" * 32 + b"\0\0\0\0").decode()
    for part in ("", "?", "AAAA", packed(b"a") + "\n", long, empty_chunk):
        assert add(writer, part)[0] == "event-invalid"
    assert add(writer)[0] == "event-invalid"
    assert add(writer, *(packed(b"%d" % n) for n in range(PARTS_PER_EVENT_MAX + 1)))[0] == "event-invalid"
    assert writer.state.rows(PartRow) == []
    assert writer.state.rows(PackedPartRow) == []


def test_an_abandoned_part_is_released_after_two_epochs_with_its_chunks() -> None:
    writer = Writer()
    part = packed(b"a", b"b")
    add(writer, part)
    for _ in range(EPOCHS_OF_GRACE):
        assert release(writer, id_of(part)) == 0
        open_epoch(writer)
    assert release(writer, id_of(part), id_of(part), "0" * 64) == 1
    assert writer.state.rows(ChunkRow) == []
    check_partition(writer.state)


def test_a_touch_begins_the_grace_anew() -> None:
    writer = Writer()
    part = packed(b"a")
    add(writer, part)
    open_epoch(writer)
    assert add(writer, part) == ("", 0, 1)
    assert add(writer, part) == ("", 0, 0)
    open_epoch(writer)
    assert release(writer, id_of(part)) == 0
    open_epoch(writer)
    assert release(writer, id_of(part)) == 1


def test_a_part_that_a_version_lists_needs_no_touch() -> None:
    writer = Writer()
    part = packed(b"a")
    add(writer, part)
    writer.put("f", content=listing(part, size_bytes=1))
    open_epoch(writer)
    assert add(writer, part) == ("", 0, 0)


def test_a_part_that_lost_its_last_version_stays_for_two_epochs() -> None:
    writer = Writer()
    part = packed(b"a")
    add(writer, part)
    writer.put("f", content=listing(part, size_bytes=1))
    for _ in range(3):
        open_epoch(writer)
    assert release(writer, id_of(part)) == 0
    file_id = writer.id_at("f")
    writer.trash(file_id)
    writer.purge(file_id)
    assert [(row.references, row.idle_since_epoch) for row in writer.state.rows(PartRow)] == [(0, 3)]
    assert release(writer, id_of(part)) == 0
    for _ in range(EPOCHS_OF_GRACE):
        open_epoch(writer)
    assert release(writer, id_of(part)) == 1
    check_partition(writer.state)


def test_parts_two_epochs_behind_are_refused() -> None:
    writer = Writer()
    open_epoch(writer)
    open_epoch(writer)
    assert add(writer, packed(b"a"), epoch=0)[0] == "stale-epoch"
    assert add(writer, packed(b"a"), epoch=1) == ("", 1, 0)


def test_a_commit_that_lists_a_part_leaves_its_chunks_as_they_are_written() -> None:
    writer = Writer()
    part = packed(b"a")
    add(writer, part)
    before = writer.state.rows(PackedPartRow)
    assert writer.put("f", content=listing(part, size_bytes=1)).verdict is Verdict.ACCEPTED
    assert [one is other for one, other in zip(before, writer.state.rows(PackedPartRow), strict=True)] == [True]
