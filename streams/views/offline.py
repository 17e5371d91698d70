"""Views of a data folder that no node uses: folded from records at hand, without a log that serves them."""

from collections.abc import Iterator
from pathlib import Path

from govault.ports import LogRecord
from schemas.topics import Topic
from streams.records import Record
from streams.views.bulk import FETCH_BYTES_MAX, RECORDS_PER_BATCH
from streams.views.generation import Generation, VaultIdentity
from streams.views.generations import GenerationsFolder
from streams.views.search.index import PENDING_BULK_MAX, PENDING_LIVE_MAX
from streams.views.views import RocksViews


class OfflineViews:
    """A generation in the making. The node that starts on the folder goes on with it.

    Attributes:
        views: What was folded so far, to be read.
    """

    def __init__(self, root: Path, vault: VaultIdentity) -> None:
        """Make a generation in a views folder that has none.

        Raises:
            Config: The folder is in use.
        """
        self._folder = GenerationsFolder(root)
        self._path = self._folder.fresh()
        self.views = RocksViews(Generation(self._path, vault), vault)

    async def fold(self, topic: Topic, partition: int, records: Iterator[LogRecord]) -> None:
        """Fold a whole partition, ascending by offset.

        Raises:
            EventLog: Records are missing.
        """
        for batch in _batches(records):
            self.views.stage((topic, partition), batch)
            self.views.write((topic, partition), logged=False)
            await self.views.index(PENDING_BULK_MAX, logged=False)

    async def finish(self) -> None:
        """All is folded: write it to files and let it be what serves."""
        await self.views.index(PENDING_LIVE_MAX, logged=False)
        self.views.flush()
        self._folder.choose(self._path)

    async def close(self) -> None:
        """Close the views; nothing may be read afterwards."""
        await self.views.stop()


def _batches(records: Iterator[LogRecord]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size_bytes = 0
    for record in records:
        batch.append(Record(*record))
        size_bytes += len(record.value)
        if len(batch) == RECORDS_PER_BATCH or size_bytes >= FETCH_BYTES_MAX:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
