"""The store's one door to the file system for packs.

Tests put a disk in its place that records writes, forgets what was not synced, fills up or fails.
Paths are relative to the store's folder, with ``/``. Every method raises ``OSError`` as the system does.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_BUFFERS_PER_WRITE_MAX = 512

_NO_WAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""Linux only."""

Buffer = bytes | bytearray | memoryview


class File(Protocol):
    """An open file, written only at explicit positions. Threads may share it."""

    def pread(self, size: int, position: int) -> bytes:
        """Up to ``size`` bytes; fewer only at the end of the file."""

    def pread_into(self, room: memoryview, position: int) -> int:
        """Fill the room; how many bytes were read, fewer than it holds only at the end of the file."""

    def pread_at_hand(self, room: memoryview, position: int) -> int:
        """As ``pread_into``, but never waits for the disk: what is not in memory already is not read."""

    def pwrite(self, buffers: Sequence[Buffer], position: int) -> None:
        """Write all buffers one after the other. Not durable until ``sync`` returns."""

    def sync(self) -> None:
        """Make content and size durable. The name is durable only after ``Disk.sync_dir``."""

    def truncate(self, size: int) -> None:
        """Cut the file."""

    def size(self) -> int:
        """Bytes in the file."""

    def names(self) -> int:
        """How many names lead to the file: with a second one somebody else has it too, as a backup does."""

    def close(self) -> None:
        """Give the descriptor back; may be called twice."""


class Disk(Protocol):
    """A folder tree. Creations, renames and removals are durable after ``sync_dir`` of their folder."""

    def open(self, path: str, *, create: bool = False) -> File:
        """Open for reading and writing.

        Args:
            create: Make a new file; one that is already there is an error.
        """

    def list_dir(self, path: str) -> list[str]:
        """Names in a folder, sorted; empty when there is no such folder."""

    def make_dir(self, path: str) -> None:
        """Create a folder; nothing happens when it is there."""

    def rename(self, old: str, new: str) -> None:
        """Replace ``new`` atomically."""

    def unlink(self, path: str) -> None:
        """Remove a file."""

    def sync_dir(self, path: str) -> None:
        """Make a folder's names durable."""

    def free_bytes(self) -> int:
        """Bytes that an ordinary process may still write."""


class RealFile:
    """A file descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def pread(self, size: int, position: int) -> bytes:
        data = os.pread(self._fd, size, position)
        if len(data) == size or not data:
            return data
        parts = [data]
        got = len(data)
        while got < size and (more := os.pread(self._fd, size - got, position + got)):
            parts.append(more)
            got += len(more)
        return b"".join(parts)

    def pread_into(self, room: memoryview, position: int) -> int:
        got = 0
        while got < len(room) and (more := os.preadv(self._fd, [room[got:]], position + got)):
            got += more
        return got

    def pread_at_hand(self, room: memoryview, position: int) -> int:
        if not _NO_WAIT:
            return 0
        try:
            return os.preadv(self._fd, [room], position, _NO_WAIT)
        except OSError:
            # Not in memory, or a file system that cannot tell. Other errors come again where they are answered for.
            return 0

    def pwrite(self, buffers: Sequence[Buffer], position: int) -> None:
        for start in range(0, len(buffers), _BUFFERS_PER_WRITE_MAX):
            position = self._write_all(buffers[start : start + _BUFFERS_PER_WRITE_MAX], position)

    def _write_all(self, buffers: Sequence[Buffer], position: int) -> int:
        left = sum(map(len, buffers))
        while left:
            written = os.pwritev(self._fd, buffers, position)
            position += written
            left -= written
            if left:
                # A short write is rare (a signal, a nearly full disk): join the rest and go on.
                buffers = [b"".join(buffers)[written:]]
        return position

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def names(self) -> int:
        return os.fstat(self._fd).st_nlink

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RealDisk:
    """A folder of the local file system; files are created with mode 0600, folders with 0700."""

    def __init__(self, root: Path) -> None:
        """A disk in a folder, which is made, durably, with the folders above it."""
        self._root = str(root)
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(str(folder.parent))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def open(self, path: str, *, create: bool = False) -> RealFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return RealFile(os.open(self._at(path), flags, 0o600))

    def list_dir(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(path)))  # noqa: PTH208 (names, not paths, are the port's words)
        except FileNotFoundError:
            return []

    def make_dir(self, path: str) -> None:
        Path(self._at(path)).mkdir(mode=0o700, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        Path(self._at(old)).replace(self._at(new))

    def unlink(self, path: str) -> None:
        Path(self._at(path)).unlink()

    def sync_dir(self, path: str) -> None:
        _sync_folder(self._at(path))

    def free_bytes(self) -> int:
        figures = os.statvfs(self._root)
        return figures.f_bavail * figures.f_frsize


def open_to_read(path: Path) -> RealFile:
    """A file that somebody else owns, perhaps on a disk that takes no writes.

    Raises:
        OSError: It cannot be opened.
    """
    return RealFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(disk: Disk, path: str, content: bytes) -> None:
    """Write a whole small file so that a crash leaves the old content or the new, durably the new.

    Write order: new file synced → renamed over the old one → folder synced.
    """
    folder, _, name = path.rpartition("/")
    fresh = f"{path}.new"
    if f"{name}.new" in disk.list_dir(folder):
        disk.unlink(fresh)
    file = disk.open(fresh, create=True)
    try:
        file.pwrite([content], 0)
        file.sync()
    finally:
        file.close()
    disk.rename(fresh, path)
    disk.sync_dir(folder)
