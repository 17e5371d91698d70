"""The index: where each chunk is, its stamp, and what each pack holds. A RocksDB beside the packs.

It can always be made again from the packs, except for the stamps, which then count as the store's epoch. Nothing
here is thread-safe beyond single reads: the store's lock orders all changes.

Keys: ``c`` + chunk id → location and stamp; ``p`` + pack number → the pack's row; ``q`` + chunk id → why quarantined;
``m`` + name → a fact about the store.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from govault.domain.manifest import ChunkRef
from govault.storage.database import Change, Database
from schemas.ids import ChunkId

_ENTRY = struct.Struct(">IIIII")
_BUNDLED = struct.Struct(">IIIIIII")
_STAMP, _STAMP_AT = struct.Struct(">I"), 16
_PACK = struct.Struct(">QQQQQ")
_NUMBER = struct.Struct(">I")


class Entry(NamedTuple):
    """A chunk's place.

    Attributes:
        record_bytes: The whole record, header included; of a bundle this chunk's share.
        stamp: The epoch of collection that it was last stored, confirmed or dereferenced in.
        bundle_bytes: The whole record of the bundle that the chunk lies in; 0 where it lies alone.
        start: Where in the bundle's content it begins.
    """

    pack: int
    offset: int
    record_bytes: int
    plain_bytes: int
    stamp: int
    bundle_bytes: int = 0
    start: int = 0

    @property
    def extent_bytes(self) -> int:
        """What must be read to have the chunk."""
        return self.bundle_bytes or self.record_bytes


def entries_of(
    pack: int, offset: int, record_bytes: int, chunks: Sequence[ChunkRef], stamp: int
) -> Iterator[tuple[ChunkId, Entry]]:
    """The places of a record's chunks."""
    if len(chunks) == 1:
        yield chunks[0].chunk_id, Entry(pack, offset, record_bytes, chunks[0].size_bytes, stamp)
        return
    start = 0
    for (chunk_id, size), share in zip(chunks, shares_of(record_bytes, chunks), strict=True):
        yield chunk_id, Entry(pack, offset, share, size, stamp, record_bytes, start)
        start += size


def shares_of(record_bytes: int, chunks: Sequence[ChunkRef]) -> list[int]:
    """A record's bytes shared out to its chunks by plain size, to the last byte."""
    plain_bytes = sum(chunk.size_bytes for chunk in chunks)
    shares = []
    end = given = 0
    for _, size in chunks:
        end += size
        share = record_bytes * end // plain_bytes - given if plain_bytes else record_bytes
        shares.append(share)
        given += share
    return shares


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
        self.changes: list[Change] = []

    def put_entry(self, chunk_id: ChunkId, entry: Entry) -> None:
        """Point a chunk to its place."""
        raw = _BUNDLED.pack(*entry) if entry.bundle_bytes else _ENTRY.pack(*entry[:5])
        self.changes.append((b"c" + chunk_id, raw))

    def delete_entry(self, chunk_id: ChunkId) -> None:
        """Forget a chunk."""
        self.changes.append((b"c" + chunk_id, None))

    def put_pack(self, number: int, row: PackRow) -> None:
        """Set a pack's row."""
        self.changes.append((b"p" + _NUMBER.pack(number), _PACK.pack(*row)))

    def delete_pack(self, number: int) -> None:
        """Forget a pack."""
        self.changes.append((b"p" + _NUMBER.pack(number), None))

    def put_quarantined(self, chunk_id: ChunkId, damage: Damage) -> None:
        """Remember a damaged chunk."""
        self.changes.append((b"q" + chunk_id, f"{damage.found_ms} {damage.reason}".encode()))

    def delete_quarantined(self, chunk_id: ChunkId) -> None:
        """The chunk is whole again, or gone for good."""
        self.changes.append((b"q" + chunk_id, None))

    def put_fact(self, name: str, number: int) -> None:
        """Set a number that describes the store."""
        self.changes.append((b"m" + name.encode(), str(number).encode()))

    def delete_fact(self, name: str) -> None:
        """Unset it."""
        self.changes.append((b"m" + name.encode(), None))


class Index:
    """Typed access to the database. One process opens it at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, chunk_id: ChunkId) -> Entry | None:
        """A chunk's place."""
        raw = self._database.get(b"c" + chunk_id)
        return None if raw is None else _decode_entry(raw)

    def stamp(self, chunk_id: ChunkId) -> int | None:
        """The stamp of a chunk; None where it is not here."""
        raw = self._database.get(b"c" + chunk_id)
        return None if raw is None else _STAMP.unpack_from(raw, _STAMP_AT)[0]

    def entries(self, after: bytes = b"") -> Iterator[tuple[ChunkId, Entry]]:
        """Chunks in ascending order of id, behind ``after``. Sees the state of when it started."""
        for key, value in self._database.scan(b"c", after):
            yield ChunkId(key), _decode_entry(value)

    def ids(self, after: bytes, stop: bytes | None) -> Iterator[ChunkId]:
        """Ids of chunks behind ``after`` and before ``stop`` (None: to the end), ascending."""
        for key, _ in self._database.scan(b"c", after):
            if stop is not None and key >= stop:
                return
            yield ChunkId(key)

    def packs(self) -> Iterator[tuple[int, PackRow]]:
        """The packs, by number."""
        for key, value in self._database.scan(b"p"):
            yield _NUMBER.unpack(key)[0], PackRow._make(_PACK.unpack(value))

    def quarantined(self) -> Iterator[tuple[ChunkId, Damage]]:
        """Damaged chunks and why."""
        for key, value in self._database.scan(b"q"):
            yield ChunkId(key), _decode_damage(value)

    def damage(self, chunk_id: ChunkId) -> Damage | None:
        """Why a chunk is quarantined; None where it is not."""
        raw = self._database.get(b"q" + chunk_id)
        return None if raw is None else _decode_damage(raw)

    def fact(self, name: str) -> int | None:
        """A number that describes the store."""
        raw = self._database.get(b"m" + name.encode())
        return None if raw is None else int(raw)

    def write(self, batch: IndexBatch) -> None:
        """Apply changes atomically. They survive the process, and power loss after the next ``sync``.

        Raises:
            StorageFull: Nothing was applied; it may be tried again when there is space.
            Storage: The index cannot be written.
        """
        self._database.write(batch.changes)

    def sync(self) -> None:
        """Make everything written durable.

        Raises:
            StorageFull: It is not, for lack of space.
            Storage: It is not.
        """
        self._database.sync()

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()


def _decode_entry(raw: bytes) -> Entry:
    return Entry(*(_ENTRY if len(raw) == _ENTRY.size else _BUNDLED).unpack(raw))


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
