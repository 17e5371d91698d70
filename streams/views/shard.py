"""A shard of a generation: some partitions, their RocksDB and their search index.

RocksDB has one writing process; shards let several processes fold one generation, each its own partitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson

from govault.domain.rows import FileRow, TotalsRow
from govault.errors import Config
from schemas.topics import FOLDED_TOPICS, Topic
from streams.views import keys
from streams.views.database import Database
from streams.views.fold import FoldKeys, PartitionFold
from streams.views.key_filter import KeyFilter
from streams.views.rows_codec import VIEWS_FORMAT, decode_row
from streams.views.search.index import SearchIndex

SHARDS = 2
_IDENTITY_KEY = b"\x00vault"

Place = tuple[Topic, int]


class StaleFormat(Exception):
    """The views were written by another version of GoVault: they must be folded again."""


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

    def places(self) -> list[Place]:
        """Every folded partition."""
        return [
            (topic, partition)
            for topic in FOLDED_TOPICS
            for partition in range(self.files_partitions if topic is Topic.FILES else 1)
        ]


def shard_of(place: Place) -> int:
    """The number of the shard that a partition lies in."""
    return place[1] % SHARDS if place[0] is Topic.FILES else 0


class Shard:
    """One shard. One task writes.

    Attributes:
        folds: The fold of each of its partitions.
        prefixes: The key prefix of each of its ``.files`` partitions, by number.
        search: The search index of its files.
    """

    def __init__(self, path: Path, number: int, vault: VaultIdentity, key_filter: KeyFilter | None = None) -> None:
        """Open or create.

        Args:
            key_filter: Of an empty shard that is about to be filled: knows which keys are surely absent.

        Raises:
            Config: It is another vault's, or open in another process.
            StaleFormat: It must be folded again.
            DamagedViews: It cannot be opened.
        """
        self.number = number
        self.path = path
        self._vault = vault
        self.database = Database(path / "rows", filling=key_filter is not None)
        try:
            self._check_identity()
            self.folds: Mapping[Place, PartitionFold] = {
                place: PartitionFold(self.database, *place, vault.fold_keys, key_filter)
                for place in vault.places()
                if shard_of(place) == number
            }
            self.prefixes = {
                partition: fold.prefix for (topic, partition), fold in self.folds.items() if topic is Topic.FILES
            }
            self.search = SearchIndex(path / "search", self.database, self.prefixes, self.files_now)
        except BaseException:
            self.database.close()
            raise

    def written(self, place: Place, changed: list[FileRow]) -> None:
        """Take note of the files whose searchable fields a batch changed."""
        self.search.note(place[1], changed)

    def files_now(self) -> int:
        """How many files there are, trash included."""
        files = 0
        for prefix in self.prefixes.values():
            family = prefix + keys.TOTALS
            for _, value in self.database.items(family, keys.prefix_end(family)):
                files += cast(TotalsRow, decode_row(keys.TOTALS, value)).files
        return files

    def finish_filling(self) -> None:
        """Write what the folds of a shard filled from nothing kept in memory; nothing is folded into it afterwards."""
        for fold in self.folds.values():
            fold.finish()

    def close(self) -> None:
        """Flush and close."""
        self.database.close()

    def _check_identity(self) -> None:
        mine = {
            "format": VIEWS_FORMAT,
            "shards": SHARDS,
            "shard": self.number,
            "vault": self._vault.vault_id,
            "partitions": self._vault.files_partitions,
        }
        stored = self.database.get(_IDENTITY_KEY)
        if stored is None:
            batch = self.database.batch()
            batch.put(_IDENTITY_KEY, orjson.dumps(mine))
            self.database.write(batch, logged=True)
            return
        found = orjson.loads(stored)
        if (found["format"], found["shards"], found["shard"]) != (VIEWS_FORMAT, SHARDS, self.number):
            raise StaleFormat(f"views of format {found['format']}, this program writes format {VIEWS_FORMAT}")
        if found != mine:
            raise Config(
                f"the views in {self.path.parent} belong to vault {found['vault']} with {found['partitions']} "
                f"partitions, the data folder is vault {mine['vault']} with {mine['partitions']}; if the data folder "
                "is right, remove the views folder: it is folded again from the log"
            )
