"""What healing did on this node since it started, and since it last reported."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from govault.limits import DAMAGED_REPORTED_MAX

_RATE_WINDOW_S = 60.0


@dataclass(slots=True)
class Repaired:
    """Counts and bytes.

    Attributes:
        lost: Replicas that were quarantined or not found where they should be.
        pushed: Replicas made on other nodes.
        removed: Surplus replicas that this node let go of.
    """

    lost: int = 0
    repaired: int = 0
    repaired_bytes: int = 0
    pushed: int = 0
    pushed_bytes: int = 0
    removed: int = 0
    damaged: list[bytes] = field(default_factory=list)


class RepairTally:
    """Counts for people, metrics and ``.replicas``."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._recent: deque[tuple[float, int, int]] = deque()
        self.total = Repaired()
        self._unreported = Repaired()

    def repaired(self, chunks: int, size_bytes: int) -> None:
        """Replicas were made here."""
        for counts in (self.total, self._unreported):
            counts.repaired += chunks
            counts.repaired_bytes += size_bytes
        self._note(chunks, size_bytes)

    def pushed(self, chunks: int, size_bytes: int) -> None:
        """Replicas were made on a peer."""
        self.total.pushed += chunks
        self.total.pushed_bytes += size_bytes
        self._note(chunks, size_bytes)

    def damaged(self, chunks: Sequence[bytes]) -> None:
        """Replicas here failed their check, or are gone."""
        for counts in (self.total, self._unreported):
            counts.lost += len(chunks)
        room = DAMAGED_REPORTED_MAX - len(self._unreported.damaged)
        self._unreported.damaged.extend(chunks[: max(0, room)])

    def removed(self, chunks: int) -> None:
        """Surplus replicas went."""
        for counts in (self.total, self._unreported):
            counts.removed += chunks

    def rates(self) -> tuple[float, float]:
        """Chunks and bytes a second, of the last minute."""
        now_s = self._monotonic_s()
        self._forget(now_s)
        if not self._recent:
            return 0.0, 0.0
        span_s = max(1.0, now_s - self._recent[0][0])
        return sum(row[1] for row in self._recent) / span_s, sum(row[2] for row in self._recent) / span_s

    def take_unreported(self) -> Repaired:
        """What happened since the last call."""
        taken, self._unreported = self._unreported, Repaired()
        return taken

    def give_back(self, taken: Repaired) -> None:
        """It could not be reported: it is reported with the next."""
        late = self._unreported
        late.lost += taken.lost
        late.repaired += taken.repaired
        late.repaired_bytes += taken.repaired_bytes
        late.removed += taken.removed
        late.damaged = (taken.damaged + late.damaged)[:DAMAGED_REPORTED_MAX]

    def _note(self, chunks: int, size_bytes: int) -> None:
        now_s = self._monotonic_s()
        self._forget(now_s)
        # One entry a second is enough, and bounds the deque.
        if self._recent and now_s - self._recent[-1][0] < 1.0:
            at_s, more, more_bytes = self._recent.pop()
            self._recent.append((at_s, more + chunks, more_bytes + size_bytes))
        else:
            self._recent.append((now_s, chunks, size_bytes))

    def _forget(self, now_s: float) -> None:
        while self._recent and now_s - self._recent[0][0] > _RATE_WINDOW_S:
            self._recent.popleft()
