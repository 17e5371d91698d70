"""Terms: what segments are looked up by. Each is a number below 2**48.

A *gram* is three bytes of a case-folded name between two marks, or of a word between two others; its number is those
bytes. A *label* (space, owner, media type, tag) is a hash. Either may name too many files: what is found is checked
against the file itself, so a collision or a gram of another place costs time only.
"""

import re
from hashlib import blake2b

from streams.views.search.document import Document, words_of

NAME_START, NAME_END, WORD_MARK = b"\x01", b"\x02", b"\x03"
MARK_MAX = 3
_LABEL_BIT = 1 << 47
_LABEL_BYTES = 5


class TermRange:
    """Terms of [first, stop): any of them will do."""

    __slots__ = ("first", "stop")

    def __init__(self, first: int, stop: int) -> None:
        self.first = first
        self.stop = stop


def label(kind: str, value: str) -> int:
    """The term of a label."""
    hashed = blake2b(f"{kind}\0{value}".encode(), digest_size=_LABEL_BYTES, person=b"govault-label").digest()
    return _LABEL_BIT | int.from_bytes(hashed, "big")


def labels_of(document: Document) -> list[tuple[str, str]]:
    """(kind, value) of every label of a document."""
    major = document.media_type.partition("/")[0] + "/"
    return [
        ("space", document.space_id),
        ("owner", document.owner),
        ("type", document.media_type),
        ("type", major),
        *(("tag", tag) for tag in document.tags),
    ]


def gram_text(document: Document) -> bytes:
    """The bytes whose triples are a document's grams; triples with a mark in the middle are none."""
    name = document.folded_name.encode()
    words = document.words.encode().replace(b" ", WORD_MARK)
    return NAME_START + name + NAME_END + words


def grams_of_word(word: str, open_end: bool) -> list[TermRange]:
    """What every document with this word has; with ``open_end``, with a word that begins so."""
    return _ranges(WORD_MARK + word.encode() + (b"" if open_end else WORD_MARK))


def grams_of_words(text: str) -> list[TermRange]:
    """What every document has that has all these words, the last one perhaps as the beginning of one."""
    words = words_of(text)
    return [found for at, word in enumerate(words) for found in grams_of_word(word, at == len(words) - 1)]


def grams_of_glob(glob: str) -> list[TermRange]:
    """What every document has whose name matches the glob."""
    runs = [run.encode() for run in re.split(r"\[!?\]?[^\]]*\]|[*?]+", glob.casefold())]
    runs[0] = NAME_START + runs[0]
    runs[-1] = runs[-1] + NAME_END
    return [found for run in runs for found in _ranges(run)]


def _ranges(run: bytes) -> list[TermRange]:
    """The grams of a run of bytes; of a pair of bytes, every gram that begins with it."""
    if len(run) >= 3:
        codes = {int.from_bytes(run[at : at + 3], "big") for at in range(len(run) - 2) if run[at + 1] > MARK_MAX}
        return [TermRange(code, code + 1) for code in sorted(codes)]
    if len(run) == 2 and run[1] > MARK_MAX:
        first = int.from_bytes(run + b"\0", "big")
        return [TermRange(first, first + 256)]
    return []
