"""Removes outcomes that are too old to answer repeats, a few with every batch, so that they stay a bounded number.

Nothing depends on when: readers judge an outcome by its ordinal, and the digest adds outcomes up for ever.
"""

from collections import deque
from itertools import islice
from typing import Any

from govault.domain.rows import OutcomeRow
from govault.limits import OUTCOMES_PER_PARTITION_MAX
from streams.views import keys
from streams.views.database import Database
from streams.views.rows_codec import decode_row, since_of

_OUTCOMES_PER_MARK = 1000
_LOOKED_AT_PER_OUTCOME = 3
_OUTCOMES_PER_TURN = 64


class OutcomeSweep:
    """Walks the outcomes of one partition round and round.

    An outcome's offset tells its age: marks (offset, outcomes recorded until then) say which offsets are too old.
    They are kept in memory alone; after a start the outcomes on the way, one with every turn, say so at first. What is
    too old and where it is are stored, so that even a node that starts very often comes round.
    """

    def __init__(self, database: Database, prefix: bytes) -> None:
        """Of a partition that may have outcomes already."""
        self._database = database
        self._start = prefix + keys.OUTCOME
        self._key = prefix + keys.SWEEP
        stored = database.get(self._key)
        self._too_old = -1 if stored is None else int.from_bytes(stored[:8], "big", signed=True)
        self._cursor = self._start if stored is None else stored[8:]
        self._marks: deque[tuple[int, int]] = deque()
        self._outcomes_swept = -1

    def write_to(self, batch: Any, applied: int, outcomes: int) -> None:
        """Delete, in a batch, some of those that are too old at this position."""
        if self._outcomes_swept < 0:
            self._outcomes_swept = outcomes
        if not self._marks or outcomes - self._marks[-1][1] >= _OUTCOMES_PER_MARK:
            self._marks.append((applied, outcomes))
        while self._marks and self._marks[0][1] <= outcomes - OUTCOMES_PER_PARTITION_MAX:
            self._too_old = max(self._too_old, self._marks.popleft()[0])
        fresh = outcomes - self._outcomes_swept
        if outcomes <= OUTCOMES_PER_PARTITION_MAX or fresh < _OUTCOMES_PER_TURN:
            return
        self._outcomes_swept = outcomes
        looked_at = fresh * _LOOKED_AT_PER_OUTCOME
        seen = 0
        for key, value in islice(self._database.items(self._cursor, keys.prefix_end(self._start)), looked_at):
            seen += 1
            self._cursor = key + b"\0"
            if seen == 1 and _ordinal_of(key, value) <= outcomes - OUTCOMES_PER_PARTITION_MAX:
                self._too_old = max(self._too_old, since_of(value))
            if since_of(value) <= self._too_old:
                batch.delete(key)
        if seen < looked_at:
            self._cursor = self._start
        batch.put(self._key, self._too_old.to_bytes(8, "big", signed=True) + self._cursor)


def _ordinal_of(key: bytes, value: bytes) -> int:
    row = decode_row(key[keys.PREFIX_BYTES :], value)
    assert isinstance(row, OutcomeRow)
    return row.ordinal


class OutcomeQueue:
    """The outcomes of a partition that had none when this was made: the latest, in memory until the fold ends.

    Most of a long log's outcomes are too old before it ends; a fold from nothing need never write those.
    """

    def __init__(self) -> None:
        self._values: dict[bytes, tuple[int, bytes]] = {}
        self._oldest: deque[tuple[int, bytes]] = deque()

    def put(self, key: bytes, ordinal: int, value: bytes) -> None:
        """An outcome was recorded, or one that came too late anew: it is as old as the newer one."""
        self._values[key] = (ordinal, value)
        self._oldest.append((ordinal, key))

    def get(self, key: bytes) -> bytes | None:
        """The stored value of an outcome; None where there is none, or it was too old."""
        found = self._values.get(key)
        return None if found is None else found[1]

    def forget_old(self, outcomes: int) -> None:
        """Drop those that answer no repeats any more, now that so many were recorded."""
        oldest, values = self._oldest, self._values
        too_old = outcomes - OUTCOMES_PER_PARTITION_MAX
        while oldest and oldest[0][0] <= too_old:
            ordinal, key = oldest.popleft()
            if values[key][0] == ordinal:
                del values[key]

    def write_to(self, batch: Any) -> None:
        """Put all that are left into a batch."""
        for key, (_, value) in self._values.items():
            batch.put(key, value)
