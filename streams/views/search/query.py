"""Answering a search: candidates from all segments in one order, each judged by the file as it is now.

A page looks at a bounded number of files. Where few of them match, it may come back short, or empty, with a cursor
that goes on; no question walks through the whole vault.
"""

import heapq
from collections.abc import Iterator

from govault.domain.rows import FileRow
from govault.limits import PAGE_MAX
from govault.ports import SearchPage, SearchQuery
from streams.views.generation import Generation
from streams.views.namespace import Paths
from streams.views.search.candidates import Candidate, candidates, count_candidates
from streams.views.search.document import document_of, partition_of
from streams.views.search.matching import Wanted
from streams.views.search.ordering import Order, Place
from streams.views.search.walking import Match, below_prefix, page_by_path

JUDGED_PER_PAGE_MAX = 2_000
FEW = 2_000
"""So many files are gathered and sorted, when neither an index nor a walk has them in order."""


def search(generation: Generation, query: SearchQuery) -> SearchPage:
    """One page of the files that match (see the port)."""
    wanted, order = Wanted(query), Order.of(query.sort)
    after = order.after(query.cursor)
    if wanted.is_vain:
        return SearchPage([], "")
    limit = max(1, min(query.limit, PAGE_MAX))
    segments = generation.segments()
    try:
        if order.by == "path" or query.prefix:
            matches = _few(generation, wanted)
            if matches is not None:
                return _page_of(matches, order, after, limit)
        if order.by == "path":
            return page_by_path(generation, wanted, order, after, limit, JUDGED_PER_PAGE_MAX)
        return _page(generation, wanted, order, after, limit)
    finally:
        for segment in segments:
            segment.forget_pages()


def _page(generation: Generation, wanted: Wanted, order: Order, after: Place | None, limit: int) -> SearchPage:
    judge = _Judge(generation, wanted)
    files: list[tuple[FileRow, str]] = []
    judged = 0
    last = after
    for candidate in _merged(generation, wanted, order, after):
        if candidate.place == last:
            continue  # A file that changed is in an older segment too.
        match = judge.match(candidate) if judged < JUDGED_PER_PAGE_MAX else None
        if match is not None and order.place(match.document) != candidate.place:
            match = None  # What an older segment says of it is out of date; a newer one says where it stands.
        if judged == JUDGED_PER_PAGE_MAX or (match is not None and len(files) == limit):
            return SearchPage(files, "" if last is None else order.cursor(last))
        judged += 1
        last = candidate.place
        if match is not None:
            files.append((match.row, match.path))
    return SearchPage(files, "")


def _merged(generation: Generation, wanted: Wanted, order: Order, after: Place | None) -> Iterator[Candidate]:
    fresh = (
        Candidate(order.place(one), one.entity_id) for one in generation.pending_documents() if wanted.matches(one)
    )
    behind = sorted(one for one in fresh if after is None or one.place > after)
    return heapq.merge(behind, *(candidates(segment, wanted, order, after) for segment in generation.segments()))


class _Judge:
    """Looks at the file itself: is it there, live, below the prefix, and as asked?"""

    def __init__(self, generation: Generation, wanted: Wanted) -> None:
        self._generation = generation
        self._wanted = wanted
        self._paths = Paths(generation)

    def match(self, candidate: Candidate) -> Match | None:
        partition = partition_of(abs(candidate.place.number))
        row = self._generation.files[partition].entity(candidate.entity_id)
        if not isinstance(row, FileRow):
            return None
        document = document_of(row, partition)
        if not self._wanted.matches(document):
            return None
        path = self._paths.of(row)
        if path is None or not path.startswith(self._wanted.query.prefix) or not self._wanted.may_know(row):
            return None
        return Match(document, row, path)


def _few(generation: Generation, wanted: Wanted) -> list[Match] | None:
    """All matches, where few files come into question; None where they are many."""
    total = sum(1 for one in generation.pending_documents() if wanted.matches(one))
    for segment in generation.segments():
        if total > FEW:
            break
        total += count_candidates(segment, wanted)
    if total > FEW:
        return below_prefix(generation, wanted, FEW)
    judge = _Judge(generation, wanted)
    by_id = {one.entity_id: one for one in _merged(generation, wanted, Order("", False), None)}
    matches = (judge.match(one) for one in by_id.values())
    return [match for match in matches if match is not None]


def _page_of(matches: list[Match], order: Order, after: Place | None, limit: int) -> SearchPage:
    placed = sorted(((order.place(one.document, one.path), one) for one in matches), key=lambda pair: pair[0])
    behind = [(place, one) for place, one in placed if after is None or place > after]
    page = behind[:limit]
    cursor = order.cursor(page[-1][0]) if len(behind) > limit else ""
    return SearchPage([(one.row, one.path) for _, one in page], cursor)
