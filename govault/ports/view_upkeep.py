"""What upkeep asks of the views, beside reading them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from schemas.topics import Topic


class PartitionStatus(NamedTuple):
    """Where the fold of one partition stands.

    Attributes:
        applied: Last applied offset, -1 where none.
        vault_time_ms: Vault time of the last applied record, 0 where none.
        history: Digest of every record up to ``applied``, hex.
        view: Digest of the state, hex.
        malformed: Records skipped because they were not authentic events.
        stopped: Why folding stopped for good (unknown type or rules); empty while it goes on.
    """

    topic: Topic
    partition: int
    applied: int
    vault_time_ms: int
    history: str
    view: str
    malformed: int
    stopped: str


class ViewsMaintenance(Protocol):
    """What upkeep asks of the views, beside ``Views``."""

    def status(self) -> list[PartitionStatus]:
        """Every folded partition."""

    def vault_time_ms(self, partition: int) -> int:
        """Vault time of a ``.files`` partition: append time of its last applied record; 0 where none."""

    def on_dereferenced(self, callback: Callable[[Sequence[bytes], int], None]) -> None:
        """Call back (chunk ids, partition epoch) for every applied event that drops a partition's last reference.

        The callback must not block or raise. It is called before another task can see the new state.
        """

    def on_epoch(self, callback: Callable[[int], None]) -> None:
        """Call back with the new epoch of a partition, before another task can see it."""

    def on_referenced(self, callback: Callable[[Sequence[bytes], int], None]) -> None:
        """Call back (chunk ids, partition epoch) for every applied event that brings a partition's first reference.

        The callback must not block or raise. What is folded before the node follows the log (a rebuild, a long
        backlog) is not told: whoever needs all of it walks ``Views.referenced_chunks``.
        """

    def on_peers(self, callback: Callable[[], None]) -> None:
        """Call back after every batch applied to ``.peers``. The callback must not block or raise."""

    async def rebuild(self, progress: Callable[[int, int], None]) -> None:
        """Fold everything again beside the serving generation, then swap.

        Args:
            progress: Told (records folded, records to fold) now and then.
        """
