"""A local tree as a stream of entries in the vault's order, so that two trees compare side by side without memory.

The order is that of full paths as UTF-8 bytes, a folder's with a trailing slash: the order of folder listings.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from govault.client.trees.exclude import Exclusions
from govault.client.trees.report import TransferReport
from govault.domain.paths import ADVICE, broken_rule

Kind = Literal["file", "symlink", "folder"]


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """One thing on the local disk.

    Attributes:
        relative: NFC path below the top of the tree.
        source: Where it lies, in the bytes of the file system.
        empty: Of a folder: nothing of it is kept, so nothing else makes it.
    """

    relative: str
    source: bytes
    kind: Kind
    size_bytes: int = 0
    mtime_ns: int = 0
    executable: bool = False
    empty: bool = False

    @property
    def key(self) -> bytes:
        """Where it stands in the order."""
        return self.relative.encode() + (b"/" if self.kind == "folder" else b"")


def local_entry(path: Path) -> LocalEntry | str:
    """A single file, link or folder, as the entry of its own name; or why it has no place in the vault."""
    status = path.lstat()
    return _entry(path.name, os.fsencode(path), status)


def scan(top: Path, exclusions: Exclusions, report: TransferReport) -> Iterator[LocalEntry]:
    """Everything below a folder, sorted; what has no place in the vault goes to ``report.skipped``.

    Raises:
        OSError: The top cannot be read.
    """
    yield from _Scan(exclusions, report).below(os.fsencode(top), "", top=True)


class _Scan:
    def __init__(self, exclusions: Exclusions, report: TransferReport) -> None:
        self._exclusions = exclusions
        self._report = report

    def below(self, folder: bytes, prefix: str, *, top: bool = False) -> Iterator[LocalEntry]:
        try:
            entries = self._entries(folder, prefix)
        except OSError as error:
            if top:
                raise
            self._report.failed.add(prefix.rstrip("/"), f"the folder cannot be read: {error.strerror or error}")
            return
        for entry in entries:
            if entry.kind != "folder":
                yield entry
                continue
            kept = False
            for below in self.below(entry.source, entry.relative + "/"):
                if not kept:
                    kept = True
                    yield entry
                yield below
            if not kept:
                yield LocalEntry(entry.relative, entry.source, "folder", empty=True)

    def _entries(self, folder: bytes, prefix: str) -> list[LocalEntry]:
        found: dict[str, LocalEntry] = {}
        with os.scandir(folder) as listing:
            for item in listing:
                entry = self._take(item, prefix)
                if entry is None:
                    continue
                if entry.relative in found:
                    self._report.skipped.add(_shown(item.path), "another name beside it is the same in NFC")
                    continue
                found[entry.relative] = entry
        return sorted(found.values(), key=lambda entry: entry.key)

    def _take(self, item: "os.DirEntry[bytes]", prefix: str) -> LocalEntry | None:
        try:
            name = item.name.decode()
        except UnicodeDecodeError:
            self._report.skipped.add(_shown(item.path), "its name is not UTF-8")
            return None
        normal = unicodedata.normalize("NFC", name)
        relative = prefix + normal
        if self._exclusions.match(prefix + name, item.is_dir(follow_symlinks=False)):
            self._report.excluded += 1
            return None
        rule = broken_rule(relative)
        if rule is not None:
            self._report.skipped.add(_shown(item.path), ADVICE.get(rule, rule))
            return None
        try:
            entry = _entry(relative, item.path, item.stat(follow_symlinks=False))
        except OSError as error:
            self._report.failed.add(relative, f"it cannot be read: {error.strerror or error}")
            return None
        if isinstance(entry, str):
            self._report.skipped.add(relative, entry)
            return None
        if normal != name:
            self._report.normalised.add(relative, "its name is stored in NFC")
        return entry


def _entry(relative: str, source: bytes, status: os.stat_result) -> LocalEntry | str:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        executable = bool(mode & stat.S_IXUSR)
        return LocalEntry(relative, source, "file", status.st_size, status.st_mtime_ns, executable)
    if stat.S_ISLNK(mode):
        return LocalEntry(relative, source, "symlink", status.st_size, status.st_mtime_ns)
    if stat.S_ISDIR(mode):
        return LocalEntry(relative, source, "folder")
    for is_kind, words in _STRANGERS:
        if is_kind(mode):
            return f"{words} has no place in a vault"
    return "things of this kind have no place in a vault"


_STRANGERS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
