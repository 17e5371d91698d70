"""What the search index knows of a file."""

import re
from typing import NamedTuple

from govault.domain.rows import FileRow

_BETWEEN_WORDS = re.compile(r"[\W_]+")


_ASCII_WORDS = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
"""Translates whatever stands between ASCII words into spaces."""


class Document(NamedTuple):
    """The searchable fields of one file as of some position.

    Attributes:
        number: Names the file in every order: its ``docnum`` and partition, so it never changes.
        folded_name: The name, case-folded.
        words: Words of name, tags and description, case-folded, each between two spaces.
        owner: Who committed the current version.
    """

    number: int
    entity_id: str
    space_id: str
    name: str
    folded_name: str
    words: str
    tags: tuple[str, ...]
    media_type: str
    size_bytes: int
    modified_ms: int
    created_ms: int
    owner: str


def document_number(docnum: int, partition: int) -> int:
    """Orders files by when they were made, partitions apart; below 2**63 for 137 billion events a partition."""
    return (docnum << 16 | partition) & (1 << 63) - 1


def document_of(row: FileRow, partition: int) -> Document:
    """The document of a file."""
    current = row.current
    folded = row.name.casefold()
    described = " ".join((folded, *row.tags, row.description)).casefold() if row.tags or row.description else folded
    if described.isascii():
        words = b" ".join(described.encode().translate(_ASCII_WORDS).split()).decode()
    else:
        words = _BETWEEN_WORDS.sub(" ", described).strip()
    return tuple.__new__(
        Document,
        (
            document_number(row.docnum, partition),
            row.entity_id,
            row.space_id,
            row.name,
            folded,
            f" {words} ",
            row.tags,
            row.media_type or current.media_type,
            current.size_bytes,
            row.modified_ms,
            row.created_ms,
            current.actor,
        ),
    )


def partition_of(number: int) -> int:
    """The partition in a document's number."""
    return number & 0xFFFF


def words_of(text: str) -> list[str]:
    """The words that a query asks for, case-folded, as documents have them."""
    return _BETWEEN_WORDS.sub(" ", text.casefold()).split()
