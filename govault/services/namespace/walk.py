"""Walks through trees of entries, page by page: never a whole tree in memory, and it survives changes on the way."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from govault.domain.rows import Entity, EntryRow, FileRow, FolderRow

PAGE = 500


class Tree(Protocol):
    """What a walk reads: ``Views``, or the part of a space that somebody sees."""

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The live entry of a name."""

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder."""

    def list_folder(
        self, space_id: str, parent_id: str, after: str, limit: int
    ) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        """Entries of a folder in key order, behind a key."""


class Found(NamedTuple):
    """Something on the way. ``path`` is relative to the folder where the walk began."""

    path: str
    row: FileRow | FolderRow


def walk(
    views: Tree, space_id: str, folder_id: str, after: str = "", prefix: str = "", page: int = PAGE
) -> Iterator[Found]:
    """Everything below a folder, depth first, in byte order of paths (a folder's own is ``path/``).

    Args:
        folder_id: A folder's id, or the space's for its top. May be trash: below it names stay as they were.
        after: Begin behind this path; a folder's with a trailing ``/`` begins inside it.
        prefix: Only paths that begin with this text (not only whole names).
        page: How many entries are read at once.
    """
    *names, start = prefix.split("/")
    base = "".join(f"{name}/" for name in names)
    below = folder_below(views, space_id, folder_id, names)
    if below is None:
        return
    if after and not after.startswith(base):
        if after.encode() > base.encode():
            return
        after = ""
    stack = _seek(views, _Level(views, space_id, below, base, start, page), after.removeprefix(base))
    while stack:
        found = stack[-1].take()
        if found is None:
            stack.pop()
            continue
        yield found
        if isinstance(found.row, FolderRow):
            stack.append(_Level(views, space_id, found.row.entity_id, f"{found.path}/", page=page))


def folder_below(views: Tree, space_id: str, folder_id: str, names: Iterable[str]) -> str | None:
    """The id of the folder that names lead to, from a folder on; None where one of them is no folder's."""
    for name in names:
        entry = views.entry(space_id, folder_id, name)
        if entry is None or not entry.is_folder:
            return None
        folder_id = entry.entity_id
    return folder_id


def postorder(views: Tree, space_id: str, folder_id: str) -> Iterator[FileRow | FolderRow]:
    """Everything below a folder, each folder after what is in it: the order in which a tree can be purged."""
    stack: list[tuple[_Level, FolderRow | None]] = [(_Level(views, space_id, folder_id, ""), None)]
    while stack:
        level, folder = stack[-1]
        found = level.take()
        if found is None:
            stack.pop()
            if folder is not None:
                yield folder
        elif isinstance(found.row, FolderRow):
            stack.append((_Level(views, space_id, found.row.entity_id, ""), found.row))
        else:
            yield found.row


def key_of(entry: EntryRow) -> str:
    """The key an entry is listed by."""
    return f"{entry.name}/" if entry.is_folder else entry.name


class _Level:
    """One folder of a walk: where it stands in it. A stack of them walks a tree of any depth."""

    def __init__(
        self, views: Tree, space_id: str, folder_id: str, base: str, start: str = "", page: int = PAGE
    ) -> None:
        self.views, self.space_id, self.folder_id = views, space_id, folder_id
        self.base, self.start, self.key = base, start, ""
        self.page_size = page
        self._page: list[tuple[EntryRow, FileRow | FolderRow]] = []
        self._next = 0
        self._loaded = self._exhausted = False

    def take(self) -> Found | None:
        """The next thing in this folder; None at its end."""
        if self._next >= len(self._page):
            if self._exhausted:
                return None
            self._load()
            if not self._page:
                return None
        entry, row = self._page[self._next]
        self._next += 1
        if not entry.name.startswith(self.start):
            self._exhausted, self._page = True, []
            return None
        self.key = key_of(entry)
        return Found(self.base + entry.name, row)

    def _load(self) -> None:
        self._page, self._next = [], 0
        if self.start and not self._loaded and self.key.encode() < self.start.encode():
            # Pages begin behind a key, so a file named exactly as the prefix must be looked up.
            exact = self.views.entry(self.space_id, self.folder_id, self.start)
            row = self.views.entity(exact.entity_id) if exact is not None and not exact.is_folder else None
            if exact is not None and row is not None:
                self._page.append((exact, row))
            self.key = self.start
        self._loaded = True
        page = self.views.list_folder(self.space_id, self.folder_id, self.key, self.page_size)
        self._exhausted = len(page) < self.page_size
        self._page += page


def _seek(views: Tree, top: _Level, after: str) -> list[_Level]:
    """The stack of a walk that goes on behind ``after``; where that is gone, behind the place it had."""
    stack, level = [top], top
    while after:
        name, slash, after = after.partition("/")
        level.key = name + slash
        if not slash or not name.startswith(level.start):
            break
        entry = views.entry(level.space_id, level.folder_id, name)
        if entry is None or not entry.is_folder:
            break
        level = _Level(views, level.space_id, entry.entity_id, f"{level.base}{name}/", page=top.page_size)
        stack.append(level)
    return stack
