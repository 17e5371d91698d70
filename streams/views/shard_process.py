"""The process that fills one fresh shard: ``python -m streams.views.shard_process``.

Its order comes as one line of JSON on standard input, so that no secret stands in a command line; it says how far it
is, a line of JSON at a time, on standard output. When standard input closes, whoever ordered it is gone, and it ends.
"""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import uvloop

from govault.errors import GoVaultError
from schemas.topics import Topic
from streams.connection import Connection
from streams.records import Record
from streams.views.bulk import BulkReader, Place
from streams.views.catching_up import fold_to
from streams.views.fold import FoldKeys
from streams.views.key_filter import KeyFilter
from streams.views.search.segment_writer import DOCUMENTS_MAX
from streams.views.shard import Shard, VaultIdentity

_PROGRESS_RECORDS = 5_000
_CHUNKS_PER_LINE = 1_000
_COLLECT_AFTER = 200_000


@dataclass(frozen=True, slots=True)
class Order:
    """What to fold into which shard.

    Attributes:
        starts: The first offset to fold, of each of the shard's partitions.
        ends: The next offset behind the last one.
        fresh: Whether the generation is of no use unless all of it is folded: then it is filled in shorter time, and
            what was written until the process ended is not good by itself.
    """

    path: Path
    number: int
    vault: VaultIdentity
    connection: Connection
    starts: dict[Place, int]
    ends: dict[Place, int]
    fresh: bool

    def to_json(self) -> bytes:
        """One line."""
        connection = {name: getattr(self.connection, name) for name in _CONNECTION_FIELDS}
        keys = {name: value.hex() for name, value in asdict(self.vault.fold_keys).items()}
        ends = [
            (topic.value, partition, self.starts[topic, partition], e) for (topic, partition), e in self.ends.items()
        ]
        vault = (self.vault.vault_id, self.vault.files_partitions)
        return orjson.dumps((str(self.path), self.number, vault, keys, connection, ends, self.fresh)) + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> "Order":
        """The order in a line."""
        path, number, vault, keys, connection, ends, fresh = orjson.loads(line)
        fold_keys = FoldKeys(**{name: bytes.fromhex(value) for name, value in keys.items()})
        identity = VaultIdentity(vault[0], vault[1], fold_keys)
        starts = {(Topic(topic), partition): start for topic, partition, start, _ in ends}
        wanted = {(Topic(topic), partition): end for topic, partition, _, end in ends}
        return cls(Path(path), number, identity, Connection(**connection), starts, wanted, fresh)


_CONNECTION_FIELDS = ("bootstrap", "prefix", "username", "password", "mechanism", "replicated")


class Filling:
    """``FoldsInBulk`` of one shard.

    Search segments are written beside the fold, one at a time: while one is written the next may fill up, no more.
    """

    def __init__(self, shard: Shard, tells: bool) -> None:
        self._shard = shard
        self._tells = tells
        self._indexing: asyncio.Task[None] | None = None

    def stage(self, place: Place, records: Iterable[Record]) -> None:
        fold = self._shard.folds[place].fold
        for record in records:
            fold(record)

    def write(self, place: Place, logged: bool) -> None:
        fold = self._shard.folds[place]
        self._shard.written(place, fold.write(logged))
        dereferenced = [chunk_id.hex() for chunk_id in fold.rows.take_dereferenced()]
        for first in range(0, len(dereferenced) if self._tells else 0, _CHUNKS_PER_LINE):
            _say({"dereferenced": dereferenced[first : first + _CHUNKS_PER_LINE], "epoch": fold.epoch})

    async def index(self, pending_max: int, logged: bool) -> None:
        waiting = self._shard.search.waiting
        if waiting < pending_max or (waiting < 2 * pending_max and self._is_indexing()):
            return
        await self._indexed()
        self._indexing = asyncio.create_task(self._shard.search.maintain(pending_max, logged))

    async def finish(self) -> None:
        """After the last record: nothing waits for a segment any more, nor for a batch.

        Raises:
            Storage: A segment could not be written.
        """
        await self._indexed()
        await self._shard.search.maintain(1, logged=False)
        self._shard.finish_filling()

    def _is_indexing(self) -> bool:
        return self._indexing is not None and not self._indexing.done()

    async def _indexed(self) -> None:
        if self._indexing is not None:
            await self._indexing


async def fill(order: Order) -> None:
    """Fold the shard's partitions up to their ends, and close it.

    Raises:
        GoVaultError: The log cannot be read, or lacks records; or the shard cannot be written.
    """
    shard = Shard(order.path, order.number, order.vault, KeyFilter() if order.fresh else None)
    told = 0

    def tell(folded: int, _: int) -> None:
        nonlocal told
        if folded - told >= _PROGRESS_RECORDS:
            _say({"folded": folded})
            told = folded

    try:
        async with BulkReader(order.connection) as reader:
            filling = Filling(shard, tells=not order.fresh)
            # Whole segments at once: smaller ones would be merged again, from rows that must be read for it.
            folded = await fold_to(reader, filling, order.starts, order.ends, tell, pending_max=DOCUMENTS_MAX)
            await filling.finish()
    finally:
        shard.close()
    _say({"folded": folded})


def main() -> int:
    """Read the order, fill the shard; the exit code."""
    with open(0, "rb", buffering=0, closefd=False) as orders:
        order = Order.from_json(orders.readline())
    threading.Thread(target=_end_when_orphaned, daemon=True).start()
    # Rows and records make no cycles, and looking for some would take a tenth of the time.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 100)
    try:
        uvloop.run(fill(order))
    except GoVaultError as error:
        _say({"error": str(error), "family": error.code, "code": error.specific_code})
        return 1
    return 0


def _say(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def _end_when_orphaned() -> None:
    # Not through sys.stdin: a thread that holds its buffer's lock keeps the interpreter from ending in order.
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
