"""Random histories keep every invariant, and fold to the same state however they are delivered."""

import copy
from collections import Counter
from random import Random
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govault.domain.apply import apply_files
from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Position
from schemas.codec import decode, encode
from schemas.envelope import Event
from schemas.events.files import FilesEvent
from schemas.topics import Topic
from tests.property.domain.histories import HistoryWriter
from tests.unit.domain.recount import check_partition

CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
RANDOMS = st.randoms(use_true_random=False)
Log = list[tuple[int, int, Event]]


def history(rng: Random, events_max: int) -> HistoryWriter:
    writer = HistoryWriter(rng)
    for _ in range(1 + rng.randrange(events_max)):
        writer.step()
    return writer


OF_ACCESS = {"AccessGranted", "AccessRevoked", "OwnerChanged", "ShareCreated", "ShareRevoked", "ShareUsed"}
"""From rules 2 on; see test_access.py."""


@CHECKED
@given(RANDOMS)
def test_every_invariant_holds_after_every_event(rng: Random) -> None:
    writer = HistoryWriter(rng)
    for _ in range(1 + rng.randrange(60)):
        writer.step()
        check_partition(writer.state)


@pytest.mark.parametrize("seed", range(8))
def test_every_invariant_holds_through_a_long_history(seed: int) -> None:
    writer = HistoryWriter(Random(seed))
    for number in range(600):
        writer.step()
        if number % 20 == 0:
            check_partition(writer.state)
    check_partition(writer.state)


def test_long_histories_meet_every_event_type_accepted_and_most_refusals() -> None:
    met: Counter[tuple[str, str]] = Counter()
    for seed in range(6):
        writer = HistoryWriter(Random(seed))
        for _ in range(400):
            event = writer.step()
            row = writer.state.outcome(event.id)
            assert row is not None
            met[type(event.data).__name__, row.reason or row.verdict] += 1
    accepted = {kind for kind, verdict in met if verdict == "accepted"}
    assert accepted == {kind.__name__ for kind in get_args(FilesEvent)} - {"RulesActivated"} - OF_ACCESS
    assert len({reason for _, reason in met}) >= 22


@CHECKED
@given(RANDOMS)
def test_repeats_and_redelivery_change_nothing_and_answer_alike(rng: Random) -> None:
    writer = history(rng, 40)
    outcomes = {}
    fresh = MemoryPartition()
    for offset, time_ms, event in writer.log:
        applied = fresh.apply(event, offset, time_ms)
        assert applied is not None
        first = outcomes.setdefault(event.id, (event.request_hash, applied.outcome))
        if first[0] == event.request_hash:
            assert applied.outcome == first[1]
        else:
            assert applied.outcome.reason == "idempotency-mismatch"
        before = copy.deepcopy(fresh.state())
        assert fresh.apply(event, offset, time_ms) is None
        assert fresh.state() == before
    at = Position(Topic.FILES, 0, writer.offset + 1)
    for _, _, event in writer.log:
        again = apply_files(fresh, event, at, fresh.vault_time_ms)
        assert again.changes == ()
        assert again.outcome == outcomes[event.id][1] or again.outcome.reason == "idempotency-mismatch"


@CHECKED
@given(RANDOMS)
def test_partitions_fold_to_equal_states_under_any_interleaving_crash_and_redelivery(rng: Random) -> None:
    logs: dict[int, Log] = {number: history(rng, 25).log for number in range(3)}
    straight = {number: folded(log, number) for number, log in logs.items()}
    hectic = fold_hectically(logs, rng)
    for number in logs:
        assert hectic[number].state() == straight[number].state()
        assert hectic[number].vault_time_ms == straight[number].vault_time_ms


def folded(log: Log, number: int) -> MemoryPartition:
    state = MemoryPartition(number)
    for offset, time_ms, event in log:
        state.apply(event, offset, time_ms)
    return state


def fold_hectically(logs: dict[int, Log], rng: Random) -> dict[int, MemoryPartition]:
    """Partitions in turns of any length; now and then a crash to a checkpoint, or records delivered again."""
    states = {number: MemoryPartition(number) for number in logs}
    checkpoints = {number: state.copy() for number, state in states.items()}
    reached = dict.fromkeys(logs, 0)
    hiccups = 40
    while unfinished := [number for number in logs if reached[number] < len(logs[number])]:
        number = rng.choice(unfinished)
        hiccup = rng.randrange(8) if hiccups else 7
        hiccups -= hiccup < 3
        match hiccup:
            case 0:
                states[number] = checkpoints[number].copy()
                reached[number] = sum(offset <= states[number].applied for offset, _, _ in logs[number])
            case 1:
                checkpoints[number] = states[number].copy()
            case 2:
                reached[number] = max(0, reached[number] - rng.randrange(4))
            case _:
                offset, time_ms, event = logs[number][reached[number]]
                # What comes from the log was encoded and decoded, on this node or another.
                states[number].apply(decode(encode(event)), offset, time_ms)
                reached[number] += 1
    return states


@CHECKED
@given(RANDOMS)
def test_apply_is_a_function_of_its_arguments_and_leaves_the_reader_alone(rng: Random) -> None:
    writer = history(rng, 30)
    event = writer.next_event()
    before = copy.deepcopy(writer.state.state())
    at = Position(Topic.FILES, 0, writer.offset + 1)
    first, second = (apply_files(writer.state, event, at, writer.now_ms) for _ in range(2))
    assert first == second
    assert writer.state.state() == before
