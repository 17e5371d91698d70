"""Whether a file is what a query asks for: the one judge, whatever found the file."""

import re
from fnmatch import translate

from govault.domain.rows import FileRow
from govault.ports import SearchQuery
from streams.views.search.document import Document, document_of, words_of
from streams.views.search.terms import TermRange, grams_of_glob, grams_of_words, label


class Wanted:
    """A query, made ready to be asked of many files.

    Attributes:
        terms: What every file that matches has in a segment's terms.
        is_vain: Whether nothing can match: words were asked for, and there is no letter or digit in them.
    """

    def __init__(self, query: SearchQuery) -> None:
        self.query = query
        self._name = re.compile(translate(query.name.casefold())) if query.name else None
        words = words_of(query.words)
        self.is_vain = bool(query.words.strip()) and not words
        self._words = [f" {word} " for word in words[:-1]] + [f" {word}" for word in words[-1:]]
        self.terms = self._terms()

    def matches(self, document: Document) -> bool:
        """Whether the document's own fields are as asked; its path is judged elsewhere."""
        query = self.query
        return (
            (query.space_id is None or document.space_id == query.space_id)
            and (self._name is None or self._name.match(document.folded_name) is not None)
            and all(word in document.words for word in self._words)
            and (not query.tag or query.tag in document.tags)
            and (not query.media_type or _of_type(document.media_type, query.media_type))
            and (not query.owner or document.owner == query.owner)
            and (query.since_ms is None or document.modified_ms >= query.since_ms)
            and (query.until_ms is None or document.modified_ms < query.until_ms)
            and (query.larger is None or document.size_bytes > query.larger)
            and (query.smaller is None or document.size_bytes < query.smaller)
        )

    def may_know(self, row: FileRow) -> bool:
        """Whether whoever asks may know of a file that matches."""
        return self.query.sees is None or self.query.sees(row)

    def row_matches(self, row: FileRow, partition: int) -> bool:
        """``matches`` of a file's current row."""
        return self.matches(document_of(row, partition))

    def _terms(self) -> list[TermRange]:
        query = self.query
        labels: list[tuple[str, str]] = []
        if query.tag:
            labels.append(("tag", query.tag))
        if query.media_type:
            labels.append(("type", query.media_type))
        if query.owner:
            labels.append(("owner", query.owner))
        if query.space_id is not None:
            labels.append(("space", query.space_id))
        terms = [label(*one) for one in labels]
        found = [TermRange(term, term + 1) for term in terms]
        if query.name:
            found += grams_of_glob(query.name)
        if query.words:
            found += grams_of_words(query.words)
        return found


def _of_type(actual: str, wanted: str) -> bool:
    return actual.startswith(wanted) if wanted.endswith("/") else actual == wanted
