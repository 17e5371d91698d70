"""A disk and a database that record what is done to them, and the states that a power loss may leave behind.

The model is the strictest that POSIX allows: what was not synced may be there, absent, torn or zeros, in any order;
names (creations, removals) are durable only after their folder's sync, and before it may be there or not one by one.
The database loses a suffix of the batches since its last sync, never a part of one.
"""

import errno
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import NamedTuple

from govault.storage.database import Change
from govault.storage.disk import Buffer


class Create(NamedTuple):
    path: str
    inode: int


class Write(NamedTuple):
    inode: int
    position: int
    data: bytes


class Truncate(NamedTuple):
    inode: int
    size: int


class Sync(NamedTuple):
    inode: int


class Unlink(NamedTuple):
    path: str


class Rename(NamedTuple):
    old: str
    new: str


class SyncDir(NamedTuple):
    folder: str


class Batch(NamedTuple):
    changes: tuple[Change, ...]


class SyncDatabase(NamedTuple):
    pass


class Note(NamedTuple):
    """Something that the test did or was promised at this point."""

    what: str
    chunks: tuple[tuple[bytes, bytes], ...]


Operation = Create | Write | Truncate | Sync | Unlink | Rename | SyncDir | Batch | SyncDatabase | Note


@dataclass
class Journal:
    """Everything that was done, in one order."""

    operations: list[Operation] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def add(self, operation: Operation) -> None:
        with self.lock:
            self.operations.append(operation)


class RecordingFile:
    def __init__(self, disk: "RecordingDisk", inode: int) -> None:
        self._disk = disk
        self._inode = inode
        self._content = disk.contents[inode]
        self._closed = False

    def pread(self, size: int, position: int) -> bytes:
        self._check_open()
        if self._disk.unreadable:
            raise OSError(errno.EIO, "unreadable")
        with self._disk.journal.lock:
            return bytes(self._content[position : position + size])

    def pread_into(self, room: memoryview, position: int) -> int:
        data = self.pread(len(room), position)
        room[: len(data)] = data
        return len(data)

    def pread_at_hand(self, room: memoryview, position: int) -> int:
        return 0 if self._disk.cold or self._disk.unreadable else self.pread_into(room, position)

    def pwrite(self, buffers: Sequence[Buffer], position: int) -> None:
        self._check_open()
        data = b"".join(buffers)
        self._disk.before_write(self._inode, data)
        with self._disk.journal.lock:
            allowed = self._disk.take_space(self._inode, position, len(data))
            written = data[:allowed]
            _overwrite(self._content, position, written)
            self._disk.journal.add(Write(self._inode, position, written))
        if allowed < len(data):
            raise OSError(errno.ENOSPC, "no space left")

    def sync(self) -> None:
        self._disk.before_sync()
        self._check_open()
        if self._disk.syncs_fail:
            raise OSError(errno.EIO, "the disk did not take it")
        self._disk.syncs += 1
        self._disk.journal.add(Sync(self._inode))

    def truncate(self, size: int) -> None:
        with self._disk.journal.lock:
            _truncate(self._content, size)
            self._disk.journal.add(Truncate(self._inode, size))

    def size(self) -> int:
        return len(self._content)

    def names(self) -> int:
        return 1

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the file was closed")


class RecordingDisk:
    """A folder tree in memory. Its attributes make it misbehave."""

    def __init__(self, files: dict[str, bytes] | None = None, journal: Journal | None = None) -> None:
        self.journal = journal or Journal()
        self.contents: list[bytearray] = []
        self.names: dict[str, int] = {}
        self.capacity_bytes = 1 << 40
        self.syncs_fail = False
        self.unreadable = False
        self.cold = False
        """Whether nothing of it is in memory, so that a read has to wait."""
        self.syncs = 0
        self.before_write: Callable[[int, bytes], None] = lambda inode, data: None
        self.before_sync: Callable[[], None] = lambda: None
        for path, content in (files or {}).items():
            inode = self._new_inode(content)
            self.names[path] = inode
            self.journal.add(Create(path, inode))
            self.journal.add(Write(inode, 0, content))
            self.journal.add(Sync(inode))
            self.journal.add(SyncDir(path.rpartition("/")[0]))

    def _new_inode(self, content: bytes = b"") -> int:
        self.contents.append(bytearray(content))
        return len(self.contents) - 1

    def take_space(self, inode: int, position: int, size: int) -> int:
        growth = max(0, position + size - len(self.contents[inode]))
        return size - max(0, growth - self.free_bytes())

    def open(self, path: str, *, create: bool = False) -> RecordingFile:
        with self.journal.lock:
            if create:
                if path in self.names:
                    raise FileExistsError(errno.EEXIST, path)
                self.names[path] = self._new_inode()
                self.journal.add(Create(path, self.names[path]))
            if path not in self.names:
                raise FileNotFoundError(errno.ENOENT, path)
            return RecordingFile(self, self.names[path])

    def list_dir(self, path: str) -> list[str]:
        with self.journal.lock:
            return sorted(name.rpartition("/")[2] for name in self.names if name.rpartition("/")[0] == path)

    def make_dir(self, path: str) -> None:
        pass

    def rename(self, old: str, new: str) -> None:
        with self.journal.lock:
            self.names[new] = self.names.pop(old)
            self.journal.add(Rename(old, new))

    def unlink(self, path: str) -> None:
        with self.journal.lock:
            del self.names[path]
            self.journal.add(Unlink(path))

    def sync_dir(self, path: str) -> None:
        if self.syncs_fail:
            raise OSError(errno.EIO, "the disk did not take it")
        self.journal.add(SyncDir(path))

    def free_bytes(self) -> int:
        with self.journal.lock:
            used = sum(len(self.contents[inode]) for inode in set(self.names.values()))
        return max(0, self.capacity_bytes - used)

    def read(self, path: str) -> bytes:
        return bytes(self.contents[self.names[path]])


class RecordingDatabase:
    """A sorted dict with the database's contract."""

    def __init__(self, rows: dict[bytes, bytes] | None = None, journal: Journal | None = None) -> None:
        self.rows = dict(rows or {})
        self.journal = journal or Journal()

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, family: bytes, after: bytes = b"", stop: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        for key, value in sorted(self.rows.items()):
            inside = (not after or key > family + after) and (not stop or key < family + stop)
            if key.startswith(family) and inside:
                yield key[len(family) :], value

    def write(self, changes: Sequence[Change]) -> None:
        with self.journal.lock:
            apply_changes(self.rows, changes)
            self.journal.add(Batch(tuple(changes)))

    def sync(self) -> None:
        self.journal.add(SyncDatabase())

    def close(self) -> None:
        pass


def apply_changes(rows: dict[bytes, bytes], changes: Sequence[Change]) -> None:
    for key, value in changes:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


class Wreck(NamedTuple):
    """What a power loss left."""

    files: dict[str, bytes]
    rows: dict[bytes, bytes]


class PowerLoss:
    """Replays a journal; at each point it knows what is durable and what may or may not be."""

    def __init__(self) -> None:
        self._durable: dict[int, bytearray] = {}
        self._pending: dict[int, list[Write | Truncate]] = {}
        self._names: dict[str, int] = {}
        self._pending_names: list[Create | Unlink | Rename] = []
        self._rows: dict[bytes, bytes] = {}
        self._pending_batches: list[Batch] = []

    def advance(self, operation: Operation) -> None:
        match operation:
            case Create(_, inode):
                self._durable[inode], self._pending[inode] = bytearray(), []
                self._pending_names.append(operation)
            case Unlink() | Rename():
                self._pending_names.append(operation)
            case Write(inode) | Truncate(inode):
                self._pending[inode].append(operation)
            case Sync(inode):
                for change in self._pending[inode]:
                    _change(self._durable[inode], change)
                self._pending[inode] = []
            case SyncDir(folder):
                pending, self._pending_names = self._pending_names, []
                for name in pending:
                    if _folder(name) == folder:
                        _rename(self._names, name)
                    else:
                        self._pending_names.append(name)
            case Batch():
                self._pending_batches.append(operation)
            case SyncDatabase():
                for batch in self._pending_batches:
                    apply_changes(self._rows, batch.changes)
                self._pending_batches = []

    def wreck(self, rng: random.Random) -> Wreck:
        """One legal state; ``rng`` decides what survives. Nothing and everything are as likely as a mixture."""
        mood = rng.choice(("nothing", "everything", "mixture", "mixture"))
        names = dict(self._names)
        for name in self._pending_names:
            if _survives(rng, mood):
                _rename(names, name)
        contents = {}
        for path, inode in names.items():
            content = bytearray(self._durable[inode])
            for change in self._pending[inode]:
                if _survives(rng, mood):
                    for landed in _torn(rng, change) if mood == "mixture" else [change]:
                        _change(content, landed)
            contents[path] = bytes(content)
        rows = dict(self._rows)
        kept = {"nothing": 0, "everything": len(self._pending_batches)}
        for batch in self._pending_batches[: kept.get(mood, rng.randint(0, len(self._pending_batches)))]:
            apply_changes(rows, batch.changes)
        return Wreck(contents, rows)


def _survives(rng: random.Random, mood: str) -> bool:
    return mood == "everything" or (mood == "mixture" and rng.random() < 0.6)


def _torn(rng: random.Random, change: Write | Truncate) -> list[Write | Truncate]:
    """A write as a whole, its first bytes, its last ones, or only its length.

    Where bytes of it are missing, what was there before stays; new length reads as zeros.
    """
    if isinstance(change, Truncate) or not change.data:
        return [change]
    cut = rng.randint(0, len(change.data))
    length = Write(change.inode, change.position + len(change.data), b"")
    tail = Write(change.inode, change.position + cut, change.data[cut:])
    return rng.choice(([change], [change._replace(data=change.data[:cut])], [tail], [length]))


def _change(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        _truncate(content, change.size)
    else:
        _overwrite(content, change.position, change.data)


def _folder(change: Create | Unlink | Rename) -> str:
    path = change.new if isinstance(change, Rename) else change.path
    return path.rpartition("/")[0]


def _rename(names: dict[str, int], change: Create | Unlink | Rename) -> None:
    match change:
        case Create(path, inode):
            names[path] = inode
        case Unlink(path):
            names.pop(path, None)
        case Rename(old, new):
            if old in names:
                names[new] = names.pop(old)


def _overwrite(content: bytearray, position: int, data: bytes) -> None:
    if position > len(content):
        content.extend(bytes(position - len(content)))
    content[position : position + len(data)] = data


def _truncate(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
