"""One generation of the views: all shards, and the stored state that readers see."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from govault.domain.rows import OutcomeRow
from schemas.topics import Topic
from streams.views.accounts import AccountsRows
from streams.views.database import Database
from streams.views.fold import PartitionFold
from streams.views.reader import DirectoryRows, FilesRows, PartitionRows, PeersRows, StoredRows
from streams.views.search.document import Document
from streams.views.search.segment import Segment
from streams.views.shard import SHARDS, Place, Shard, StaleFormat, VaultIdentity, shard_of

__all__ = ["Generation", "StaleFormat", "VaultIdentity"]

_SPACES_KEPT_MAX = 10_000
_USERS_POLL_S = 0.05


class Generation:
    """All folded partitions of one views folder.

    Attributes:
        folds: The fold of each partition, for the one task that writes.
        prefixes: The key prefix of each ``.files`` partition.
        files, directory, peers, accounts: Stored state, for readers of any thread.
    """

    def __init__(self, path: Path, vault: VaultIdentity) -> None:
        """Open or create.

        Raises:
            Config: It is another vault's, or open in another process.
            StaleFormat: It must be folded again.
            DamagedViews: It cannot be opened.
        """
        self.path = path
        self.vault = vault
        self.shards: list[Shard] = []
        try:
            for number in range(SHARDS):
                self.shards.append(Shard(shard_path(path, number), number, vault))
        except BaseException:
            self.close()
            raise
        self.folds: dict[Place, PartitionFold] = {place: self.shard(place).folds[place] for place in vault.places()}
        self.prefixes = [self.folds[Topic.FILES, number].prefix for number in range(vault.files_partitions)]
        self.files = [FilesRows(self._stored((Topic.FILES, number))) for number in range(vault.files_partitions)]
        self.directory = DirectoryRows(self._stored((Topic.DIRECTORY, 0)))
        self.peers = PeersRows(self._stored((Topic.PEERS, 0)))
        self.accounts = AccountsRows(self._stored((Topic.ACCOUNTS, 0)))
        self._outcomes = {place: PartitionRows(self._stored(place)) for place in self.folds}
        self._users = 0
        self._users_lock = Lock()
        self._partitions_by_space: dict[str, int] = {}

    # --- where things are ------------------------------------------------------------------------------------

    def shard(self, place: Place) -> Shard:
        """The shard of a partition."""
        return self.shards[shard_of(place)]

    def database(self, partition: int) -> Database:
        """The database of a ``.files`` partition."""
        return self.shards[shard_of((Topic.FILES, partition))].database

    def find(self, key: bytes) -> Iterator[bytes]:
        """The values of a row's key in all ``.files`` partitions that have it."""
        for shard in self.shards:
            for value in shard.database.get_many([prefix + key for prefix in shard.prefixes.values()]):
                if value is not None:
                    yield value

    def outcomes(self, place: Place) -> PartitionRows:
        """Stored outcomes of a folded partition."""
        return self._outcomes[place]

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        """A stored outcome, whatever its partition."""
        found = (rows.outcome(event_id) for rows in self._outcomes.values())
        return next((row for row in found if row is not None), None)

    def partition_of(self, space_id: str) -> int | None:
        """The ``.files`` partition that a space lives in, for ever; None where the directory does not know it."""
        partition = self._partitions_by_space.get(space_id)
        if partition is None:
            row = self.directory.space(space_id)
            if row is None or row.partition >= len(self.files):
                return None
            if len(self._partitions_by_space) >= _SPACES_KEPT_MAX:
                self._partitions_by_space.clear()
            partition = self._partitions_by_space[space_id] = row.partition
        return partition

    def _stored(self, place: Place) -> StoredRows:
        return StoredRows(self.shard(place).database, self.folds[place].prefix)

    # --- search ----------------------------------------------------------------------------------------------

    def segments(self) -> Sequence[Segment]:
        """The search segments of all shards."""
        return [segment for shard in self.shards for segment in shard.search.segments]

    def pending_documents(self) -> list[Document]:
        """Documents that no segment covers yet."""
        return [document for shard in self.shards for document in shard.search.pending()]

    # --- life ------------------------------------------------------------------------------------------------

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Held by a reader in another thread: the generation is not closed meanwhile."""
        with self._users_lock:
            self._users += 1
        try:
            yield
        finally:
            with self._users_lock:
                self._users -= 1

    async def wait_unused(self) -> None:
        """Return when no other thread reads."""
        while self._users:  # noqa: ASYNC110 (other threads count, and an asyncio event is not theirs to set)
            await asyncio.sleep(_USERS_POLL_S)

    def flush(self) -> None:
        """Everything written is in files when this returns."""
        for shard in self.shards:
            shard.database.flush()

    def close(self) -> None:
        """Flush and close. May be called twice."""
        for shard in self.shards:
            shard.close()


def shard_path(path: Path, number: int) -> Path:
    """The folder of a shard."""
    return path / f"shard-{number}"
