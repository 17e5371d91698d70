"""The directory of spaces."""

from govault.domain.memory_state import MemoryDirectory
from govault.domain.position import Outcome, Verdict
from govault.domain.rows import DirectoryRow, SpaceNameRow
from schemas.events import EventData
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.peers import NodeStarted
from tests.unit.domain.writing import OTHER_SPACE, SPACE, event_of


def write(state: MemoryDirectory, data: EventData, number: int | None = None) -> Outcome:
    event = event_of(data, state.applied + 2 if number is None else number)
    applied = state.apply(event, state.applied + 1, 1000 + state.applied)
    assert applied is not None
    return applied.outcome


def test_a_name_belongs_to_one_space_until_it_is_removed() -> None:
    directory = MemoryDirectory()
    assert write(directory, SpaceCreated(space_id=SPACE, name="main", partition=3)).verdict is Verdict.ACCEPTED
    taken = write(directory, SpaceCreated(space_id=OTHER_SPACE, name="main", partition=1))
    assert (taken.reason, taken.fact("space_id")) == ("space-exists", SPACE)
    assert write(directory, SpaceCreated(space_id=SPACE, name="other", partition=1)).reason == "space-exists"
    assert write(directory, SpaceRemoved(space_id=SPACE)).fact("name") == "main"
    assert write(directory, SpaceRemoved(space_id=SPACE)).reason == "space-unknown"
    assert directory.rows(DirectoryRow) == []
    assert directory.rows(SpaceNameRow) == []
    assert write(directory, SpaceCreated(space_id=OTHER_SPACE, name="main", partition=1)).reason == ""


def test_a_repeat_in_the_directory_gets_the_first_outcome() -> None:
    directory = MemoryDirectory()
    created = SpaceCreated(space_id=SPACE, name="main", partition=3)
    assert write(directory, created, 7) == write(directory, created, 7)


def test_a_space_with_a_broken_id_or_an_endless_partition_is_refused() -> None:
    directory = MemoryDirectory()
    assert write(directory, SpaceCreated(space_id="s_1", name="main", partition=0)).reason == "event-invalid"
    assert write(directory, SpaceCreated(space_id=SPACE, name="main", partition=10**30)).reason == "event-invalid"
    assert write(directory, NodeStarted(node_id="n", version="1")).reason == "event-invalid"
