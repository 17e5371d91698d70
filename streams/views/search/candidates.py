"""Candidates of one segment in an order, a block at a time: what is behind the page is never sorted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from govault.ports import SearchQuery
from streams.views.search.matching import Wanted
from streams.views.search.ordering import Order, Place
from streams.views.search.segment import Ordinals, Segment

_BLOCK = 256

Numbers = np.ndarray[Any, np.dtype[Any]]


class Candidate(NamedTuple):
    """A document that may be what is asked for; ``place`` as of when the segment was written."""

    place: Place
    entity_id: str


def count_candidates(segment: Segment, wanted: Wanted) -> int:
    """How many documents of the segment a query would have to look at, at most."""
    return len(_selected(segment, wanted))


def candidates(segment: Segment, wanted: Wanted, order: Order, after: Place | None) -> Iterator[Candidate]:
    """Documents of the segment that may match, in order, behind a place."""
    selected = _selected(segment, wanted)
    if order.reverse:
        selected = selected[::-1]
    if not len(selected):
        return
    keys = _sort_keys(segment, selected, order)
    if after is not None:
        kept = _behind(segment, selected, keys, order, after)
        selected, keys = selected[kept], keys[kept]
    ordinals = _ascending(selected, keys) if order.by else iter(selected)
    for ordinal in ordinals:
        yield Candidate(_place(segment, int(ordinal), order), segment.entity_id(int(ordinal)))


def _selected(segment: Segment, wanted: Wanted) -> Ordinals:
    found = segment.find(wanted.terms)
    if found is None:
        found = np.arange(segment.documents, dtype=np.uint16)
    return _in_bounds(segment, found, wanted.query)


def _in_bounds(segment: Segment, found: Ordinals, query: SearchQuery) -> Ordinals:
    bounds = (
        ("modified", query.since_ms, query.until_ms),
        ("size", None if query.larger is None else query.larger + 1, query.smaller),
    )
    for column, low, high in bounds:
        if (low is None and high is None) or not len(found):
            continue
        values = segment.column(column)[found]
        inside = np.ones(len(found), bool)
        if low is not None:
            inside &= values >= low
        if high is not None:
            inside &= values < high
        found = found[inside]
    return found


def _sort_keys(segment: Segment, selected: Ordinals, order: Order) -> Numbers:
    """A number for each selected document that sorts as the order does, within the segment."""
    match order.by:
        case "size" | "modified" | "created":
            keys = segment.column(order.by)[selected]
        case "name":
            keys = segment.column("name_rank")[selected].astype(np.int64)
        case _:
            keys = selected.astype(np.int64)
    return -keys if order.reverse else keys


def _behind(segment: Segment, selected: Ordinals, keys: Numbers, order: Order, after: Place) -> Numbers:
    """Which of the selected lie behind a place."""
    if order.by == "name":
        first = _first_behind(segment, order, after)
        by_rank: Numbers = keys >= first
        return by_rank
    numbers = segment.column("number")[selected].astype(np.int64)
    signed = -numbers if order.reverse else numbers
    behind: Numbers
    if order.by:
        behind = (keys > after.value) | ((keys == after.value) & (signed > after.number))
    else:
        behind = signed > after.number
    return behind


def _first_behind(segment: Segment, order: Order, after: Place) -> int:
    """The smallest key by name of a document behind a place, found by bisection."""
    by_name = np.argsort(segment.column("name_rank"), kind="stable")
    if order.reverse:
        by_name = by_name[::-1]
    low, high = 0, len(by_name)
    while low < high:
        middle = (low + high) // 2
        if _place(segment, int(by_name[middle]), order) > after:
            high = middle
        else:
            low = middle + 1
    return low - len(by_name) + 1 if order.reverse else low


def _ascending(selected: Ordinals, keys: Numbers) -> Iterator[int]:
    """Ordinals, the smallest key first, in the given order among equals; a block at a time."""
    size = _BLOCK
    while len(selected) > size:
        bound = np.partition(keys, size - 1)[size - 1]
        first = keys <= bound
        yield from selected[first][np.argsort(keys[first], kind="stable")]
        selected, keys = selected[~first], keys[~first]
        size *= 4
    yield from selected[np.argsort(keys, kind="stable")]


def _place(segment: Segment, ordinal: int, order: Order) -> Place:
    number = order.integer(segment.number(ordinal))
    match order.by:
        case "size" | "modified" | "created":
            return Place(order.integer(int(segment.column(order.by)[ordinal])), number)
        case "name":
            return Place(order.text(segment.name(ordinal)), number)
        case _:
            return Place(0, number)
