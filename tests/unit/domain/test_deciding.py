"""What holds for every event: repeats, time, topics, epochs, rules, and asking in advance."""

from typing import get_args

import pytest

from govault.domain.apply import apply_files
from govault.domain.foretelling import would_refuse
from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Position, Verdict
from govault.domain.rows import OutcomeRow, Put
from govault.domain.rules import RULES_LATEST, must_stop
from govault.limits import OUTCOMES_PER_PARTITION_MAX
from schemas.events.directory import SpaceRemoved
from schemas.events.files import EpochOpened, FilesEvent, FolderMade, RulesActivated
from schemas.topics import Topic
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import SPACE, Writer, event_of


def test_a_repeat_gets_the_first_outcome_with_the_first_position_and_changes_nothing() -> None:
    writer = Writer()
    event = event_of(FolderMade(space_id=SPACE, path="d"), 100, request_hash="same")
    first = writer.append(event)
    writer.trash(writer.id_at("d"))
    before = writer.state.copy()
    assert writer.append(event) == first
    assert writer.state.state() == before.state()


def test_a_repeat_of_a_refused_event_is_refused_alike() -> None:
    writer = Writer()
    event = event_of(FolderMade(space_id=SPACE, path="a//b"), 100)
    first = writer.append(event)
    assert first.reason == "path-invalid"
    assert writer.append(event) == first


def test_an_event_id_of_another_request_is_refused_and_the_first_outcome_stays() -> None:
    writer = Writer()
    event = event_of(FolderMade(space_id=SPACE, path="d"), 100, request_hash="one")
    first = writer.append(event)
    other = writer.append(event._replace(data=FolderMade(space_id=SPACE, path="e"), request_hash="two"))
    assert (other.verdict, other.reason) == (Verdict.REFUSED, "idempotency-mismatch")
    assert writer.at("e") is None
    assert writer.append(event) == first


def test_a_repeat_is_answered_alike_even_after_its_time() -> None:
    writer = Writer()
    event = event_of(FolderMade(space_id=SPACE, path="d"), 100, not_after_ms=writer.now_ms + 5000)
    first = writer.append(event)
    writer.now_ms += 10_000
    assert writer.append(event) == first


def test_an_event_that_lands_after_its_time_is_refused() -> None:
    writer = Writer()
    late = event_of(FolderMade(space_id=SPACE, path="late"), 100, not_after_ms=writer.now_ms)
    in_time = event_of(FolderMade(space_id=SPACE, path="d"), 101, not_after_ms=writer.now_ms + 2000)
    assert writer.append(late).reason == "event-expired"
    assert writer.append(in_time).verdict is Verdict.ACCEPTED


def test_a_request_made_again_in_time_is_decided_afresh_and_the_late_record_stays_late() -> None:
    writer = Writer()
    late = event_of(FolderMade(space_id=SPACE, path="d"), 100, not_after_ms=writer.now_ms, request_hash="r")
    first = writer.append(late)
    assert writer.append(late) == first
    again = writer.append(late._replace(not_after_ms=writer.now_ms + 60_000))
    assert again.verdict is Verdict.ACCEPTED
    assert writer.append(late) == again
    assert writer.append(late._replace(not_after_ms=writer.now_ms + 60_000)) == again


def test_vault_time_never_runs_backwards() -> None:
    state = MemoryPartition()
    state.apply(event_of(EpochOpened(epoch=1), 1), 0, 5000)
    applied = state.apply(event_of(EpochOpened(epoch=2), 2, not_after_ms=4000), 1, 3000)
    assert applied is not None
    assert applied.outcome.reason == "event-expired"


def test_an_event_of_another_topic_is_refused() -> None:
    assert Writer().write(SpaceRemoved(space_id=SPACE)).reason == "event-invalid"


def test_epochs_open_one_by_one() -> None:
    writer = Writer()
    assert writer.write(EpochOpened(epoch=2)).reason == "epoch-not-next"
    assert writer.write(EpochOpened(epoch=1)).fact("epoch") == 1
    assert writer.write(EpochOpened(epoch=1)).fact("epoch") == 1
    assert writer.state.partition().epoch == 1


def test_folding_must_stop_at_rules_that_are_next_but_unknown() -> None:
    row = Writer().state.partition()._replace(rules=RULES_LATEST)
    assert must_stop(RulesActivated(rules=RULES_LATEST + 1), row)
    assert not must_stop(RulesActivated(rules=RULES_LATEST + 2), row)
    assert not must_stop(RulesActivated(rules=1), row)
    assert Writer().write(RulesActivated(rules=1)).reason == "rules-not-next"


def test_only_the_latest_outcomes_answer_repeats_and_an_older_repeat_cannot_harm() -> None:
    writer = Writer()
    event = event_of(FolderMade(space_id=SPACE, path="d"), 100)
    writer.append(event)
    writer.move(writer.id_at("d"), "moved")
    old = writer.state.partition()
    writer.state.fold([Put(old._replace(outcomes=old.outcomes + OUTCOMES_PER_PARTITION_MAX))])
    assert writer.state.outcome(event.id) is None
    # The folder's id derives from the event's: were it made again, two names would share one row.
    assert writer.append(event).reason == "event-invalid"
    check_partition(writer.state)


def test_a_door_learns_of_a_refusal_without_changing_anything() -> None:
    writer = Writer()
    writer.put("f", b"x")
    before = writer.state.copy()
    refused = would_refuse(writer.state, event_of(FolderMade(space_id=SPACE, path="f"), 100), 0)
    assert refused is not None
    assert refused.reason == "occupied"
    assert would_refuse(writer.state, event_of(FolderMade(space_id=SPACE, path="d"), 100), 0) is None
    assert writer.state.state() == before.state()


def test_every_outcome_is_recorded_with_its_ordinal() -> None:
    writer = Writer()
    writer.mkdir("a")
    writer.mkdir("a//b")
    assert [row.ordinal for row in writer.state.rows(OutcomeRow)] == [1, 2, 3]
    assert writer.state.partition().outcomes == 3


@pytest.mark.parametrize("kind", get_args(FilesEvent), ids=lambda kind: kind.__name__)
def test_every_event_type_of_the_topic_is_decided(kind: type) -> None:
    from tests.golden.schemas.examples import EXAMPLES

    event = event_of(EXAMPLES[kind], 100)
    outcome = apply_files(MemoryPartition(), event, Position(Topic.FILES, 0, 0), 1).outcome
    assert outcome.fact("detail") != "not an event of this topic"
