"""The one door to the file system.

Everything the log reads and writes goes through a `Disk`, so that tests can put a disk in
its place that records writes, loses what was not synced, tears, fills up or fails. Paths are
relative to the log's folder, with `/`. Every method raises `OSError` as the system does.
"""

# The system calls are named as they are: what is durable when depends on exactly which one it is.
# ruff: noqa: PTH102, PTH103, PTH105, PTH106, PTH100, PTH108, PTH110, PTH112, PTH120, PTH208

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

IOV_MAX = 512


class File(Protocol):
    """An open file, written only at explicit positions."""

    def pread(self, size: int, position: int) -> bytes:
        """Up to `size` bytes; fewer only at the end of the file."""
        ...

    def pwrite(self, buffers: Sequence[bytes | bytearray | memoryview], position: int) -> None:
        """Write all buffers one after the other. Not durable until `sync` returns."""
        ...

    def sync(self) -> None:
        """Make content and size durable. The name is durable only after `Disk.sync_dir`."""
        ...

    def truncate(self, size: int) -> None: ...

    def allocate(self, size: int) -> None:
        """Reserve blocks up to `size`; what was not written reads as zeros."""
        ...

    def size(self) -> int: ...

    def close(self) -> None: ...


class Disk(Protocol):
    """A folder tree. Creations, renames and removals are durable after `sync_dir` of their folder."""

    def open(self, path: str, *, create: bool = False) -> File: ...

    def list_dir(self, path: str) -> list[str]:
        """Names in a folder, sorted; empty when there is no such folder."""
        ...

    def exists(self, path: str) -> bool: ...

    def make_dir(self, path: str) -> None:
        """Create a folder; nothing happens when it is there."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Replace `new` atomically."""
        ...

    def unlink(self, path: str) -> None: ...

    def remove_dir(self, path: str) -> None: ...

    def sync_dir(self, path: str) -> None: ...

    def free_bytes(self) -> int:
        """How much may still be written."""
        ...


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

    def pwrite(self, buffers: Sequence[bytes | bytearray | memoryview], position: int) -> None:
        for start in range(0, len(buffers), IOV_MAX):
            position = self._write_all(list(buffers[start : start + IOV_MAX]), position)

    def _write_all(self, buffers: list[bytes | bytearray | memoryview], position: int) -> int:
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

    def allocate(self, size: int) -> None:
        os.posix_fallocate(self._fd, 0, size)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RealDisk:
    """A folder of the local file system; files are created with mode 0600, folders with 0700."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        if not os.path.isdir(self._root):
            os.makedirs(self._root, mode=0o700)
            self._sync(os.path.dirname(os.path.abspath(self._root)))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def open(self, path: str, *, create: bool = False) -> RealFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        return RealFile(os.open(self._at(path), flags, 0o600))

    def list_dir(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(path)))
        except FileNotFoundError:
            return []

    def exists(self, path: str) -> bool:
        return os.path.exists(self._at(path))

    def make_dir(self, path: str) -> None:
        try:
            os.mkdir(self._at(path), 0o700)
        except FileExistsError:
            pass

    def rename(self, old: str, new: str) -> None:
        os.replace(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def remove_dir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def sync_dir(self, path: str) -> None:
        self._sync(self._at(path))

    def free_bytes(self) -> int:
        state = os.statvfs(self._root)
        return state.f_bavail * state.f_frsize

    @staticmethod
    def _sync(folder: str) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def read_file(disk: Disk, path: str) -> bytes | None:
    """A whole small file, or None when there is none."""
    if not disk.exists(path):
        return None
    file = disk.open(path)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


def replace_file(disk: Disk, path: str, content: bytes) -> None:
    """Write a whole small file so that a crash leaves the old content or the new, durably the new.

    Write order: new file synced → renamed over the old one → folder synced.
    """
    new = f"{path}.new"
    file = disk.open(new, create=True)
    try:
        file.truncate(0)
        file.pwrite([content], 0)
        file.sync()
    finally:
        file.close()
    disk.rename(new, path)
    disk.sync_dir(path.rpartition("/")[0])
