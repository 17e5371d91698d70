"""Who may do what, against a naive reference that remembers what was accepted and reads no row of access."""

from collections import Counter
from random import Random

import pytest

from govault.domain.access import Level, level_at
from govault.domain.memory_state import MemoryPartition
from govault.domain.rows import AccessRow, Entity, FileRow, FolderRow
from schemas.envelope import Event
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import (
    EntityTrashed,
    EntryMoved,
    FolderMade,
    MetadataChanged,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
    VersionsPruned,
)
from tests.property.domain.access_histories import ANN, BOB, CAT, PEOPLE, AccessHistoryWriter
from tests.unit.domain.recount import check_partition

WORDS = {"read": 1, "viewer": 1, "write": 2, "editor": 2, "manager": 3}
HIDDEN = {"entity-unknown", "space-unknown"}


class Reference:
    """Grants and owners as the accepted events said, and the tree as the partition's rows have it."""

    def __init__(self, state: MemoryPartition) -> None:
        self.state = state
        self.grants: dict[tuple[str, str], int] = {}
        self.owners: dict[str, str] = {}

    def level(self, event: Event, target_id: str) -> int:
        if event.actor == "admin" or event.actor.startswith("system:"):
            return 3
        best = 0
        entities: dict[str, Entity] = {
            row.entity_id: row for kind in (FileRow, FolderRow) for row in self.state.rows(kind)
        }
        while True:
            best = max([best, *(self.grants.get((target_id, name), 0) for name in event.principals)])
            if self.owners.get(target_id) in event.principals:
                best = 3
            if target_id not in entities:
                return best
            target_id = entities[target_id].parent_id

    def accepted(self, event: Event, before: set[str]) -> None:
        match event.data:
            case AccessGranted() as data:
                self.grants[data.target_id, data.principal] = WORDS[data.level]
            case AccessRevoked() as data:
                self.grants.pop((data.target_id, data.principal), None)
            case OwnerChanged() as data:
                self.owners[data.entity_id] = data.owner
            case SpaceOpened() as data if event.actor in (ANN, BOB, CAT):
                self.grants[data.space_id, event.actor] = 3
        for row in (*self.state.rows(FileRow), *self.state.rows(FolderRow)):
            if row.entity_id not in before and event.actor in (ANN, BOB, CAT):
                self.owners[row.entity_id] = event.actor

    def expected(self, event: Event) -> str | None:
        """The refusal of an event that names one target; None: it may, or names none alone."""
        need, target, hidden = self._need(event)
        if target is None:
            return None
        level = self.level(event, target)
        if target.startswith("f_") and self._space_of(target) != getattr(event.data, "space_id", ""):
            return None if event.actor == "admin" or event.actor.startswith("system:") else "entity-unknown"
        return None if level >= need else "access-denied" if level else hidden

    def _space_of(self, entity_id: str) -> str | None:
        row = self.state.entity(entity_id)
        return None if row is None else row.space_id

    def _need(self, event: Event) -> tuple[int, str | None, str]:
        match event.data:
            case EntityTrashed(entity_id=target) | MetadataChanged(entity_id=target):
                return 2, target, "entity-unknown"
            case VersionCommitted(file_id=str(target)):
                return 2, target, "entity-unknown"
            case VersionsPruned(file_id=target) | OwnerChanged(entity_id=target):
                return 3, target, "entity-unknown"
            case AccessGranted(target_id=target) | AccessRevoked(target_id=target):
                return 3, target, "entity-unknown" if target.startswith("f_") else "space-unknown"
            case SpaceChanged(space_id=target) | SpaceClosed(space_id=target):
                return 3, target, "space-unknown"
        return 0, None, ""


def ids_of(state: MemoryPartition) -> set[str]:
    return {row.entity_id for row in (*state.rows(FileRow), *state.rows(FolderRow))}


@pytest.mark.parametrize("seed", range(12))
def test_decisions_of_access_equal_a_naive_reference(seed: int) -> None:
    writer = AccessHistoryWriter(Random(seed))
    reference = Reference(writer.state)
    met: Counter[str] = Counter()
    for _ in range(350):
        before, known = ids_of(writer.state), {event.id for _, _, event in writer.log}
        writer.offset += 1
        writer.now_ms += 1
        event = writer.next_event()
        expected = reference.expected(event) if writer.state.partition().rules == 2 else None
        writer.log.append((writer.offset, writer.now_ms, event))
        applied = writer.state.apply(event, writer.offset, writer.now_ms)
        assert applied is not None
        if event.id in known:
            continue
        if applied.outcome.reason in ("event-expired",):
            continue
        if expected is not None:
            assert applied.outcome.reason == expected, event
            met[expected] += 1
        elif reference._need(event)[1] is not None:
            assert applied.outcome.reason != "access-denied", event
        if applied.outcome.verdict == "accepted":
            reference.accepted(event, before)
        for name, principals in PEOPLE.items():
            row = writer.rng.choice([*writer.state.rows(FileRow), None])
            asked = event._replace(actor=name, principals=principals)
            target = row.entity_id if row is not None else getattr(event.data, "space_id", "s_")
            space_id = row.space_id if row is not None else target
            assert level_at(writer.state, space_id, row, name, principals) == Level(reference.level(asked, target))
    check_partition(writer.state)
    assert met["access-denied"] > 3
    assert met["entity-unknown"] > 3


@pytest.mark.parametrize("seed", range(4))
def test_redelivery_and_repeats_grant_nothing_twice(seed: int) -> None:
    writer = AccessHistoryWriter(Random(seed))
    for _ in range(300):
        writer.step()
    again = MemoryPartition()
    for offset, time_ms, event in writer.log:
        again.apply(event, offset, time_ms)
        assert again.apply(event, offset, time_ms) is None
    assert again.state() == writer.state.state()


def test_nobody_without_write_changes_a_path_or_a_move() -> None:
    """Events by path are checked where they end up: whatever was changed, the actor had write there before."""
    assert sum(by_others(seed) for seed in range(4)) > 10


def by_others(seed: int) -> int:
    """Changes of one history by people who are no administrators, each checked."""
    writer = AccessHistoryWriter(Random(100 + seed))
    reference = Reference(writer.state)
    seen = 0
    for _ in range(300):
        before = writer.state.copy()
        earlier = ids_of(before)
        event = writer.step()
        row = writer.state.outcome(event.id)
        assert row is not None
        if row.verdict != "accepted" or row.offset != writer.offset:
            continue
        if before.partition().rules == 2 and isinstance(event.data, (FolderMade, VersionCommitted, EntryMoved)):
            reference.state = before
            for entity in (*writer.state.rows(FileRow), *writer.state.rows(FolderRow)):
                if before.entity(entity.entity_id) != entity:
                    target = entity.entity_id if entity.entity_id in earlier else entity.parent_id
                    if target in earlier or target == entity.space_id:
                        assert reference.level(event, target) >= 2
                        seen += event.actor in (ANN, BOB, CAT, "anonymous")
        reference.state = writer.state
        reference.accepted(event, earlier)
    return seen


@pytest.mark.parametrize("seed", range(4))
def test_what_was_granted_goes_with_what_it_was_granted_at(seed: int) -> None:
    writer = AccessHistoryWriter(Random(seed))
    purged = False
    for _ in range(400):
        event = writer.step()
        purged = purged or isinstance(event.data, TrashPurged)
        for row in writer.state.rows(AccessRow):
            assert row.target_id == row.space_id or writer.state.entity(row.target_id) is not None
            assert row.grants == tuple(sorted(row.grants))
    assert purged
