"""One generation of the views: a RocksDB with every folded partition in it, and whose vault it belongs to."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from govault.domain.rows import FileRow
from govault.errors import Config
from schemas.topics import FOLDED_TOPICS, Topic
from streams.views.database import Database
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.reader import DirectoryRows, FilesRows, PartitionRows, PeersRows, StoredRows
from streams.views.rows_codec import VIEWS_FORMAT
from streams.views.search.index import SearchIndex

_log = logging.getLogger(__name__)
_USERS_POLL_S = 0.05
_SPACES_KEPT_MAX = 10_000
_IDENTITY_KEY = b"\x00vault"


class StaleFormat(Exception):
    """The generation was written by another version of GoVault: it must be folded again."""


@dataclass(frozen=True, slots=True)
class VaultIdentity:
    """Whose views these are.

    Attributes:
        vault_id: The vault's id.
        files_partitions: How many partitions ``.files`` has.
        fold_keys: Keys that folding needs.
    """

    vault_id: str
    files_partitions: int
    fold_keys: FoldKeys

    def places(self) -> list[tuple[Topic, int]]:
        """Every folded partition."""
        return [
            (topic, partition)
            for topic in FOLDED_TOPICS
            for partition in range(self.files_partitions if topic is Topic.FILES else 1)
        ]


class Generation:
    """All folded partitions of one views folder.

    Attributes:
        folds: The fold of each partition, for the one task that writes.
        prefixes: The key prefix of each ``.files`` partition.
        files, directory, peers: Stored state, for readers of any thread.
        search: The search index of the files.
    """

    def __init__(self, path: Path, vault: VaultIdentity) -> None:
        """Open or create.

        Raises:
            Config: It is another vault's, or cannot be opened.
            StaleFormat: It must be folded again.
        """
        self.path = path
        self.vault = vault
        self.database = Database(path / "rows")
        try:
            self._check_identity()
            self.folds = {
                place: PartitionFold(self.database, place[0], place[1], vault.fold_keys) for place in vault.places()
            }
        except BaseException:
            self.database.close()
            raise
        self.prefixes = [self.folds[Topic.FILES, number].prefix for number in range(vault.files_partitions)]
        self.files = [FilesRows(self._stored(Topic.FILES, number)) for number in range(vault.files_partitions)]
        self.directory = DirectoryRows(self._stored(Topic.DIRECTORY, 0))
        self.peers = PeersRows(self._stored(Topic.PEERS, 0))
        self._outcomes = {place: PartitionRows(self._stored(*place)) for place in self.folds}
        self.search = SearchIndex(path / "search", self.database, self.prefixes, self.files_now)
        self._users = 0
        self._users_lock = Lock()
        self._partitions_by_space: dict[str, int] = {}

    def _stored(self, topic: Topic, partition: int) -> StoredRows:
        return StoredRows(self.database, self.folds[topic, partition].prefix)

    def outcomes(self, place: tuple[Topic, int]) -> PartitionRows:
        """Stored outcomes of a folded partition."""
        return self._outcomes[place]

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

    def _check_identity(self) -> None:
        mine = {"format": VIEWS_FORMAT, "vault": self.vault.vault_id, "partitions": self.vault.files_partitions}
        stored = self.database.get(_IDENTITY_KEY)
        if stored is None:
            batch = self.database.batch()
            batch.put(_IDENTITY_KEY, orjson.dumps(mine))
            self.database.write(batch, logged=True)
            return
        found = orjson.loads(stored)
        if found["format"] != VIEWS_FORMAT:
            raise StaleFormat(f"views of format {found['format']}, this program writes format {VIEWS_FORMAT}")
        if found != mine:
            raise Config(
                f"the views in {self.path} belong to vault {found['vault']} with {found['partitions']} partitions, the "
                f"data folder is vault {mine['vault']} with {mine['partitions']}; if the data folder is right, remove "
                "the views folder: it is folded again from the log"
            )

    def written(self, place: tuple[Topic, int], changed: list[str]) -> None:
        """Take note of the files whose searchable fields a batch changed."""
        if changed:
            rows = map(self.folds[place].reader.entity, changed)
            self.search.note(place[1], (row for row in rows if isinstance(row, FileRow)))

    def files_now(self) -> int:
        """How many files there are, trash included."""
        return sum(self.files[row.partition].totals(row.space_id).files for row in self.directory.spaces())

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

    def close(self) -> None:
        """Flush and close."""
        self.database.close()
