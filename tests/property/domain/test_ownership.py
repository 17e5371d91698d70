"""Over random histories what accounts own is what a naive recount says, and growth is foretold as it comes."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govault.domain.foretelling import foretell
from govault.domain.memory_state import MemoryPartition
from govault.domain.ownership import Growth, growths
from govault.domain.position import Verdict
from govault.domain.rows import FileRow, OwnedRow
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.access import OwnerChanged
from schemas.events.files import TrashPurged, VersionCommitted, VersionsPruned
from tests.property.domain.access_histories import ANN, BOB, CAT, PEOPLE
from tests.property.domain.link_histories import LinkHistoryWriter
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.unit.domain.recount import check_partition, owned

RANDOMS = st.randoms(use_true_random=False)
CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class OwningHistoryWriter(QuotaHistoryWriter):
    """The same histories, in which files often go to somebody else, and administrators end versions and trash."""

    def next_event(self) -> Event:
        event = super().next_event()
        if event.id in {known.id for _, _, known in self.log} or self.one_in(5):
            return event
        if isinstance(event.data, OwnerChanged | VersionsPruned | TrashPurged):
            return event._replace(actor="admin", principals=PEOPLE["admin"])
        return event

    def next_data(self) -> EventData:
        entity = self.an_entity()
        if entity is None or not self.one_in(5):
            return super().next_data()
        owner = self.rng.choice((ANN, BOB, CAT))
        return OwnerChanged(space_id=entity.space_id, entity_id=entity.entity_id, owner=owner)


def grown(before: dict[str, OwnedRow], after: dict[str, OwnedRow]) -> set[Growth]:
    """Who owns more of something than before, by two recounts."""
    found = set()
    for owner, row in after.items():
        then = before.get(owner, OwnedRow(owner))
        more = Growth(owner, max(0, row.logical_bytes - then.logical_bytes), max(0, row.files - then.files))
        if more != Growth(owner, 0, 0):
            found.add(more)
    return found


def folded(before: MemoryPartition, event: Event, offset: int, time_ms: int) -> tuple[MemoryPartition, bool]:
    after = before.copy()
    applied = after.apply(event, offset, time_ms)
    assert applied is not None
    return after, applied.outcome.verdict is Verdict.ACCEPTED


@given(RANDOMS, st.integers(20, 120))
@CHECKED
def test_what_accounts_own_is_counted_and_foretold_exactly(rng: Random, events: int) -> None:
    writer = OwningHistoryWriter(rng)
    for _ in range(events):
        before = writer.state.copy()
        event = writer.step()
        offset, time_ms, _ = writer.log[-1]
        after, _ = folded(before, event, offset, max(time_ms, before.vault_time_ms))
        counted = {row.owner: row for row in after.rows(OwnedRow)}
        assert counted == owned(after)
        foretold = foretell(before, event, 0)
        if foretold.outcome.verdict is Verdict.ACCEPTED and event.not_after_ms is None:
            assert set(growths(before, foretold.changes)) == grown(owned(before), counted)
    check_partition(writer.state)


def expected_owner(state: MemoryPartition, file: FileRow) -> str:
    """Whom the nearest folder belongs to that belongs to anybody."""
    above = state.entity(file.parent_id)
    while above is not None and not above.owner:
        above = state.entity(above.parent_id)
    return "" if above is None else above.owner


def test_what_comes_by_links_belongs_to_whom_the_folder_belongs() -> None:
    found = set()
    for seed in range(6):
        writer = LinkHistoryWriter(Random(seed))
        for _ in range(400):
            before = writer.state.copy()
            event = writer.step()
            for file in writer.state.rows(FileRow):
                if event.actor.startswith("share:") and before.entity(file.entity_id) is None:
                    owner = expected_owner(writer.state, file) if before.partition().rules >= 4 else ""
                    assert file.owner == owner
                    found.add(bool(owner))
        check_partition(writer.state)
    assert found == {False, True}


def test_histories_move_what_is_owned_in_every_way_there_is() -> None:
    ways: set[object] = set()
    writers = [OwningHistoryWriter(Random(seed)) for seed in range(4)]
    for writer in [writer for writer in writers for _ in range(500)]:
        before = writer.state.copy()
        event = writer.step()
        offset, time_ms, _ = writer.log[-1]
        after, accepted = folded(before, event, offset, max(time_ms, before.vault_time_ms))
        if accepted and owned(before) != owned(after):
            ways.add(type(event.data))
            if isinstance(event.data, OwnerChanged):
                file = before.entity(event.data.entity_id)
                assert isinstance(file, FileRow)
                ways |= {("versions", bool(file.older)), ("from somebody", bool(file.owner))}
    assert {OwnerChanged, TrashPurged, VersionCommitted, VersionsPruned} < ways
    assert {("versions", True), ("from somebody", True), ("from somebody", False)} < ways
