"""Old outcomes leave, a few with every batch; those that answer repeats stay."""

from pathlib import Path
from typing import Any

import pytest

from govault.domain.rows import OutcomeRow
from streams.views import keys, sweep
from streams.views.database import Database
from streams.views.rows_codec import encode_row, since_of
from streams.views.sweep import OutcomeQueue, OutcomeSweep

PREFIX = b"\x02\x00\x00"


def put(batch: Any, event_id: str, offset: int) -> None:
    row = OutcomeRow(event_id, offset + 1, "", offset, "accepted", "", ())
    batch.put(PREFIX + keys.OUTCOME + event_id.encode(), encode_row(row, offset))


def kept_in(database: Database) -> set[int]:
    family = PREFIX + keys.OUTCOME
    return {since_of(value) for _, value in database.items(family, keys.prefix_end(family))}


@pytest.mark.parametrize("records_between_starts", [3000, 90])
def test_outcomes_stay_bounded_and_the_latest_are_kept_however_often_a_node_starts(
    records_between_starts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "OUTCOMES_PER_PARTITION_MAX", 200)
    monkeypatch.setattr(sweep, "_OUTCOMES_PER_MARK", 10)
    database = Database(tmp_path / "rows")
    try:
        for offset in range(3000):
            if offset % records_between_starts == 0:
                sweeper = OutcomeSweep(database, PREFIX)
            batch = database.batch()
            sweeper.write_to(batch, offset, offset + 1)
            put(batch, f"e_{offset * 7919 % 3001:05d}", offset)
            database.write(batch, logged=True)
        kept = kept_in(database)
        assert kept >= set(range(2800, 3000))
        assert len(kept) < 1000
    finally:
        database.close()


def test_a_queue_keeps_the_latest_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "OUTCOMES_PER_PARTITION_MAX", 200)
    database = Database(tmp_path / "rows")
    try:
        assert _queued(database, [f"e_{number * 7919 % 3001:05d}" for number in range(3000)]) == set(range(2801, 3001))
    finally:
        database.close()


def test_a_queue_keeps_an_outcome_that_was_decided_anew_as_long_as_the_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "OUTCOMES_PER_PARTITION_MAX", 200)
    database = Database(tmp_path / "rows")
    try:
        # The first event's outcome is recorded again as the 101st, in the same batch and in a later one.
        ids = [f"e_{number}" for number in range(299)]
        assert 101 in _queued(database, [*ids[:100], "e_0", *ids[101:]])
    finally:
        database.close()


def test_a_queue_answers_for_what_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "OUTCOMES_PER_PARTITION_MAX", 2)
    queue = OutcomeQueue()
    for ordinal, key in enumerate((b"a", b"b", b"c"), 1):
        queue.put(key, ordinal, b"value of " + key)
        queue.forget_old(ordinal)
    assert [queue.get(key) for key in (b"a", b"b", b"c")] == [None, b"value of b", b"value of c"]


def _queued(database: Database, event_ids: list[str]) -> set[int]:
    """Ordinals of the outcomes that are left when those of some events were recorded one after another."""
    queue = OutcomeQueue()
    for first in range(0, len(event_ids), 30):
        ordinals = {event_id: ordinal for ordinal, event_id in enumerate(event_ids[first : first + 30], first + 1)}
        for event_id, ordinal in ordinals.items():
            queue.put(PREFIX + keys.OUTCOME + event_id.encode(), ordinal, ordinal.to_bytes(8, "big"))
        queue.forget_old(first + len(ordinals))
    batch = database.batch()
    queue.write_to(batch)
    database.write(batch, logged=True)
    family = PREFIX + keys.OUTCOME
    return {since_of(value) for _, value in database.items(family, keys.prefix_end(family))}
