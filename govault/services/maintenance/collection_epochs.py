"""Epoch barriers: the clock of collection, opened as events in every ``.files`` partition.

Epoch e+1 opens only when e is open in all partitions, so the partitions are never more than one epoch apart, and an
epoch of grace in one of them is one in all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from govault.domain.actor import system
from govault.domain.reasons import Reason
from govault.errors import Conflict
from govault.ports import ChunkStore, Views
from govault.services.log.submit import Submitter
from schemas.events.files import EpochOpened

_ACTOR = system("collection")


@dataclass(frozen=True, slots=True)
class EpochBarriers:
    """Reads and opens epochs. Any node may; a barrier that another one opened first changes nothing."""

    submitter: Submitter
    views: Views
    store: ChunkStore

    def lowest(self) -> int:
        """The epoch that every partition has reached, as folded here."""
        return min((self.views.partition_row(p).epoch for p in self.views.partitions()), default=0)

    def highest(self) -> int:
        """The epoch that some partition has reached, as folded here."""
        return max((self.views.partition_row(p).epoch for p in self.views.partitions()), default=0)

    async def open_next(self) -> int:
        """Bring all partitions to one epoch; where they were level, to the next. The epoch that all have then.

        May be cancelled or crash between two partitions: the next call levels them first.
        """
        lowest, highest = self.lowest(), self.highest()
        epoch = highest if lowest < highest else lowest + 1
        # The store's stamps must never be older than what an upload can read from the view, so it hears first.
        self.store.note_epoch(epoch)
        for partition in self.views.partitions():
            if self.views.partition_row(partition).epoch == epoch - 1:
                await self._open(partition, epoch)
        return self.lowest()

    async def _open(self, partition: int, epoch: int) -> None:
        try:
            await self.submitter.submit(_ACTOR, EpochOpened(epoch=epoch), partition, subject="epoch")
        except Conflict as error:
            if error.details.get("reason") != Reason.EPOCH_NOT_NEXT.value:
                raise


_PERIOD_SHARE = 0.9
"""Rounds do not come to the second: one that is a little early need not wait for the next."""


@dataclass(slots=True)
class EpochPace:
    """Spaces the epochs that the background opens: one a period, however many nodes run and whatever their clocks say.

    Every node sees in the log when an epoch opens, by its own monotonic clock, and the first whose period is over opens
    the next. A node that has seen none since it started waits a period too where there are others, so that a rolling
    restart opens none; alone it need not.
    """

    monotonic_s: Callable[[], float]
    period_s: float
    alone: Callable[[], bool] = lambda: True
    _highest: int = 0
    _opened_s: float | None = None
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_s = self.monotonic_s()

    def note(self, epoch: int) -> None:
        """A partition has come to this epoch (``ViewsMaintenance.on_epoch``)."""
        if epoch > self._highest:
            self._highest = epoch
            self._opened_s = self.monotonic_s()

    def due(self) -> bool:
        """Whether the last epoch is a period old."""
        since_s = self._opened_s
        if since_s is None:
            if self.alone():
                return True
            since_s = self._began_s
        return self.monotonic_s() - since_s >= _PERIOD_SHARE * self.period_s
