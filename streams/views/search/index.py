"""The search index of one shard: documents not yet in a segment, and the segments.

Each batch of the fold leaves, beside its rows, the ids of the files whose searchable fields it changed. They are kept
as documents in memory until there are enough for a segment; then the segment is written, and only when it is durable
are those ids dropped. After a crash they are read again. Segments never change: a file that changed is in a newer one
too, and whoever searches checks every finding against the file's row. Small segments are merged from the rows, which
drops what is stale. The whole index can be thrown away and made again from the rows.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import orjson

from govault.domain.rows import FileRow
from streams.views import keys
from streams.views.database import Database, writing
from streams.views.rows_codec import decode_row
from streams.views.search.document import Document, document_of, partition_of
from streams.views.search.segment import DamagedSegment, Segment
from streams.views.search.segment_writer import DOCUMENTS_MAX, write_segment

_log = logging.getLogger(__name__)

PENDING_LIVE_MAX = 2_048
PENDING_BULK_MAX = 16_384
SMALL_SEGMENTS_MAX = 8
STALE_SHARE_MAX = 0.5
_SMALL_DOCUMENTS = DOCUMENTS_MAX // 2
_REGISTRY_KEY = b"\x00segments"
_ROWS_AT_ONCE = 128

FilesNow = Callable[[], int]


class SearchIndex:
    """Used by the one task that folds; ``segments`` and ``pending`` may be read from any thread."""

    def __init__(self, folder: Path, database: Database, prefixes: Mapping[int, bytes], files_now: FilesNow) -> None:
        """Open; where a segment is damaged, everything is indexed again from the rows.

        Args:
            prefixes: The key prefix of each ``.files`` partition of the shard, by number.
            files_now: How many files there are, trash included.
        """
        self._folder = folder
        self._database = database
        self._prefixes = prefixes
        self._files_now = files_now
        self._pending: dict[str, Document] = {}
        self._segments: tuple[Segment, ...] = ()
        self._next = 1
        self._working = asyncio.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._open_segments()
        except DamagedSegment as damage:
            _log.warning("the search index is made again from the rows: %s", damage)
            self._start_over()
        self._load_pending()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of now."""
        return self._segments

    def pending(self) -> list[Document]:
        """Documents that no segment covers yet."""
        return list(self._pending.values())

    @property
    def waiting(self) -> int:
        """How many documents no segment covers yet."""
        return len(self._pending)

    def note(self, partition: int, rows: Iterable[FileRow]) -> None:
        """Files changed."""
        for row in rows:
            self._pending[row.entity_id] = document_of(row, partition)

    # --- upkeep ----------------------------------------------------------------------------------------------

    def is_due(self, pending_max: int) -> bool:
        """Whether ``maintain`` has something to do."""
        return not self._working.locked() and (
            len(self._pending) >= pending_max or len(self._small()) > SMALL_SEGMENTS_MAX
        )

    async def maintain(self, pending_max: int, logged: bool) -> None:
        """Write and merge segments until nothing is due; files are written in a thread.

        Args:
            logged: See ``Database.write``: as the fold writes now.
        """
        async with self._working:
            while len(self._pending) >= pending_max:
                documents = dict(list(self._pending.items())[:DOCUMENTS_MAX])
                covered = self._unindexed_ends() if len(documents) == len(self._pending) else []
                await self._add(list(documents.values()), (), covered, logged)
                for entity_id, document in documents.items():
                    if self._pending.get(entity_id) is document:
                        del self._pending[entity_id]
            while len(small := self._small()) > SMALL_SEGMENTS_MAX:
                await self._merge(small, logged)
            if self._is_stale():
                _log.info("most entries of the search index are stale: merging all of it")
                await self._merge_everything(logged)

    def _small(self) -> list[Segment]:
        return [segment for segment in self._segments if segment.documents < _SMALL_DOCUMENTS]

    def _is_stale(self) -> bool:
        entries = sum(segment.documents for segment in self._segments)
        return entries > 2 * DOCUMENTS_MAX and self._files_now() < entries * (1 - STALE_SHARE_MAX)

    async def _merge(self, segments: Sequence[Segment], logged: bool) -> None:
        taken: list[Segment] = []
        documents = 0
        for segment in segments:
            if documents + segment.documents > DOCUMENTS_MAX:
                break
            taken.append(segment)
            documents += segment.documents
        ids = {entity_id for segment in taken for entity_id in segment.entity_ids()}
        numbers = {int(number) for segment in taken for number in segment.column("number")}
        partitions = sorted({partition_of(number) for number in numbers})
        found = await self._documents(sorted(ids), partitions)
        await self._add(found, taken, (), logged)

    async def _merge_everything(self, logged: bool) -> None:
        old = self._segments
        fresh = [
            await self._write(documents)
            for partition, ids in self._file_ids()
            if (documents := await self._documents(ids, (partition,)))
        ]
        self._register([Segment(self._folder / name) for name in fresh], old, (), logged)

    async def _documents(self, ids: Sequence[str], partitions: Iterable[int]) -> list[Document]:
        """Documents of the files that are still there, as of now."""
        found: dict[str, Document] = {}
        for partition in partitions:
            for at in range(0, len(ids), _ROWS_AT_ONCE):
                for row in self._rows(partition, ids[at : at + _ROWS_AT_ONCE]):
                    found[row.entity_id] = document_of(row, partition)
                await asyncio.sleep(0)
        return list(found.values())

    async def _add(
        self,
        documents: list[Document],
        replaced: Sequence[Segment],
        covered: Iterable[tuple[bytes, bytes]],
        logged: bool,
    ) -> None:
        added = [Segment(self._folder / await self._write(documents))] if documents else []
        self._register(added, replaced, covered, logged)

    async def _write(self, documents: list[Document]) -> str:
        name = self._name()
        with writing(self._folder):
            await asyncio.to_thread(write_segment, self._folder / name, documents)
        return name

    def _name(self) -> str:
        self._next += 1
        return f"{self._next - 1:08d}.segment"

    def _register(
        self,
        added: Sequence[Segment],
        replaced: Sequence[Segment],
        covered: Iterable[tuple[bytes, bytes]],
        logged: bool,
    ) -> None:
        gone = {segment.path for segment in replaced}
        segments = (*(segment for segment in self._segments if segment.path not in gone), *added)
        batch = self._database.batch()
        batch.put(_REGISTRY_KEY, orjson.dumps([segment.path.name for segment in segments]))
        for first, stop in covered:
            batch.delete_range(first, stop)
        self._database.write(batch, logged)
        self._segments = segments
        for segment in replaced:
            segment.path.unlink(missing_ok=True)

    def _unindexed_ends(self) -> list[tuple[bytes, bytes]]:
        """[first, stop) of the keys that list what is pending now."""
        ranges: list[tuple[bytes, bytes]] = []
        for prefix in self._prefixes.values():
            family = prefix + keys.UNINDEXED
            last = max(self._database.keys(family, keys.prefix_end(family)), default=None)
            if last is not None:
                ranges.append((family, last + b"\0"))
        return ranges

    # --- opening ---------------------------------------------------------------------------------------------

    def _open_segments(self) -> None:
        stored = self._database.get(_REGISTRY_KEY)
        names: list[str] = [] if stored is None else orjson.loads(stored)
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink()
        self._segments = tuple(Segment(self._folder / name) for name in names)
        self._next = max((int(name.partition(".")[0]) for name in names), default=0) + 1

    def _start_over(self) -> None:
        """Index every file again; blocks, for some seconds where files are many."""
        for path in self._folder.iterdir():
            path.unlink()
        self._segments = ()
        fresh: list[Segment] = []
        for partition, ids in self._file_ids():
            documents = [document_of(row, partition) for row in self._rows(partition, ids)]
            path = self._folder / self._name()
            write_segment(path, documents)
            fresh.append(Segment(path))
        self._register(fresh, (), (), logged=True)

    def _load_pending(self) -> None:
        for partition, prefix in self._prefixes.items():
            family = prefix + keys.UNINDEXED
            for _, value in self._database.items(family, keys.prefix_end(family)):
                self.note(partition, self._rows(partition, value.decode().split("\0")))

    # --- rows ------------------------------------------------------------------------------------------------

    def _rows(self, partition: int, ids: Sequence[str]) -> list[FileRow]:
        """Those of the files that are in a partition."""
        prefix = self._prefixes[partition] + keys.ENTITY
        values = self._database.get_many([prefix + one.encode() for one in ids])
        rows = (decode_row(keys.ENTITY, value) for value in values if value is not None)
        return [row for row in rows if isinstance(row, FileRow)]

    def _file_ids(self) -> Iterator[tuple[int, list[str]]]:
        """(partition, ids) of all files, as many at a time as a segment holds."""
        for partition, prefix in self._prefixes.items():
            family = prefix + keys.ENTITY
            stored = self._database.items(family, keys.prefix_end(family))
            ids = (key[len(family) :].decode() for key, value in stored if value[8:9] == b"f")
            while page := list(islice(ids, DOCUMENTS_MAX)):
                yield partition, page
