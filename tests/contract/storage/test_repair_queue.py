"""The repair queue's contract, in memory and on RocksDB."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govault.domain.healing import Urgency
from govault.errors import StorageFull
from govault.ports import Postponed, RepairCounts
from govault.storage.database import Change, Database, RocksDatabase
from govault.storage.repair_queue import StoredRepairQueue
from tests.fakes.database import MemoryDatabase


@dataclass
class Time:
    """Seconds that a test lets pass."""

    now_s: float = 50.0

    def __call__(self) -> float:
        return self.now_s


def chunk(number: int) -> bytes:
    return number.to_bytes(32, "big")


def ids(queue: StoredRepairQueue, limit: int = 100) -> list[int]:
    return [int.from_bytes(entry.chunk_id, "big") for entry in queue.take(limit)]


@pytest.fixture(params=["memory", "rocks"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database: Database = MemoryDatabase() if request.param == "memory" else RocksDatabase(tmp_path / "repairs")
    yield database
    database.close()


def test_a_scan_ends_before_its_stop_and_before_the_next_family(database: Database) -> None:
    database.write([(key, b"") for key in (b"da", b"db", b"dc", b"e", b"ea")])
    assert [key for key, _ in database.scan(b"d")] == [b"a", b"b", b"c"]
    assert [key for key, _ in database.scan(b"d", b"a", b"c")] == [b"b"]
    assert [key for key, _ in database.scan(b"d", stop=b"c")] == [b"a", b"b"]
    assert list(database.scan(b"d", b"c", b"c")) == []


def test_the_most_urgent_come_first_and_then_the_oldest(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1), chunk(2)], Urgency.REST)
    time.now_s += 1
    queue.add([chunk(3)], Urgency.FEW)
    time.now_s += 1
    queue.add([chunk(4)], Urgency.SOLE)
    queue.add([chunk(5)], Urgency.FEW)
    time.now_s += 1
    assert ids(queue) == [4, 3, 5, 1, 2]
    assert ids(queue, 2) == [4, 3]
    assert queue.counts() == RepairCounts(sole=1, few=2, rest=2)


def test_a_chunk_that_becomes_more_urgent_keeps_its_time_though_that_is_past(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1)], Urgency.REST)
    time.now_s += 5
    queue.add([chunk(2)], Urgency.FEW, delay_s=60)
    assert ids(queue, 0) == []
    queue.add([chunk(1)], Urgency.FEW)
    assert ids(queue) == [1]


def test_a_chunk_waits_for_its_time(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    assert queue.next_due_s() is None
    queue.add([chunk(1)], Urgency.SOLE, 60.0)
    assert ids(queue) == []
    assert queue.next_due_s() == pytest.approx(60.0)
    time.now_s += 60
    assert queue.next_due_s() == 0.0
    assert ids(queue) == [1]


def test_a_chunk_stands_in_the_queue_once_with_the_higher_urgency_and_the_earlier_time(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    assert queue.add([chunk(1), chunk(1)], Urgency.REST, 60.0) == 1
    assert queue.add([chunk(1)], Urgency.SOLE, 90.0) == 0
    assert queue.counts() == RepairCounts(sole=1)
    time.now_s += 61
    assert ids(queue) == [1]
    queue.add([chunk(1)], Urgency.REST, 0.0)
    assert queue.counts() == RepairCounts(sole=1)


def test_what_failed_waits_for_its_backoff_unless_there_is_news(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1)], Urgency.FEW)
    queue.later([Postponed(queue.take(1)[0], 60.0, True, True)])
    assert queue.counts() == RepairCounts(few=1, failed=1, lost=1)
    assert queue.lost([chunk(1), chunk(2)]) == [chunk(1)]
    queue.add([chunk(1)], Urgency.FEW)
    assert ids(queue) == []
    queue.add([chunk(1)], Urgency.FEW, again=True)
    entry = queue.take(1)[0]
    assert (entry.failures, entry.lost) == (1, True)
    queue.later([Postponed(entry, 5.0, False)])
    time.now_s += 5
    assert queue.take(1)[0].failures == 1


def test_what_was_queued_again_meanwhile_is_not_forgotten_with_what_is_done(database: Database) -> None:
    queue = StoredRepairQueue(database, Time())
    queue.add([chunk(1), chunk(2)], Urgency.FEW)
    taken = queue.take(2)
    queue.add([chunk(1)], Urgency.FEW)
    queue.done(taken)
    assert ids(queue) == [1]
    queue.later([Postponed(taken[0], 1000.0, True)])
    assert ids(queue) == [1]
    queue.done(queue.take(2))
    assert queue.counts().chunks == 0
    assert queue.next_due_s() is None


def test_what_is_queued_for_an_earlier_time_than_what_waits_is_found(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1)], Urgency.FEW, 1000.0)
    assert ids(queue) == []
    time.now_s += 10
    queue.add([chunk(2)], Urgency.FEW)
    assert ids(queue) == [2]


def test_all_that_waits_is_listed_by_id_and_what_is_hastened_comes_now(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    told: list[float] = []
    queue.on_sooner(lambda: told.append(time.now_s))
    queue.add([chunk(number) for number in (3, 1, 2)], Urgency.FEW)
    assert len(told) == 1
    for entry in queue.take(3):
        queue.later([Postponed(entry, 600.0, True)])
    assert ids(queue) == []
    assert len(told) == 1
    waiting = queue.waiting(b"", 2)
    assert [(entry.chunk_id, entry.failures) for entry in waiting] == [(chunk(1), 1), (chunk(2), 1)]
    assert [entry.chunk_id for entry in queue.waiting(chunk(2), 2)] == [chunk(3)]
    queue.add([chunk(2)], Urgency.SOLE)
    queue.hasten(waiting)
    assert ids(queue) == [1]
    assert len(told) == 3
    assert queue.take(1)[0].failures == 1
    # Whoever had taken it before it was hastened has not seen what it was hastened for.
    queue.done(waiting)
    assert queue.counts().chunks == 3


def test_it_goes_on_after_a_start_with_the_time_that_it_had(database: Database) -> None:
    time = Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1)], Urgency.SOLE)
    queue.later([Postponed(queue.take(1)[0], 600.0, True, True)])
    queue.add([chunk(2)], Urgency.REST)
    queue.keep("cursor", b"here")
    time.now_s += 300
    assert ids(queue) == [2]
    # A machine that was off for long, whose clock begins anew.
    later = Time(3.0)
    again = StoredRepairQueue(database, later)
    assert again.counts() == RepairCounts(sole=1, rest=1, failed=1, lost=1)
    assert again.note("cursor") == b"here"
    assert ids(again) == [2]
    later.now_s += 311
    assert ids(again) == [1, 2]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9), st.sampled_from(list(Urgency)), st.integers(0, 100)),
        st.tuples(st.just("done"), st.integers(1, 3), st.none(), st.none()),
        st.tuples(st.just("later"), st.integers(1, 3), st.booleans(), st.integers(0, 100)),
        st.tuples(st.just("pass"), st.integers(0, 60), st.none(), st.none()),
        st.tuples(st.just("look"), st.none(), st.none(), st.none()),
        st.tuples(st.just("open"), st.none(), st.none(), st.none()),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_counts_and_order_agree_with_what_is_stored_whatever_happens(actions: list[tuple]) -> None:  # type: ignore[type-arg]
    time, database = Time(), MemoryDatabase()
    queue = StoredRepairQueue(database, time)
    waiting: set[int] = set()
    for kind, first, second, third in actions:
        if kind == "add":
            queue.add([chunk(first)], second, third)
            waiting.add(first)
        elif kind == "done":
            taken = queue.take(first)
            queue.done(taken)
            waiting -= {int.from_bytes(entry.chunk_id, "big") for entry in taken}
        elif kind == "later":
            for entry in queue.take(first):
                queue.later([Postponed(entry, third, second)])
        elif kind == "pass":
            time.now_s += first
        elif kind == "look":
            due_s = queue.next_due_s()
            assert (due_s is None) == (not waiting)
            assert (due_s == 0.0) == bool(queue.take(1))
        else:
            queue = StoredRepairQueue(database, time)
    assert queue.counts() == StoredRepairQueue(database, time).counts()
    assert queue.counts().chunks == len(waiting)
    time.now_s += 1000
    assert set(ids(queue)) == waiting
    urgencies = [entry.urgency for entry in queue.take(100)]
    assert urgencies == sorted(urgencies)


class FullDatabase(MemoryDatabase):
    """Takes nothing while it is full."""

    full = False

    def write(self, changes: Sequence[Change]) -> None:
        if self.full:
            raise StorageFull("no space left for the queue")
        super().write(changes)


def test_what_the_disk_had_no_space_for_is_not_counted() -> None:
    database, time = FullDatabase(), Time()
    queue = StoredRepairQueue(database, time)
    queue.add([chunk(1)], Urgency.FEW)
    time.now_s += 1
    [entry] = queue.take(10)
    database.full = True
    for attempt in (
        lambda: queue.add([chunk(2)], Urgency.SOLE),
        lambda: queue.later([Postponed(entry, 60.0, True, True)]),
        lambda: queue.done([entry]),
    ):
        with pytest.raises(StorageFull):
            attempt()
    assert queue.counts() == RepairCounts(0, 1, 0, 0, 0) == StoredRepairQueue(database, time).counts()
    database.full = False
    queue.done(queue.take(10))
    assert queue.counts() == RepairCounts(0, 0, 0, 0, 0)
