"""Packs: the files that hold records, and the one writer that appends to them."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

from govault.domain.manifest import ChunkRef
from govault.errors import Storage, StorageFull, is_full
from govault.storage.disk import Buffer, Disk, File
from govault.storage.index import Entry, entries_of
from govault.storage.record import PACK_HEADER_BYTES, encode_pack_header, pack_name
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId

PACKS_FOLDER = "packs"
_OPEN_FILES_MAX = 128


class Place(NamedTuple):
    """Where a record begins."""

    pack: int
    offset: int


class NewRecord(NamedTuple):
    """A record to append.

    Attributes:
        chunks: What it holds, in the order of its content.
        sealing_epoch: Whose sealing root it needs.
        stamp: The epoch of collection that its chunks get.
        moved_from: Where its chunks lie now, when compaction copies them.
    """

    chunks: Sequence[ChunkRef]
    raw: Buffer
    sealing_epoch: int
    stamp: int
    moved_from: Place | None = None


class Appended(NamedTuple):
    """A chunk that lies in a pack, not durable yet."""

    chunk_id: ChunkId
    entry: Entry
    moved_from: Place | None


class Unsynced(NamedTuple):
    """What was appended since the last taking: exactly what lies between two ends of each pack."""

    chunks: list[Appended]
    files: dict[int, File]
    ends: dict[int, int]
    frames: dict[int, int]
    """Frame bytes (pack header, sealing roots) that were appended to each pack."""
    folder_changed: bool


def pack_path(number: int) -> str:
    """A pack's path in the store's folder."""
    return f"{PACKS_FOLDER}/{pack_name(number)}"


class _Open:
    __slots__ = ("file", "stale", "users")

    def __init__(self, file: File) -> None:
        self.file = file
        self.users = 0
        self.stale = False


class PackFiles:
    """Open descriptors of packs, a bounded number, shared by reading threads.

    A pack that was unlinked stays readable to those who were reading it.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = Lock()
        self._open: OrderedDict[int, _Open] = OrderedDict()

    @contextmanager
    def use(self, number: int) -> Iterator[File]:
        """A pack's file, held open inside the ``with``.

        Raises:
            OSError: There is no such pack.
        """
        held = self._take(number)
        try:
            yield held.file
        finally:
            with self._lock:
                held.users -= 1
                if held.stale and not held.users:
                    held.file.close()

    def forget(self, number: int) -> None:
        """The pack is going away: close it when its last user is done."""
        with self._lock:
            held = self._open.pop(number, None)
            if held is not None:
                self._retire(held)

    def close(self) -> None:
        """Forget all."""
        with self._lock:
            for held in self._open.values():
                self._retire(held)
            self._open.clear()

    def _take(self, number: int) -> _Open:
        with self._lock:
            held = self._open.get(number)
            if held is None:
                held = self._open[number] = _Open(self._disk.open(pack_path(number)))
                while len(self._open) > _OPEN_FILES_MAX:
                    self._retire(self._open.popitem(last=False)[1])
            self._open.move_to_end(number)
            held.users += 1
            return held

    @staticmethod
    def _retire(held: _Open) -> None:
        held.stale = True
        if not held.users:
            held.file.close()


class PackWriter:
    """Appends records to the newest pack. Threads share it; its lock is held while bytes go to the page cache.

    Records lie without holes: whoever syncs, syncs everything before.
    """

    def __init__(
        self, disk: Disk, sealer: Sealer, *, pack_bytes_max: int, reserve_bytes: int, next_number: int
    ) -> None:
        self._disk = disk
        self._key_check = sealer.key_check
        self._root_record = sealer.root_record
        self._pack_bytes_max = pack_bytes_max
        self._reserve_bytes = reserve_bytes
        self._lock = Lock()
        self._next_number = next_number
        self._number = 0
        self._file: File | None = None
        self._end = 0
        self._roots_written: set[int] = set()
        self._unsynced = Unsynced([], {}, {}, {}, False)
        self._syncing: set[int] = set()
        self._folder_changed = False

    @property
    def current(self) -> int:
        """The number of the pack that grows; 0 before the first."""
        return self._number

    def resume(self, number: int, end: int) -> None:
        """Go on appending to a pack of an earlier start, at its durable end."""
        self._number, self._file, self._end = number, self._disk.open(pack_path(number)), end

    def append(self, records: Sequence[NewRecord], *, spare: bool = False) -> None:
        """Append records one after the other, all or none. Sealing roots that the pack lacks go in front.

        Args:
            records: What to append; not empty.
            spare: Whether the reserve of free space may be used (collection may).

        Raises:
            StorageFull: Nothing was appended.
            Storage: The disk failed; nothing was appended.
        """
        size = sum(len(record.raw) for record in records)
        with self._lock:
            try:
                self._check_space(size, spare)
                file = self._room_for(size)
                roots = self._roots_for(records)
                file.pwrite([*roots.values(), *(record.raw for record in records)], self._end)
            except OSError as error:
                self._undo()
                if is_full(error):
                    raise StorageFull("the disk is full: free space and repeat") from error
                raise Storage(f"cannot write to the packs: {error}", code="storage.write-failed") from error
            self._note_frames(roots)
            for record in records:
                places = entries_of(self._number, self._end, len(record.raw), record.chunks, record.stamp)
                self._unsynced.chunks.extend(Appended(*place, record.moved_from) for place in places)
                self._end += len(record.raw)
            self._unsynced.files[self._number] = file
            self._unsynced.ends[self._number] = self._end

    def roll(self) -> None:
        """Let the next append begin a new pack."""
        with self._lock:
            self._close_if_synced()
            self._file, self._number, self._end = None, 0, 0

    def take_unsynced(self) -> Unsynced:
        """What was appended since the last call; the caller syncs it."""
        with self._lock:
            taken = self._unsynced._replace(folder_changed=self._folder_changed)
            self._unsynced, self._folder_changed = Unsynced([], {}, {}, {}, False), False
            self._syncing |= taken.files.keys()
            return taken

    def retire(self, number: int, file: File) -> None:
        """A synced file: close it unless it is the one that grows."""
        with self._lock:
            self._syncing.discard(number)
            if file is not self._file and file not in self._unsynced.files.values():
                file.close()

    def close(self) -> None:
        """Close the growing pack; nothing is synced."""
        with self._lock:
            for file in (self._file, *self._unsynced.files.values()):
                if file is not None:
                    file.close()
            self._file = None

    def _close_if_synced(self) -> None:
        """Leave the growing pack. While its bytes are not synced, or are just being, ``retire`` closes it later."""
        if self._file is not None and self._number not in self._unsynced.files and self._number not in self._syncing:
            self._file.close()

    def _roots_for(self, records: Sequence[NewRecord]) -> dict[int, bytes]:
        """Root records that this pack needs and has not got."""
        epochs = {record.sealing_epoch for record in records} - self._roots_written
        roots = {epoch: self._root_record(epoch) for epoch in epochs}
        return {epoch: root for epoch, root in roots.items() if root is not None}

    def _note_frames(self, roots: dict[int, bytes]) -> None:
        """Count the roots just written, and the pack's header with its first records."""
        frame_bytes = sum(map(len, roots.values())) + (PACK_HEADER_BYTES if self._end == PACK_HEADER_BYTES else 0)
        if frame_bytes:
            self._unsynced.frames[self._number] = self._unsynced.frames.get(self._number, 0) + frame_bytes
        self._roots_written.update(roots)
        self._end += sum(map(len, roots.values()))

    def _check_space(self, size: int, spare: bool) -> None:
        if not spare and self._disk.free_bytes() - size < self._reserve_bytes:
            kept = f" beside the {self._reserve_bytes} bytes that are kept free" if self._reserve_bytes else ""
            raise StorageFull(
                f"the disk has no room for {size} bytes more{kept}: free space and repeat",
                reserve_bytes=self._reserve_bytes,
            )

    def _room_for(self, size: int) -> File:
        if self._file is not None and self._end + size <= max(self._pack_bytes_max, PACK_HEADER_BYTES + size):
            return self._file
        number = self._next_number
        file = self._disk.open(pack_path(number), create=True)
        try:
            file.pwrite([encode_pack_header(number, self._key_check)], 0)
        except OSError:
            file.close()
            self._give_back(number)
            raise
        self._close_if_synced()
        self._number, self._file, self._end = number, file, PACK_HEADER_BYTES
        self._next_number = number + 1
        self._roots_written = set()
        self._folder_changed = True
        return file

    def _give_back(self, number: int) -> None:
        """Remove a pack that could not be begun; one that stays must not stand in the way of the next."""
        try:
            self._disk.unlink(pack_path(number))
        except OSError:
            self._next_number = number + 1

    def _undo(self) -> None:
        """Give back what a failed append left behind the end; the next one would write over it anyway."""
        if self._file is not None:
            try:
                self._file.truncate(self._end)
            except OSError:
                pass
