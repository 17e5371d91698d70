"""Writing a search segment: at most 65,536 documents, their terms and their columns, in one file that never changes.

Layout: a line of JSON (sections with offset and length, a format number), padded to 4 KiB; then the sections, each
aligned to 8 bytes. Integers are little-endian. A document's place (*ordinal*) is its rank by number; ordinals and
ranks by name fit 16 bits.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from streams.views.search.document import Document
from streams.views.search.terms import MARK_MAX, gram_text, label, labels_of

SEGMENT_FORMAT = 1
DOCUMENTS_MAX = 65_536
HEADER_BYTES = 4_096
ID_BYTES = 28
_DOCUMENTS_AT_ONCE = 4_096
"""Bounds the arrays on the way: they take fifty times what they end as."""

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]


def write_segment(path: Path, documents: Sequence[Document]) -> None:
    """Write and fsync a segment; the file appears under its name only when it is whole.

    Args:
        documents: Of different files, at least one.
    """
    assert 0 < len(documents) <= DOCUMENTS_MAX
    ordered = sorted(documents)
    sections = {**_columns(ordered), **_names(ordered), **_postings(ordered)}
    at = HEADER_BYTES
    places: dict[str, tuple[int, int]] = {}
    for name, array in sections.items():
        places[name] = (at, array.nbytes)
        at += -(-array.nbytes // 8) * 8
    header = orjson.dumps({"format": SEGMENT_FORMAT, "documents": len(ordered), "bytes": at, "sections": places})
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(header.ljust(HEADER_BYTES, b" "))
        for name, array in sections.items():
            file.seek(places[name][0])
            file.write(array.tobytes())
        file.truncate(at)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _columns(documents: Sequence[Document]) -> dict[str, Array]:
    count = len(documents)
    return {
        "number": np.fromiter((one.number for one in documents), np.uint64, count),
        "id": np.frombuffer(b"".join(one.entity_id.encode().ljust(ID_BYTES) for one in documents), np.uint8),
        "size": np.fromiter((one.size_bytes for one in documents), np.int64, count),
        "modified": np.fromiter((one.modified_ms for one in documents), np.int64, count),
        "created": np.fromiter((one.created_ms for one in documents), np.int64, count),
    }


def _names(documents: Sequence[Document]) -> dict[str, Array]:
    names = [one.name.encode() for one in documents]
    ends = np.cumsum(np.fromiter(map(len, names), np.uint32, len(names)), dtype=np.uint32)
    by_name = np.array(sorted(range(len(names)), key=names.__getitem__), np.uint16)
    rank = np.empty(len(names), np.uint16)
    rank[by_name] = np.arange(len(names), dtype=np.uint16)
    return {"name_end": ends, "name": np.frombuffer(b"".join(names), np.uint8), "name_rank": rank}


def _postings(documents: Sequence[Document]) -> dict[str, Array]:
    pairs = _distinct(np.concatenate((_gram_pairs(documents), _label_pairs(documents))))
    terms = pairs >> np.uint64(16)
    firsts = np.flatnonzero(_is_first(terms))
    return {
        "term": terms[firsts],
        "posting_start": np.append(firsts, len(pairs)).astype(np.uint32),
        "posting": (pairs & np.uint64(0xFFFF)).astype(np.uint16),
    }


def _distinct(values: Numbers) -> Numbers:
    """Each value once, ascending, in the same memory. ``np.unique`` hashes: a hundred times as long as sorting."""
    values.sort()
    first = _is_first(values)
    return values if first.all() else values[first]


def _is_first(ordered: Numbers) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which of sorted values are the first of their kind."""
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def _gram_pairs(documents: Sequence[Document]) -> Numbers:
    """term << 16 | ordinal of every gram, each once."""
    portions = [
        _grams_of(documents[first : first + _DOCUMENTS_AT_ONCE], first)
        for first in range(0, len(documents), _DOCUMENTS_AT_ONCE)
    ]
    return np.concatenate(portions)


def _grams_of(documents: Sequence[Document], first: int) -> Numbers:
    texts = [gram_text(one) for one in documents]
    lengths = np.fromiter(map(len, texts), np.uint32, len(texts))
    letters = np.frombuffer(b"".join(texts), np.uint8).astype(np.uint64)
    owners = np.repeat(np.arange(first, first + len(texts), dtype=np.uint64), lengths)
    codes = letters[:-2] << np.uint64(16) | letters[1:-1] << np.uint64(8) | letters[2:]
    whole = letters[1:-1] > MARK_MAX
    return _distinct((codes << np.uint64(16) | owners[1:-1])[whole])


def _label_pairs(documents: Sequence[Document]) -> Numbers:
    known: dict[tuple[str, str], int] = {}
    pairs: list[int] = []
    for ordinal, document in enumerate(documents):
        for one in labels_of(document):
            term = known.get(one)
            if term is None:
                term = known[one] = label(*one) << 16
            pairs.append(term | ordinal)
    return np.array(pairs, np.uint64)
