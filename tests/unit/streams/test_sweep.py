"""Old outcomes leave, a few with every batch; those that answer repeats stay."""

from pathlib import Path

import pytest

from streams.views import keys, sweep
from streams.views.database import Database
from streams.views.rows_codec import since_of
from streams.views.sweep import OutcomeSweep

PREFIX = b"\x02\x00\x00"


def test_outcomes_stay_bounded_and_the_latest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "OUTCOMES_PER_PARTITION_MAX", 200)
    monkeypatch.setattr(sweep, "_OUTCOMES_PER_MARK", 10)
    database = Database(tmp_path / "rows")
    try:
        sweeper = OutcomeSweep(database, PREFIX)
        for offset in range(3000):
            batch = database.batch()
            batch.put(PREFIX + keys.OUTCOME + f"e_{offset * 7919 % 3001:05d}".encode(), offset.to_bytes(8, "big"))
            sweeper.write_to(batch, offset, offset + 1)
            database.write(batch, logged=True)
        family = PREFIX + keys.OUTCOME
        kept = {since_of(value) for _, value in database.items(family, keys.prefix_end(family))}
        assert kept >= set(range(2800, 3000))
        assert len(kept) < 1000
    finally:
        database.close()
