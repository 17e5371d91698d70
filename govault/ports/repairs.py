"""What waits for repair on this node, kept across restarts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from govault.domain.healing import Urgency


class RepairEntry(NamedTuple):
    """A chunk whose turn has come.

    Attributes:
        failures: Tries in a row that came to nothing.
        lost: Whether everybody said, at the last try, that they lack it.
        change: Tells this state of the entry from a later one.
    """

    chunk_id: bytes
    urgency: Urgency
    failures: int
    lost: bool
    change: int


class Postponed(NamedTuple):
    """A chunk that is tried again in ``delay_s``: its last try ``failed``, or everybody lacked it (``lost``)."""

    entry: RepairEntry
    delay_s: float
    failed: bool
    lost: bool = False


class RepairCounts(NamedTuple):
    """Chunks in the queue. ``failed`` and ``lost`` are among the others."""

    sole: int = 0
    few: int = 0
    rest: int = 0
    failed: int = 0
    lost: int = 0

    @property
    def chunks(self) -> int:
        """All of them."""
        return self.sole + self.few + self.rest


class RepairQueue(Protocol):
    """Chunks to look at, each once, the most urgent first, at their time. Survives a kill; for one thread.

    After power loss entries of the last moments may be missing or be back: slot walks find what is to be found again.
    Its time goes on only while the node runs and knows no wall clock. Methods take microseconds an entry.
    """

    def add(self, chunks: Sequence[bytes], urgency: Urgency, delay_s: float = 0.0, *, again: bool = False) -> int:
        """Queue chunks; how many are new. One that waits already takes the higher urgency and the earlier time.

        Args:
            again: Whether one that failed is tried at this time too, and not only when its backoff ends.
        """

    def take(self, limit: int) -> list[RepairEntry]:
        """Those whose time has come, the most urgent first. They stay until ``done`` or ``later``."""

    def done(self, entries: Sequence[RepairEntry]) -> None:
        """Forget them, but for those that were queued again since they were taken."""

    def later(self, postponed: Sequence[Postponed]) -> None:
        """Try some again after a while, but for those that were queued again since they were taken."""

    def waiting(self, after: bytes, limit: int) -> list[RepairEntry]:
        """Those behind a chunk id, ascending by id, whether their time has come or not."""

    def hasten(self, entries: Sequence[RepairEntry]) -> None:
        """Let their time come now, their failures kept, but for those that were queued again since they were taken."""

    def on_sooner(self, tell: Callable[[], None]) -> None:
        """Call back when something was queued or hastened; it must neither block nor raise."""

    def next_due_s(self) -> float | None:
        """Seconds until the next one's time; 0 where it has come, None where none waits."""

    def lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of the chunks that wait here and that everybody lacked at the last try."""

    def counts(self) -> RepairCounts:
        """How many wait."""

    def note(self, name: str) -> bytes | None:
        """A fact that was kept beside the queue, e.g. where the scrub stands."""

    def keep(self, name: str, value: bytes) -> None:
        """Keep a fact."""
