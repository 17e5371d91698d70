"""The index: where each chunk is, its stamp, and what each pack holds. A RocksDB beside the packs.

It can always be made again from the packs, except for the stamps, which then count as the store's epoch. Nothing
here is thread-safe beyond single reads: the store's lock orders all changes.

Keys: ``c`` + chunk id → location and stamp; ``p`` + pack number → the pack's row; ``q`` + chunk id → why quarantined;
``m`` + name → a fact about the store.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from govault.limits import MIB
from schemas.ids import ChunkId

_ENTRY = struct.Struct(">IIIII")
_PACK = struct.Struct(">QQQQQ")
_NUMBER = struct.Struct(">I")
_BLOCK_CACHE_BYTES = 16 * MIB
_WRITE_BUFFER_BYTES = 8 * MIB


class Entry(NamedTuple):
    """A chunk's place.

    Attributes:
        record_bytes: The whole record, header included.
        stamp: The epoch of collection that it was last stored, confirmed or dereferenced in.
    """

    pack: int
    offset: int
    record_bytes: int
    plain_bytes: int
    stamp: int


class PackRow(NamedTuple):
    """A pack's figures, bytes.

    Attributes:
        durable_bytes: Everything before this is fsynced and indexed: the watermark.
        frame_bytes: The pack's header and the sealing roots it carries.
        live_bytes: Records that the index points to.
        live_plain_bytes: Their plaintexts.
    """

    durable_bytes: int = 0
    frame_bytes: int = 0
    live_chunks: int = 0
    live_bytes: int = 0
    live_plain_bytes: int = 0

    @property
    def dead_bytes(self) -> int:
        """Records that the index does not point to, and torn ones between good ones."""
        return max(0, self.durable_bytes - self.frame_bytes - self.live_bytes)


class Damage(NamedTuple):
    """Why a chunk is quarantined, and since when (wall-clock milliseconds)."""

    found_ms: int
    reason: str


class IndexBatch:
    """Changes that become visible and durable together."""

    def __init__(self) -> None:
        self.raw = WriteBatch(raw_mode=True)

    def put_entry(self, chunk_id: ChunkId, entry: Entry) -> None:
        """Point a chunk to its place."""
        self.raw.put(b"c" + chunk_id, _ENTRY.pack(*entry))

    def delete_entry(self, chunk_id: ChunkId) -> None:
        """Forget a chunk."""
        self.raw.delete(b"c" + chunk_id)

    def put_pack(self, number: int, row: PackRow) -> None:
        """Set a pack's row."""
        self.raw.put(b"p" + _NUMBER.pack(number), _PACK.pack(*row))

    def delete_pack(self, number: int) -> None:
        """Forget a pack."""
        self.raw.delete(b"p" + _NUMBER.pack(number))

    def put_quarantined(self, chunk_id: ChunkId, damage: Damage) -> None:
        """Remember a damaged chunk."""
        self.raw.put(b"q" + chunk_id, f"{damage.found_ms} {damage.reason}".encode())

    def delete_quarantined(self, chunk_id: ChunkId) -> None:
        """The chunk is whole again, or gone for good."""
        self.raw.delete(b"q" + chunk_id)

    def put_fact(self, name: str, number: int) -> None:
        """Set a number that describes the store."""
        self.raw.put(b"m" + name.encode(), str(number).encode())

    def delete_fact(self, name: str) -> None:
        """Unset it."""
        self.raw.delete(b"m" + name.encode())


class Index:
    """The RocksDB. One process opens it at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or make the index of a folder.

        Raises:
            Exception: RocksDB's, where it is damaged or locked.
        """
        self._folder = folder
        self._db = Rdict(str(folder), options=_options(), access_type=AccessType.read_write())

    def get(self, chunk_id: ChunkId) -> Entry | None:
        """A chunk's place."""
        raw = self._db.get(b"c" + chunk_id)
        return None if raw is None else Entry._make(_ENTRY.unpack(raw))

    def entries(self, after: bytes = b"") -> Iterator[tuple[ChunkId, Entry]]:
        """Chunks in ascending order of id, behind ``after``. Sees the state of when it started."""
        for key, value in self._scan(b"c", after):
            yield ChunkId(key), Entry._make(_ENTRY.unpack(value))

    def packs(self) -> Iterator[tuple[int, PackRow]]:
        """The packs, by number."""
        for key, value in self._scan(b"p"):
            yield _NUMBER.unpack(key)[0], PackRow._make(_PACK.unpack(value))

    def quarantined(self) -> Iterator[tuple[ChunkId, Damage]]:
        """Damaged chunks and why."""
        for key, value in self._scan(b"q"):
            yield ChunkId(key), _decode_damage(value)

    def damage(self, chunk_id: ChunkId) -> Damage | None:
        """Why a chunk is quarantined; None where it is not."""
        raw = self._db.get(b"q" + chunk_id)
        return None if raw is None else _decode_damage(raw)

    def fact(self, name: str) -> int | None:
        """A number that describes the store."""
        raw = self._db.get(b"m" + name.encode())
        return None if raw is None else int(raw)

    def write(self, batch: IndexBatch) -> None:
        """Apply changes atomically. They survive the process, and power loss after the next ``sync``."""
        self._db.write(batch.raw)

    def sync(self) -> None:
        """Make everything written durable."""
        self._db.flush_wal(True)

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    def _scan(self, family: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        cursor = self._db.iter()
        cursor.seek(family + after)
        if after and cursor.valid() and cursor.key() == family + after:
            cursor.next()
        while cursor.valid():
            key: bytes = cursor.key()
            if not key.startswith(family):
                return
            yield key[1:], cursor.value()
            cursor.next()
        cursor.status()


def _decode_damage(raw: bytes) -> Damage:
    found_ms, _, reason = raw.decode().partition(" ")
    return Damage(int(found_ms), reason)


def change_row(row: PackRow, entries: Iterable[Entry], sign: int) -> PackRow:
    """A pack's row with live entries more (sign 1) or less (-1)."""
    chunks, size, plain = row.live_chunks, row.live_bytes, row.live_plain_bytes
    for entry in entries:
        chunks += sign
        size += sign * entry.record_bytes
        plain += sign * entry.plain_bytes
    return row._replace(live_chunks=chunks, live_bytes=size, live_plain_bytes=plain)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_max_total_wal_size(4 * _WRITE_BUFFER_BYTES)
    options.set_keep_log_file_num(2)
    options.set_max_open_files(128)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(_BLOCK_CACHE_BYTES))
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(False)
    options.set_block_based_table_factory(table)
    return options
