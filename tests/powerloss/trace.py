"""What the shim recorded, and the states in which a crash may leave the folder.

The model is POSIX at its meanest that still lets a correct program work: bytes of a file are certain once it was
fsynced; until then each write may be there, missing or torn. Names are certain once their folder was fsynced; until
then a crash keeps any prefix of the folder's later changes. A rename is one change of its target's folder.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_HEADER = struct.Struct("<cIIQQ")
MARK = b"a"


@dataclass(frozen=True, slots=True)
class Op:
    """One recorded change: ``kind`` is the shim's letter; ``a`` is a mark that the test wrote (an acknowledgement)."""

    kind: str
    path: str
    second: str
    offset: int
    data: bytes


def read_trace(path: Path) -> list[Op]:
    """All records of a trace file."""
    raw, at, ops = path.read_bytes(), 0, []
    while at + _HEADER.size <= len(raw):
        kind, a, b, offset, size = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        first, second = raw[at : at + a].decode(), raw[at + a : at + a + b].decode()
        at += a + b
        ops.append(Op(kind.decode(), first, second, offset, raw[at : at + size]))
        at += size
    return ops


def mark(trace: Path, text: str) -> None:
    """Write into the trace that the client has been told something: from here on it must survive."""
    data = text.encode()
    with trace.open("ab", buffering=0) as file:
        file.write(_HEADER.pack(MARK, 0, 0, 0, len(data)) + data)


@dataclass
class _Inode:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def content(self, kept: list[Op]) -> bytearray:
        out = bytearray(self.durable)
        for op in kept:
            _change(out, op)
        return out


def _change(content: bytearray, op: Op) -> None:
    if op.kind == "t":
        if op.offset < len(content):
            del content[op.offset :]
        else:
            content.extend(bytes(op.offset - len(content)))
        return
    if op.offset > len(content):
        content.extend(bytes(op.offset - len(content)))
    content[op.offset : op.offset + len(op.data)] = op.data


@dataclass
class CrashModel:
    """A folder as the recorded operations leave it, with what is certain and what is not yet."""

    inodes: dict[int, _Inode] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    """Path → inode as programs see it now."""
    durable_names: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    pending_names: dict[str, list[tuple[str, int | None, str | None]]] = field(default_factory=dict)
    """Folder → changes since its fsync: (path, inode or None for gone, a second path that is gone by it)."""
    marks: list[str] = field(default_factory=list)
    _next: int = 0

    def take(self, op: Op) -> None:
        """One more recorded operation."""
        match op.kind:
            case "a":
                self.marks.append(op.data.decode())
            case "c":
                self._next += 1
                self.inodes[self._next] = _Inode()
                self._name(op.path, self._next)
            case "w" | "t":
                if op.path in self.names:
                    self.inodes[self.names[op.path]].pending.append(op)
            case "s":
                self._sync(op.path)
            case "r":
                inode = self.names.pop(op.path, None)
                if inode is not None:
                    self.names[op.second] = inode
                    self._later(op.second, inode, op.path)
                else:
                    self._rename_folder(op.path, op.second)
            case "l":
                if op.path in self.names:
                    self._name(op.second, self.names[op.path])
            case "u":
                if self.names.pop(op.path, None) is not None:
                    self._later(op.path, None, None)
            case "m":
                self.folders.add(op.path)
            case "d":
                self.folders.discard(op.path)

    def _rename_folder(self, old: str, new: str) -> None:
        """Folders are renamed at once and certainly: the programs under test do it only after syncing inside."""
        for table in (self.names, self.durable_names):
            for path in [path for path in table if path.startswith(old + "/")]:
                table[new + path[len(old) :]] = table.pop(path)
        for path in [path for path in self.folders if path == old or path.startswith(old + "/")]:
            self.folders.discard(path)
            self.folders.add(new + path[len(old) :])

    def _name(self, path: str, inode: int) -> None:
        self.names[path] = inode
        self._later(path, inode, None)

    def _later(self, path: str, inode: int | None, gone: str | None) -> None:
        self.pending_names.setdefault(str(PurePosixPath(path).parent), []).append((path, inode, gone))

    def _sync(self, path: str) -> None:
        if path in self.names:
            inode = self.inodes[self.names[path]]
            inode.durable = inode.content(inode.pending)
            inode.pending = []
            return
        for change in self.pending_names.pop(path if path else "/", self.pending_names.pop(path, [])):
            _rename(self.durable_names, change)

    def states(self, randomness: random.Random, torn: int) -> Iterator[dict[str, bytes]]:
        """Legal folders after a crash now: nothing uncertain kept, all kept, names without bytes, bytes without names,
        and ``torn`` random ones in which each uncertain write is kept, lost or torn.
        """
        nothing: dict[str, int] = dict.fromkeys(self.pending_names, 0)
        everything = {folder: len(changes) for folder, changes in self.pending_names.items()}
        yield self._folder(nothing, lambda inode: [])
        yield self._folder(everything, lambda inode: inode.pending)
        yield self._folder(everything, lambda inode: [])
        yield self._folder(nothing, lambda inode: inode.pending)
        for _ in range(torn):
            kept = {folder: randomness.randint(0, count) for folder, count in everything.items()}
            yield self._folder(kept, lambda inode: _torn(inode.pending, randomness))

    def _folder(self, kept_names, choose) -> dict[str, bytes]:  # type: ignore[no-untyped-def]
        names = dict(self.durable_names)
        for folder, count in kept_names.items():
            for change in self.pending_names[folder][:count]:
                _rename(names, change)
        contents: dict[int, bytes] = {}
        for inode in names.values():
            if inode not in contents:
                contents[inode] = bytes(self.inodes[inode].content(choose(self.inodes[inode])))
        return {path: contents[inode] for path, inode in names.items()}


def _rename(names: dict[str, int], change: tuple[str, int | None, str | None]) -> None:
    path, inode, gone = change
    if gone is not None:
        names.pop(gone, None)
    if inode is None:
        names.pop(path, None)
    else:
        names[path] = inode


def _torn(pending: list[Op], randomness: random.Random) -> list[Op]:
    kept = []
    for op in pending:
        fate = randomness.random()
        if fate < 0.45:
            kept.append(op)
        elif fate < 0.6 and op.kind == "w" and len(op.data) > 1:
            cut = randomness.randint(1, len(op.data) - 1)
            kept.append(Op(op.kind, op.path, op.second, op.offset, op.data[:cut]))
    return kept


def materialise(state: dict[str, bytes], folders: set[str], into: Path) -> None:
    """Write a crash state out."""
    for folder in sorted(folders):
        (into / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path, content in state.items():
        target = into / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
