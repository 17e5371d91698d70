"""Terms never miss: whatever matches has every term that is looked for."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from govault.domain.rows import FileRow, VersionContent
from streams.views.key_filter import KeyFilter
from streams.views.search.document import document_of, words_of
from streams.views.search.terms import MARK_MAX, TermRange, gram_text, grams_of_glob, grams_of_words

LETTERS = st.text(alphabet="abcB._- é1ß[", min_size=1, max_size=12)
CONTENT = VersionContent(1, "ab" * 32, 9, "", (), "file", False, None, "text/plain", 7, "ann", None)


def grams_in(name: str, description: str) -> set[int]:
    row = FileRow("f", "s", "s", name, "", 1, 1, 0, (), description, "", CONTENT, (), 1 << 10)
    text = gram_text(document_of(row, 0))
    triples = (text[at : at + 3] for at in range(len(text) - 2))
    return {int.from_bytes(triple, "big") for triple in triples if triple[1] > MARK_MAX}


def has_all(grams: set[int], wanted: list[TermRange]) -> bool:
    return all(any(one.first <= gram < one.stop for gram in grams) for one in wanted)


@given(LETTERS, st.text(alphabet="abcB._- é1*?", min_size=1, max_size=8))
def test_a_name_that_a_glob_matches_has_its_grams(name: str, glob: str) -> None:
    if fnmatchcase(name.casefold(), glob.casefold()):
        assert has_all(grams_in(name, ""), grams_of_glob(glob))


@given(LETTERS, st.integers(0, 12), st.integers(0, 12))
def test_a_piece_of_a_name_finds_the_name(name: str, start: int, stop: int) -> None:
    piece = name[start:stop].replace("[", "?")
    assert has_all(grams_in(name, ""), grams_of_glob(f"*{piece}*"))


@given(LETTERS, LETTERS)
def test_words_of_a_file_find_the_file(name: str, description: str) -> None:
    for text in (name, description, f"{name} {description}"):
        words = words_of(text)
        assert has_all(grams_in(name, description), grams_of_words(" ".join(words)))
        if words:
            assert has_all(grams_in(name, description), grams_of_words(words[0][:2]))


@given(st.sets(st.binary(max_size=40), max_size=200))
def test_a_key_filter_never_denies_what_was_added(added: set[bytes]) -> None:
    key_filter = _SHARED_FILTER
    for key in added:
        key_filter.add(key)
    assert all(key_filter.may_have(key) for key in added)


def test_a_key_filter_denies_nearly_all_that_was_not_added() -> None:
    key_filter = KeyFilter()
    for number in range(10_000):
        key_filter.add(b"key-%d" % number)
    assert sum(1 for number in range(10_000) if key_filter.may_have(b"other-%d" % number)) < 10


_SHARED_FILTER = KeyFilter()
