"""Searches that go through the tree: in order of paths, and below a prefix that holds few files."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from govault.domain.rows import Entity, EntryRow, FileRow
from govault.errors import InvalidRequest
from govault.ports import SearchPage
from govault.services.namespace.walk import Found, walk
from streams.views import namespace
from streams.views.generation import Generation
from streams.views.search.document import Document, document_of
from streams.views.search.matching import Wanted
from streams.views.search.ordering import Backwards, Order, Place


class Match(NamedTuple):
    """A live file that matches."""

    document: Document
    row: FileRow
    path: str


class _Tree:
    """What a walk reads."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        return namespace.entry(self._generation, space_id, parent_id, name)

    def entity(self, entity_id: str) -> Entity | None:
        return namespace.entity(self._generation, entity_id)

    def list_folder(self, space_id: str, parent_id: str, after: str, limit: int) -> list[tuple[EntryRow, Entity]]:
        return namespace.list_folder(self._generation, space_id, parent_id, after, limit)


def below_prefix(generation: Generation, wanted: Wanted, visited_max: int) -> list[Match] | None:
    """All matches below the query's prefix; None where it has none in one space, or more is there than may be seen."""
    query = wanted.query
    if query.space_id is None or not query.prefix:
        return None
    found = list(islice(_walk(generation, query.space_id, "", query.prefix), visited_max + 1))
    if len(found) > visited_max:
        return None
    partition = generation.partition_of(query.space_id) or 0
    matches = (_match(one, partition, wanted) for one in found)
    return [match for match in matches if match is not None]


def page_by_path(
    generation: Generation, wanted: Wanted, order: Order, after: Place | None, limit: int, visited_max: int
) -> SearchPage:
    """A page in order of spaces and paths.

    Raises:
        InvalidRequest: The order is reversed: a walk goes one way only.
    """
    if order.reverse:
        raise InvalidRequest(
            "too many files come into question to sort them by path backwards; narrow the search or sort by 'path'",
            rule="sort",
        )
    files: list[tuple[FileRow, str]] = []
    last: str = ""
    for visited, (space_id, found) in enumerate(_everything(generation, wanted, after)):
        partition = generation.partition_of(space_id) or 0
        match = _match(found, partition, wanted)
        if visited == visited_max or (match is not None and len(files) == limit):
            return SearchPage(files, order.cursor(Place(order.text(last), 0)))
        if match is not None:
            files.append((match.row, match.path))
        last = f"{space_id}/{found.path}" + ("" if isinstance(found.row, FileRow) else "/")
    return SearchPage(files, "")


def _everything(generation: Generation, wanted: Wanted, after: Place | None) -> Iterator[tuple[str, Found]]:
    query = wanted.query
    first, path = "", ""
    if after is not None and isinstance(after.value, Backwards):
        first, _, path = after.value.text.partition("/")
    spaces = [query.space_id] if query.space_id else sorted(row.space_id for row in generation.directory.spaces())
    for space_id in spaces:
        if space_id >= first:
            for found in _walk(generation, space_id, path if space_id == first else "", query.prefix):
                yield space_id, found


def _walk(generation: Generation, space_id: str, after: str, prefix: str) -> Iterator[Found]:
    return walk(_Tree(generation), space_id, space_id, after, prefix)


def _match(found: Found, partition: int, wanted: Wanted) -> Match | None:
    if not isinstance(found.row, FileRow):
        return None
    document = document_of(found.row, partition)
    if not wanted.matches(document) or not wanted.may_know(found.row):
        return None
    return Match(document, found.row, found.path)
