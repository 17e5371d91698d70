"""Spaces: opened, changed, closed; and what a closed one still takes."""

from govault.domain.position import Verdict
from schemas.events.files import (
    EntityTrashed,
    MetadataChanged,
    Replication,
    Retention,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
)
from schemas.ids import SpaceId
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import SPACE, Writer


def test_a_space_opens_once() -> None:
    writer = Writer(open_space=False)
    assert writer.put("f", b"x").reason == "space-unknown"
    opened = SpaceOpened(space_id=SPACE, name="main", retention=Retention(keep_last=3), description="d")
    assert writer.write(opened).verdict is Verdict.ACCEPTED
    assert writer.write(opened).reason == "space-exists"
    space = writer.state.space(SPACE)
    assert space is not None
    assert (space.name, space.keep_last, space.keep_within_s, space.description) == ("main", 3, None, "d")


def test_a_space_with_a_broken_id_name_or_setting_is_refused() -> None:
    writer = Writer(open_space=False)
    for fields in (
        {"space_id": "s_x", "name": "main"},
        {"space_id": SPACE + "\n", "name": "main"},
        {"space_id": SPACE, "name": "Main"},
        {"space_id": SPACE, "name": "main\n"},
        {"space_id": SPACE, "name": "main", "description": "d" * 5000},
        {"space_id": SPACE, "name": "main", "retention": Retention(keep_last=10**30)},
    ):
        assert writer.write(SpaceOpened.model_validate(fields)).reason == "event-invalid"


def test_settings_change_one_by_one_under_a_revision() -> None:
    writer = Writer()
    assert writer.write(SpaceChanged(space_id=SPACE, description="new")).fact("revision") == 1
    assert writer.write(SpaceChanged(space_id=SPACE, description="new")).verdict is Verdict.UNCHANGED
    stale = writer.write(SpaceChanged(space_id=SPACE, base_revision=0, description="newer"))
    assert (stale.reason, stale.fact("revision")) == ("revision-mismatch", 1)
    writer.write(SpaceChanged(space_id=SPACE, base_revision=1, retention=Retention(keep_within_s=60)))
    space = writer.state.space(SPACE)
    assert space is not None
    assert (space.description, space.keep_within_s, space.revision) == ("new", 60, 2)


def test_a_space_with_entries_or_trash_closes_by_force_only() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    assert writer.write(SpaceClosed(space_id=SPACE)).reason == "space-not-empty"
    writer.trash(file_id)
    assert writer.write(SpaceClosed(space_id=SPACE)).reason == "space-not-empty"
    writer.purge(file_id)
    assert writer.write(SpaceClosed(space_id=SPACE)).verdict is Verdict.ACCEPTED
    assert writer.write(SpaceClosed(space_id=SPACE)).verdict is Verdict.UNCHANGED


def test_a_closed_space_takes_no_writes_but_lets_everything_be_removed() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    assert writer.write(SpaceClosed(space_id=SPACE, force=True)).verdict is Verdict.ACCEPTED
    assert writer.put("g", b"x").reason == "space-closed"
    assert writer.mkdir("d").reason == "space-closed"
    assert writer.move(file_id, "g").reason == "space-closed"
    assert writer.write(SpaceChanged(space_id=SPACE, description="d")).reason == "space-closed"
    assert writer.write(MetadataChanged(space_id=SPACE, entity_id=file_id)).reason == "space-closed"
    assert writer.write(EntityTrashed(space_id=SPACE, entity_id=file_id)).verdict is Verdict.ACCEPTED
    assert writer.restore(file_id).reason == "space-closed"
    assert writer.write(TrashPurged(space_id=SPACE, entity_ids=(file_id,))).fact("purged") == 1
    assert writer.write(SpaceOpened(space_id=SpaceId(SPACE), name="main")).reason == "space-exists"
    check_partition(writer.state)


def test_a_space_asks_for_replicas_and_takes_its_wish_back() -> None:
    writer = Writer(open_space=False)
    writer.write(SpaceOpened(space_id=SPACE, name="main", replication=Replication(replicas=5)))
    asked = writer.state.space_replicas(SPACE)
    assert asked is not None
    assert (asked.replicas, asked.write_quorum) == (5, None)
    same = SpaceChanged(space_id=SPACE, replication=Replication(replicas=5))
    assert writer.write(same).verdict is Verdict.UNCHANGED
    assert writer.write(SpaceChanged(space_id=SPACE, replication=Replication())).fact("revision") == 1
    assert writer.state.space_replicas(SPACE) is None
    check_partition(writer.state)
