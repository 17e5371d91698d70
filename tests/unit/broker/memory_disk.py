"""A disk in memory that knows what a power cut may leave of it.

What was not synced may, at a crash, be there, be missing, or be torn in any of its sectors, each
write for itself and in any combination; the same holds for names in folders. What was synced is
there. `after_crash` draws one such state.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SECTOR = 64
"""Small, so that small test records are torn in many ways."""


@dataclass
class Inode:
    """A file: what it reads as now, what is durable, and the changes in between."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    changes: list[tuple[str, int, bytes]] = field(default_factory=list)

    def apply(self, change: tuple[str, int, bytes]) -> None:
        _apply(self.content, change)
        self.changes.append(change)

    def sync(self) -> None:
        durable = bytearray(self.durable)
        for change in self.changes:
            _apply(durable, change)
        self.durable = bytes(durable)
        self.changes.clear()

    def fail_sync(self) -> None:
        """What a failed fsync leaves: the system counts as written what is not, and reads it from memory."""
        self.changes.clear()


def _apply(content: bytearray, change: tuple[str, int, bytes]) -> None:
    kind, at, data = change
    if kind == "write":
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at : at + len(data)] = data
    elif kind == "grow":
        content.extend(bytes(max(0, at - len(content))))
    else:
        del content[at:]
        content.extend(bytes(at - len(content)))


@dataclass
class Folder:
    """Names, durable names, and the changes in between."""

    names: dict[str, Inode | Folder] = field(default_factory=dict)
    durable: dict[str, Inode | Folder] = field(default_factory=dict)
    changes: list[tuple[str, str, Inode | Folder]] = field(default_factory=list)

    def link(self, name: str, node: Inode | Folder) -> None:
        self.names[name] = node
        self.changes.append(("link", name, node))

    def unlink(self, name: str) -> None:
        self.changes.append(("unlink", name, self.names.pop(name)))

    def rename(self, old: str, new: str) -> None:
        node = self.names.pop(old)
        self.names[new] = node
        self.changes.append((f"rename {old}", new, node))

    def sync(self) -> None:
        self.durable = dict(self.names)
        self.changes.clear()


class MemoryFile:
    """An open file."""

    def __init__(self, disk: MemoryDisk, inode: Inode) -> None:
        self._disk = disk
        self._inode = inode

    def pread(self, size: int, position: int) -> bytes:
        return bytes(self._inode.content[position : position + size])

    def pwrite(self, buffers: Sequence[bytes | bytearray | memoryview], position: int) -> None:
        self._disk.mutating("pwrite")
        self._inode.apply(("write", position, b"".join(buffers)))

    def sync(self) -> None:
        try:
            self._disk.mutating("sync")
        except OSError:
            self._inode.fail_sync()
            raise
        self._inode.sync()

    def truncate(self, size: int) -> None:
        self._disk.mutating("truncate")
        self._inode.apply(("truncate", size, b""))

    def allocate(self, size: int) -> None:
        self._disk.mutating("allocate")
        self._inode.apply(("grow", size, b""))

    def size(self) -> int:
        return len(self._inode.content)

    def close(self) -> None:
        pass


class MemoryDisk:
    """The `Disk` of tests."""

    def __init__(self) -> None:
        self.root = Folder()
        self.before_change: Callable[[str], None] = lambda kind: None
        """Called before every change; it may raise, or look at crash states."""

    def mutating(self, kind: str) -> None:
        self.before_change(kind)

    def _folder(self, path: str) -> Folder:
        node: Inode | Folder = self.root
        for part in filter(None, path.split("/")):
            if not isinstance(node, Folder) or part not in node.names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            node = node.names[part]
        assert isinstance(node, Folder)
        return node

    def _split(self, path: str) -> tuple[Folder, str]:
        folder, _, name = path.rpartition("/")
        return self._folder(folder), name

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        folder, name = self._split(path)
        if name not in folder.names:
            if not create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            self.mutating("create")
            folder.link(name, Inode())
        node = folder.names[name]
        assert isinstance(node, Inode)
        return MemoryFile(self, node)

    def list_dir(self, path: str) -> list[str]:
        try:
            return sorted(self._folder(path).names)
        except FileNotFoundError:
            return []

    def exists(self, path: str) -> bool:
        try:
            folder, name = self._split(path)
        except FileNotFoundError:
            return False
        return name in folder.names

    def make_dir(self, path: str) -> None:
        folder, name = self._split(path)
        if name not in folder.names:
            self.mutating("make_dir")
            folder.link(name, Folder())

    def rename(self, old: str, new: str) -> None:
        self.mutating("rename")
        folder, old_name = self._split(old)
        new_folder, new_name = self._split(new)
        assert folder is new_folder, "renames across folders are not modelled"
        folder.rename(old_name, new_name)

    def unlink(self, path: str) -> None:
        self.mutating("unlink")
        folder, name = self._split(path)
        folder.unlink(name)

    def remove_dir(self, path: str) -> None:
        self.mutating("remove_dir")
        folder, name = self._split(path)
        node = folder.names[name]
        assert isinstance(node, Folder)
        assert not node.names
        folder.unlink(name)

    def sync_dir(self, path: str) -> None:
        self.mutating("sync_dir")
        self._folder(path).sync()

    def free_bytes(self) -> int:
        return 1 << 40

    def after_crash(self, rng: random.Random, survival: float) -> MemoryDisk:
        """A state that a power cut now may leave; `survival` is how much of the unsynced stays."""
        left = MemoryDisk()
        left.root = _folder_after_crash(self.root, rng, survival, {})
        return left

    def after_kill(self) -> MemoryDisk:
        """What is there after the process (not the machine) died: everything."""
        return self.after_crash(random.Random(0), 1.0)


def _folder_after_crash(folder: Folder, rng: random.Random, survival: float, seen: dict[int, Inode | Folder]) -> Folder:
    names = dict(folder.durable)
    for kind, name, node in folder.changes:
        if rng.random() >= survival:
            continue
        if kind == "link":
            names[name] = node
        elif kind == "unlink":
            if names.get(name) is node:
                del names[name]
        else:
            old = kind.removeprefix("rename ")
            if names.get(old) is node:
                del names[old]
            names[name] = node
    out = Folder()
    for name, node in names.items():
        if id(node) not in seen:
            seen[id(node)] = (
                _folder_after_crash(node, rng, survival, seen)
                if isinstance(node, Folder)
                else _inode_after_crash(node, rng, survival)
            )
        out.names[name] = seen[id(node)]
    out.durable = dict(out.names)
    return out


def _inode_after_crash(inode: Inode, rng: random.Random, survival: float) -> Inode:
    content = bytearray(inode.durable)
    for change in inode.changes:
        chance = rng.random()
        if chance < survival:
            _apply(content, change)
        elif change[0] == "write" and chance < survival + (1 - survival) / 2:
            _tear(content, change[1], change[2], rng)
    out = Inode(content)
    out.durable = bytes(content)
    return out


def _tear(content: bytearray, at: int, data: bytes, rng: random.Random) -> None:
    """Some sectors of a write arrive; the size may grow without its data."""
    if rng.random() < 0.3:
        _apply(content, ("grow", at + len(data), b""))
    first = at - at % SECTOR
    for sector in range(first, at + len(data), SECTOR):
        if rng.random() < 0.5:
            start, end = max(sector, at), min(sector + SECTOR, at + len(data))
            _apply(content, ("write", start, data[start - at : end - at]))
