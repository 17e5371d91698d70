"""Reading a search segment: mapped into memory, so that only what a question touches is read."""

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from streams.views.search.segment_writer import DOCUMENTS_MAX, HEADER_BYTES, ID_BYTES, SEGMENT_FORMAT
from streams.views.search.terms import TermRange

_SEARCHED_SHARE = 16
"""Where one array is this much shorter, looking up each of its values beats marking all of the other's."""

Ordinals = np.ndarray[tuple[int], np.dtype[Any]]
Column = np.ndarray[tuple[int], np.dtype[Any]]

_KINDS: dict[str, Any] = {
    "number": np.uint64,
    "id": np.uint8,
    "size": np.int64,
    "modified": np.int64,
    "created": np.int64,
    "name_end": np.uint32,
    "name": np.uint8,
    "name_rank": np.uint16,
    "term": np.uint64,
    "posting_start": np.uint32,
    "posting": np.uint16,
}


class DamagedSegment(Exception):
    """The file is not a whole segment of this format."""


class Segment:
    """One segment file. Any thread may read.

    Attributes:
        documents: How many it holds, superseded ones included.
    """

    def __init__(self, path: Path) -> None:
        """Map a file.

        Raises:
            DamagedSegment: It is not a whole segment of this format.
        """
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            header = orjson.loads(self._map[:HEADER_BYTES])
        except (OSError, ValueError) as error:
            raise DamagedSegment(f"{path.name}: {error}") from error
        if header.get("format") != SEGMENT_FORMAT or header.get("bytes") != len(self._map):
            raise DamagedSegment(f"{path.name} is cut off or of another format")
        self.documents: int = header["documents"]
        self._columns: dict[str, Column] = {
            name: np.frombuffer(self._map, kind, header["sections"][name][1] // np.dtype(kind).itemsize, at)
            for name, kind in _KINDS.items()
            for at in (header["sections"][name][0],)
        }

    def column(self, name: str) -> Column:
        """A value for every document, by ordinal."""
        return self._columns[name]

    def entity_id(self, ordinal: int) -> str:
        """The file of an ordinal."""
        return self._columns["id"][ordinal * ID_BYTES : (ordinal + 1) * ID_BYTES].tobytes().decode().rstrip()

    def entity_ids(self) -> list[str]:
        """The files of all ordinals."""
        whole = self._columns["id"].tobytes().decode()
        return [whole[at : at + ID_BYTES].rstrip() for at in range(0, len(whole), ID_BYTES)]

    def number(self, ordinal: int) -> int:
        """The document's number."""
        return int(self._columns["number"][ordinal])

    def name(self, ordinal: int) -> str:
        """The file's name as of when the segment was written."""
        ends = self._columns["name_end"]
        start = int(ends[ordinal - 1]) if ordinal else 0
        return self._columns["name"][start : int(ends[ordinal])].tobytes().decode()

    def find(self, wanted: Sequence[TermRange]) -> Ordinals | None:
        """Ordinals, ascending, of documents that have a term of each range; None where nothing is wanted."""
        spans: list[tuple[int, int, int]] = []
        terms, starts = self._columns["term"], self._columns["posting_start"]
        for one in wanted:
            low = int(np.searchsorted(terms, np.uint64(one.first)))
            high = low + 1 if one.stop == one.first + 1 else int(np.searchsorted(terms, np.uint64(one.stop)))
            if low >= len(terms) or (high == low + 1 and terms[low] >= one.stop) or high == low:
                return np.empty(0, np.uint16)
            spans.append((int(starts[high]) - int(starts[low]), low, high))
        found: Ordinals | None = None
        for _, low, high in sorted(spans):
            ordinals = self._columns["posting"][int(starts[low]) : int(starts[high])]
            if high > low + 1:
                ordinals = _distinct(ordinals)
            found = ordinals if found is None else _both(found, ordinals)
            if not len(found):
                break
        return found

    def forget_pages(self) -> None:
        """Give the pages read so far back to the system's cache: they do not count as this process's memory."""
        self._map.madvise(mmap.MADV_DONTNEED)


def _distinct(ordinals: Ordinals) -> Ordinals:
    """Each once, ascending."""
    has = np.zeros(DOCUMENTS_MAX, bool)
    has[ordinals] = True
    return np.flatnonzero(has).astype(np.uint16)


def _both(fewer: Ordinals, more: Ordinals) -> Ordinals:
    """What two ascending arrays share."""
    if len(fewer) * _SEARCHED_SHARE < len(more):
        at = np.searchsorted(more, fewer)
        at[at == len(more)] = len(more) - 1
        shared: Ordinals = fewer[more[at] == fewer]
        return shared
    has = np.zeros(DOCUMENTS_MAX, bool)
    has[more] = True
    kept: Ordinals = fewer[has[fewer]]
    return kept
