"""Reads chunks back, verifies every one, and quarantines what fails."""

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged, ChunkMissing, GoVaultError, Storage
from govault.limits import KIB, MIB
from govault.storage.disk import Buffer
from govault.storage.index import Entry
from govault.storage.ledger import Ledger
from govault.storage.opened import OpenedBundles
from govault.storage.pack import PackFiles
from govault.storage.quarantine import Quarantine
from govault.storage.record import decode_header
from govault.storage.rooms import Rooms
from govault.storage.sealing import SealBroken, Sealer, SealingRootMissing
from schemas.ids import ChunkId

T = TypeVar("T")

READ_AHEAD = 2
_BATCH_BYTES = 1 * MIB
_BATCH_CHUNKS_MAX = 64
_AT_HAND_BYTES_MAX = 64 * KIB
_MOVED_ATTEMPTS_MAX = 4
_OPENED_BYTES_MAX = 8 * MIB
MEDIUM_ERRORS = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)
"""The disk cannot give back what it was given."""


class Reader:
    """Reads on threads of its own, so that downloads do not queue behind compression."""

    def __init__(
        self, ledger: Ledger, files: PackFiles, sealer: Sealer, quarantine: Quarantine, threads: Executor
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._sealer = sealer
        self._quarantine = quarantine
        self._threads = threads
        self._records = Rooms()
        self._opened = OpenedBundles(_OPENED_BYTES_MAX)

    async def read(self, chunk: ChunkRef) -> bytes:
        """One chunk; see ``ChunkStore.read``."""
        if chunk.size_bytes <= _AT_HAND_BYTES_MAX and (plain := self._at_hand(chunk.chunk_id)) is not None:
            return plain
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, chunk.chunk_id)

    def _at_hand(self, chunk_id: ChunkId) -> bytes | None:
        """A small chunk whose record or bundle is in memory, verified; None where a thread has to see to it.

        A thread costs several times what such a chunk does, and a small content is one chunk.
        """
        entry = self._ledger.index.get(chunk_id)
        if entry is None:
            return None
        try:
            if entry.bundle_bytes:
                content = self._opened.get((entry.pack, entry.offset))
            else:
                content = self._record_at_hand(chunk_id, entry)
            if content is None:
                return None
            plain = bytes(_cut(content, entry))
            self._sealer.check(chunk_id, plain)
        except (OSError, SealBroken):
            return None
        return plain

    def _record_at_hand(self, chunk_id: ChunkId, entry: Entry) -> Buffer | None:
        raw = self._records.room(entry.extent_bytes)
        with self._files.use(entry.pack) as file:
            if file.pread_at_hand(raw, entry.offset) != len(raw):
                return None
        header = decode_header(raw)
        if header is None or header.is_bundle or header.chunk_id != chunk_id or header.record_bytes != len(raw):
            return None
        return self._sealer.unseal(header, raw)

    async def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        """Chunks in order; see ``ChunkStore.read_run``. A few chunks a hop; two hops ahead of the consumer."""
        loop = asyncio.get_running_loop()
        ahead: deque[asyncio.Future[tuple[list[bytes], GoVaultError | None]]] = deque()
        # The first hop has one chunk, so that the first byte leaves at once.
        budget_bytes = 1
        try:
            while True:
                while len(ahead) <= READ_AHEAD and (batch := _next_batch(chunks, budget_bytes)):
                    ahead.append(loop.run_in_executor(self._threads, self._read_batch, batch))
                    budget_bytes = _BATCH_BYTES
                if not ahead:
                    return
                plains, failure = await ahead[0]
                ahead.popleft()
                for plain in plains:
                    yield plain
                if failure is not None:
                    raise failure
        finally:
            for future in ahead:
                future.cancel()

    def read_now(self, chunk_id: ChunkId, *, from_disk: bool = False) -> bytes:
        """One chunk, on this thread; see ``ChunkStore.read``.

        Args:
            from_disk: Read the record even where its content is at hand.
        """
        return bytes(self._at_its_place(chunk_id, partial(self.read_entry, from_disk=from_disk)))

    def read_into(self, chunk_id: ChunkId, room: memoryview | None) -> Buffer:
        """One chunk, on this thread, in ``room`` where it fits and lies alone, not compressed; else as ``read_now``."""
        return self._at_its_place(chunk_id, partial(self.read_entry, room=room))

    def sealed_alone(self, chunk_id: ChunkId) -> bytes:
        """A record that holds this chunk alone and needs nothing but the vault's keys, for another node's packs.

        It was checked; where the chunk lies in a bundle it is sealed anew. Blocks; raises as ``read_now`` does.
        """
        return self._at_its_place(chunk_id, self._sealed_entry)

    def _at_its_place(self, chunk_id: ChunkId, read: Callable[[ChunkId, Entry], T]) -> T:
        """What a function makes of the place of a chunk; looked up again where it has moved, quarantined if bad."""
        seen: Entry | None = None
        for _ in range(_MOVED_ATTEMPTS_MAX):
            entry = self._ledger.index.get(chunk_id)
            if entry is None:
                raise self._absent(chunk_id)
            if entry == seen:
                break
            seen = entry
            try:
                return read(chunk_id, entry)
            except SealingRootMissing as error:
                # The record may well be whole: this is no reason to quarantine it.
                raise Storage(f"{error}; restore keyring.json from a backup", code="storage.key-missing") from error
            except SealBroken as error:
                reason = str(error)
            # Compaction may have moved the chunk and unlinked its pack since the look-up: look again.
        assert seen is not None
        self._quarantine.put(chunk_id, seen, reason)
        raise ChunkDamaged(
            f"chunk {chunk_id.hex()} is damaged ({reason}); it is quarantined. Repair it from a replica, or upload "
            "the file again",
            chunk_id=chunk_id.hex(),
        )

    def read_entry(
        self, chunk_id: ChunkId, entry: Entry, *, from_disk: bool = False, room: memoryview | None = None
    ) -> Buffer:
        """The chunk that lies at a place; ``from_disk`` and ``room`` as above.

        Raises:
            SealBroken: It does not.
            Storage: The machine, not the record, is at fault.
        """
        place = entry.pack, entry.offset
        content = self._opened.get(place) if entry.bundle_bytes and not from_disk else None
        if content is None:
            header = decode_header(raw := self.read_record(entry))
            if header is None or header.record_bytes != len(raw) or header.is_bundle != bool(entry.bundle_bytes):
                raise SealBroken("the record's header is damaged")
            if not header.is_bundle and header.chunk_id != chunk_id:
                raise SealBroken("the record's header is another chunk's")
            # A bundle is kept for the chunks beside this one, so it gets memory of its own.
            content = self._sealer.unseal(header, raw, None if header.is_bundle else room)
            if header.is_bundle:
                self._opened.put(place, content)
        content = _cut(content, entry)
        self._sealer.check(chunk_id, content)
        return content

    def _sealed_entry(self, chunk_id: ChunkId, entry: Entry) -> bytes:
        if entry.bundle_bytes:
            return bytes(self._sealer.seal(chunk_id, bytes(self.read_entry(chunk_id, entry))).raw)
        header = decode_header(raw := self.read_record(entry))
        if header is None or header.chunk_id != chunk_id or header.record_bytes != entry.record_bytes:
            raise SealBroken("the record's header is damaged")
        self._sealer.authenticate(header, raw)
        return bytes(raw)

    def read_record(self, entry: Entry) -> memoryview:
        """The raw bytes at a place, until this thread reads the next.

        Raises:
            SealBroken: The pack is gone, too short, or unreadable there.
            Storage: The machine, not the record, is at fault.
        """
        raw = self._records.room(entry.extent_bytes)
        try:
            with self._files.use(entry.pack) as file:
                got = file.pread_into(raw, entry.offset)
        except FileNotFoundError as error:
            raise SealBroken("its pack is gone") from error
        except OSError as error:
            if error.errno in MEDIUM_ERRORS:
                raise SealBroken(f"the disk cannot read it: {error}") from error
            raise Storage(f"cannot read a pack: {error}", code="storage.read-failed") from error
        if got != entry.extent_bytes:
            raise SealBroken("its pack is cut short")
        return raw

    def _read_batch(self, batch: Sequence[ChunkId]) -> tuple[list[bytes], GoVaultError | None]:
        plains: list[bytes] = []
        for chunk_id in batch:
            try:
                plains.append(self.read_now(chunk_id))
            except GoVaultError as error:
                return plains, error
        return plains, None

    def _absent(self, chunk_id: ChunkId) -> GoVaultError:
        damage = self._ledger.index.damage(chunk_id)
        name = chunk_id.hex()
        if damage is not None:
            return ChunkDamaged(f"chunk {name} is quarantined: {damage.reason}", chunk_id=name)
        return ChunkMissing(f"chunk {name} is not in the store", chunk_id=name)


def _next_batch(chunks: Iterator[ChunkRef], budget_bytes: int) -> list[ChunkId]:
    batch: list[ChunkId] = []
    size = 0
    while size < budget_bytes and len(batch) < _BATCH_CHUNKS_MAX:
        chunk = next(chunks, None)
        if chunk is None:
            break
        batch.append(chunk.chunk_id)
        size += chunk.size_bytes
    return batch


def _cut(content: Buffer, entry: Entry) -> Buffer:
    """An entry's own part of what its record held."""
    if not entry.bundle_bytes:
        return content
    return bytes(memoryview(content)[entry.start : entry.start + entry.plain_bytes])
