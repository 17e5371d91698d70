"""Lists of what lives in a vault: one folder, a whole tree, and files found by what is known of them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

from govault.domain.access import is_unchecked
from govault.domain.actor import Actor
from govault.domain.rows import DirectoryRow, FileRow, FolderRow
from govault.errors import Conflict, NotFound
from govault.limits import PAGE_DEFAULT
from govault.ports import SearchQuery, Views
from govault.services.namespace import cursors
from govault.services.namespace.sight import SeenTree, Sight
from govault.services.namespace.targets import Targets, no_space
from govault.services.namespace.walk import Found, Tree, folder_below, walk

DELIMITER = "/"
T = TypeVar("T")


class FolderPage(NamedTuple):
    """A page of a folder. ``path`` of an item is its whole path in the space."""

    space: DirectoryRow
    folder: FolderRow | None
    """None: the top of the space."""
    items: list[Found]
    next_cursor: str


class FilesPage(NamedTuple):
    """A page of files; ``prefixes`` are the folders that a delimiter rolled up."""

    items: list[tuple[FileRow, str]]
    prefixes: list[str]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class FilesQuery:
    """``GET /files``: see ``SearchQuery``; ``space`` is a name, None for all of them."""

    space: str | None = None
    prefix: str = ""
    delimiter: str = ""
    name: str = ""
    words: str = ""
    tag: str = ""
    media_type: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    larger: int | None = None
    smaller: int | None = None
    owner: str = ""
    sort: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it asks for files by place only, in order of paths: a walk answers it without an index."""
        filters = (self.name, self.words, self.tag, self.media_type, self.owner)
        bounds = (self.since_ms, self.until_ms, self.larger, self.smaller)
        return self.sort in ("", "path") and not any(filters) and all(bound is None for bound in bounds)

    def bound(self) -> Sequence[cursors.QueryPart]:
        """What a cursor of this query is bound to."""
        return ("files", *(getattr(self, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Listing:
    """The lists."""

    views: Views
    targets: Targets
    veil: cursors.Veil

    async def folder(
        self, actor: Actor, space_name: str, path: str, cursor: str, limit: int, recursive: bool
    ) -> FolderPage:
        """What the actor sees of a folder, or with ``recursive`` of everything below it, in byte order of paths.

        Raises:
            NotFound: There is no such space or folder, as far as the actor may know.
            Conflict: A file has this path.
            InvalidRequest: The cursor is one of another query.
        """
        space, tree = await self._tree(actor, space_name)
        folder = self._folder_at(tree, space, path)
        folder_id = space.space_id if folder is None else folder.entity_id
        bound = ("folder", folder_id, recursive)
        after = cursors.place(bound, cursor)
        if recursive:
            found = walk(tree, space.space_id, folder_id, after, page=limit + 1)
        else:
            found = self._entries(tree, space.space_id, folder_id, after, limit + 1)
        items, last = await _off_the_loop(limit, lambda: _taken(found, limit))
        base = f"{path}/" if path else ""
        placed = [Found(base + found.path, found.row) for found in items] if base else items
        return FolderPage(space, folder, placed, cursors.make(bound, last) if last else "")

    async def files(self, actor: Actor, query: FilesQuery, cursor: str, limit: int) -> FilesPage:
        """Files that fulfil a query, of those that the actor may read.

        Raises:
            NotFound: There is no such space, as far as the actor may know.
            InvalidRequest: The cursor is one of another query, or the query contradicts itself.
        """
        if is_unchecked(actor.name, actor.principals):
            return await self._files(actor, query, cursor, limit)
        page = await self._files(actor, query, self.veil.show(cursor, actor.name), limit)
        return page._replace(next_cursor=self.veil.hide(page.next_cursor, actor.name))

    async def _files(self, actor: Actor, query: FilesQuery, cursor: str, limit: int) -> FilesPage:
        after = cursors.place(query.bound(), cursor)
        space = tree = None
        if query.space is not None:
            space, tree = await self._tree(actor, query.space)
        if space is not None and tree is not None and query.is_plain:
            read = self._rolled_up if query.delimiter else self._plain
            return await _off_the_loop(limit, lambda: read(tree, query, space, after, limit))
        sees = Sight(self.views, self.targets, actor).filter()
        if not query.delimiter:
            asked = _search(query, space, query.sort, after, limit, sees)
            page = await asyncio.to_thread(self.views.search, asked)
            return FilesPage(page.files, [], cursors.make(query.bound(), page.next_cursor) if page.next_cursor else "")
        inner, _, last = after.partition("\n")
        asked = _search(query, space, query.sort or "path", inner, limit, sees)
        page = await asyncio.to_thread(self.views.search, asked)
        found = _grouped(page.files, query.prefix, last)
        if not page.next_cursor:
            return found
        last = found.prefixes[-1] if found.prefixes else last
        return found._replace(next_cursor=cursors.make(query.bound(), f"{page.next_cursor}\n{last}"))

    async def _tree(self, actor: Actor, space_name: str) -> tuple[DirectoryRow, Tree]:
        """A space, and what the actor sees of it.

        Raises:
            NotFound: There is none of that name, or nothing in it is for the actor.
        """
        if is_unchecked(actor.name, actor.principals):
            return self.targets.space(space_name), self.views
        space = self.views.space_named(space_name)
        if space is None:
            raise no_space(space_name)
        tree = Sight(self.views, self.targets, actor).tree(space)
        if tree.is_empty():
            raise no_space(space_name)
        if not tree.reads(space.space_id):
            await asyncio.to_thread(tree.prepare)
        return self.targets.space(space_name), tree

    def _plain(self, tree: Tree, query: FilesQuery, space: DirectoryRow, after: str, limit: int) -> FilesPage:
        found = walk(tree, space.space_id, space.space_id, after, query.prefix, page=limit + 1)
        files = ((item.row, item.path) for item in found if isinstance(item.row, FileRow))
        items = list(islice(files, limit + 1))
        more = len(items) > limit
        items = items[:limit]
        return FilesPage(items, [], cursors.make(query.bound(), items[-1][1]) if more else "")

    def _rolled_up(self, tree: Tree, query: FilesQuery, space: DirectoryRow, after: str, limit: int) -> FilesPage:
        """One folder's files, and its folders as prefixes, of those that begin with the prefix."""
        *names, start = query.prefix.split("/")
        folder_id = folder_below(tree, space.space_id, space.space_id, names)
        if folder_id is None:
            return FilesPage([], [], "")
        found, last = _taken(self._beginning(tree, space.space_id, folder_id, start, after, limit + 1), limit)
        base = "".join(f"{name}/" for name in names)
        items = [(item.row, base + item.path) for item in found if isinstance(item.row, FileRow)]
        prefixes = [f"{base}{item.path}/" for item in found if isinstance(item.row, FolderRow)]
        return FilesPage(items, prefixes, cursors.make(query.bound(), last) if last else "")

    def _beginning(
        self, tree: Tree, space_id: str, folder_id: str, start: str, after: str, limit: int
    ) -> Iterator[Found]:
        if start and after.encode() < start.encode():
            exact = tree.entry(space_id, folder_id, start)
            row = None if exact is None or exact.is_folder else tree.entity(exact.entity_id)
            if row is not None:
                yield Found(start, row)
            after = start
        for found in self._entries(tree, space_id, folder_id, after, limit):
            if not found.path.startswith(start):
                return
            yield found

    def _entries(self, tree: Tree, space_id: str, folder_id: str, after: str, limit: int) -> Iterator[Found]:
        for entry, row in tree.list_folder(space_id, folder_id, after, limit):
            yield Found(entry.name, row)

    def _folder_at(self, tree: Tree, space: DirectoryRow, path: str) -> FolderRow | None:
        if not path:
            return None
        entity = self.views.resolve(space.space_id, path)
        if isinstance(tree, SeenTree) and entity is not None and not tree.sees(entity):
            entity = None
        if entity is None:
            raise NotFound(
                f"there is nothing at {path!r} in the space {space.name!r}",
                code="not-found.entity-unknown",
                space=space.name,
                path=path,
            )
        if not isinstance(entity, FolderRow):
            raise Conflict(f"{path!r} is a file, not a folder", code="conflict.not-a-folder", id=entity.entity_id)
        return entity


def _search(
    query: FilesQuery,
    space: DirectoryRow | None,
    sort: str,
    cursor: str,
    limit: int,
    sees: Callable[[FileRow], bool] | None,
) -> SearchQuery:
    return SearchQuery(
        space_id=None if space is None else space.space_id,
        prefix=query.prefix,
        name=query.name,
        words=query.words,
        tag=query.tag,
        media_type=query.media_type,
        since_ms=query.since_ms,
        until_ms=query.until_ms,
        larger=query.larger,
        smaller=query.smaller,
        owner=query.owner,
        sort=sort,
        cursor=cursor,
        sees=sees,
        limit=limit,
    )


def _grouped(files: list[tuple[FileRow, str]], prefix: str, last: str) -> FilesPage:
    """What was found, with what lies deeper rolled up; ``last`` is the prefix that the page before ended with."""
    items: list[tuple[FileRow, str]] = []
    prefixes: list[str] = []
    for file, path in files:
        name, deeper, _ = path[len(prefix) :].partition(DELIMITER)
        if not deeper:
            items.append((file, path))
        elif (rolled := prefix + name + DELIMITER) != last and rolled not in prefixes[-1:]:
            prefixes.append(rolled)
    return FilesPage(items, prefixes, "")


async def _off_the_loop(limit: int, read: Callable[[], T]) -> T:
    """Read a page; one that takes long in a thread, so that other requests are answered meanwhile."""
    return read() if limit <= PAGE_DEFAULT else await asyncio.to_thread(read)


def _taken(found: Iterator[Found], limit: int) -> tuple[list[Found], str]:
    """At most ``limit`` of them, and the key of the last one if there are more."""
    items = list(islice(found, limit + 1))
    if len(items) <= limit:
        return items, ""
    items.pop()
    return items, _key(items[-1])


def _key(found: Found) -> str:
    return f"{found.path}/" if isinstance(found.row, FolderRow) else found.path
