"""Searches over real segments, pending documents and changes, compared with looking at every file."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from govault.domain.rows import FileRow
from govault.errors import InvalidRequest
from govault.ports import SearchQuery
from schemas.events.base import EventData
from schemas.events.files import EntityTrashed, EntryMoved, MetadataChanged
from schemas.topics import Topic
from streams.views import views as views_module
from streams.views.search import index as index_module
from streams.views.search import query as query_module
from streams.views.views import RocksViews
from tests.integration.streams.history import History, fresh_views

WORDS = ("report", "budget", "photo", "Ärger", "naïve", "x", "data", "final")
TYPES = ("application/pdf", "image/png", "image/jpeg", "text/plain")


@dataclass
class Library:
    """Views with files in them, and the truth about them."""

    views: RocksViews
    history: History

    def live(self) -> list[tuple[FileRow, str]]:
        found: list[tuple[FileRow, str]] = []
        for file_id in self.history.file_ids:
            row = self.views.entity(file_id)
            path = None if row is None else self.views.path_of(row)
            if isinstance(row, FileRow) and path is not None:
                found.append((row, path))
        return found

    def pages(self, query: SearchQuery) -> Iterator[list[tuple[FileRow, str]]]:
        while True:
            page = self.views.search(query)
            yield page.files
            if not page.next_cursor:
                return
            query = query._replace(cursor=page.next_cursor)

    def all(self, query: SearchQuery) -> list[tuple[FileRow, str]]:
        return [found for page in self.pages(query) for found in page]


@pytest.fixture
async def library(tmp_path: Path) -> Library:
    views = fresh_views(tmp_path)
    history = History(views, seed=7)
    library = Library(views, history)
    rng = random.Random(7)
    for number in range(400):
        name = f"{rng.choice(WORDS)}-{rng.choice(WORDS)}_{number % 90}.{rng.choice(('pdf', 'png', 'c'))}"
        folder = rng.choice(("docs", "docs/old", "pictures", "docs-2"))
        history.commit(
            f"{folder}/{name}", rng.randrange(1, 5000), media_type=rng.choice(TYPES), tags=tuple({rng.choice(WORDS)})
        )
        if number % 100 == 60:
            await views.index(1, logged=False)
    for file_id in rng.sample(history.file_ids, 120):
        history.fold(_change(rng, history.space_id, file_id))
    await views.index(50, logged=False)
    for file_id in rng.sample(history.file_ids, 20):
        history.fold(_change(rng, history.space_id, file_id))
    yield library
    views.close()


def _change(rng: random.Random, space_id: str, file_id: str) -> EventData:
    match rng.randrange(3):
        case 0:
            return EntityTrashed(space_id=space_id, entity_id=file_id)
        case 1:
            return EntryMoved(space_id=space_id, entity_id=file_id, to_path=f"moved/{rng.choice(WORDS)}{rng.random()}")
        case _:
            return MetadataChanged(
                space_id=space_id, entity_id=file_id, tags=(rng.choice(WORDS),), description=f"a {rng.choice(WORDS)}!"
            )


def _says(row: FileRow) -> str:
    text = f" {row.name} {' '.join(row.tags)} {row.description} ".casefold()
    return "".join(letter if letter.isalnum() else " " for letter in text)


@pytest.mark.parametrize(
    "glob",
    ["*report*", "photo-*", "*.c", "*.pd?", "[px]*", "*Ä*", "x*", "*_1?.png", "*e*o*", "nothing*", "?hoto*", "*"],
)
async def test_globs_find_what_fnmatch_finds(library: Library, glob: str) -> None:
    found = {row.entity_id for row, _ in library.all(SearchQuery(name=glob, limit=7))}
    assert found == {row.entity_id for row, _ in library.live() if fnmatchcase(row.name.casefold(), glob.casefold())}


@pytest.mark.parametrize(
    "words", ["report", "rep", "budget final", "ärger x", "naïve dat", "x", "zzz", "1", "report rep"]
)
async def test_words_find_files_that_have_them_all(library: Library, words: str) -> None:
    *whole, start = words.split()
    expected = {
        row.entity_id
        for row, _ in library.live()
        if all(f" {word} " in _says(row) for word in whole) and f" {start}" in _says(row)
    }
    assert {row.entity_id for row, _ in library.all(SearchQuery(words=words, limit=11))} == expected


@pytest.mark.parametrize(
    "asked",
    [
        SearchQuery(tag="photo"),
        SearchQuery(media_type="image/"),
        SearchQuery(media_type="image/png", tag="x"),
        SearchQuery(larger=1000, smaller=3000),
        SearchQuery(owner="admin", name="*data*"),
        SearchQuery(owner="nobody"),
        SearchQuery(prefix="docs/"),
        SearchQuery(prefix="docs", name="*.png"),
    ],
)
@pytest.mark.parametrize(
    "sort", ["", "-", "size", "-size", "name", "-name", "modified", "-modified", "created", "path", "-path"]
)
async def test_every_order_gives_every_match_once_and_in_order(library: Library, asked: SearchQuery, sort: str) -> None:
    asked = asked._replace(space_id=library.history.space_id, sort=sort, limit=9)
    found = library.all(asked)
    assert {row.entity_id for row, _ in found} == {
        row.entity_id for row, path in library.live() if _is_asked(asked, row, path)
    }
    assert len({row.entity_id for row, _ in found}) == len(found)
    values = [_value(sort.removeprefix("-"), row, path) for row, path in found]
    assert values == sorted(values, reverse=sort.startswith("-"))


async def test_words_without_a_letter_or_digit_find_nothing(library: Library) -> None:
    assert library.all(SearchQuery(words=" --- ")) == []


async def test_bounds_of_time_are_half_open(library: Library) -> None:
    times = sorted(row.modified_ms for row, _ in library.live())
    asked = SearchQuery(since_ms=times[50], until_ms=times[120], limit=1000)
    found = {row.entity_id for row, _ in library.all(asked)}
    assert found == {row.entity_id for row, _ in library.live() if times[50] <= row.modified_ms < times[120]}


async def test_a_page_that_judges_too_many_goes_on_with_its_cursor(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_module, "JUDGED_PER_PAGE_MAX", 10)
    monkeypatch.setattr(query_module, "FEW", 10)
    for sort in ("", "size", "path"):
        asked = SearchQuery(space_id=library.history.space_id, name="*t*1*", sort=sort, limit=5)
        found = [row.entity_id for row, _ in library.all(asked)]
        expected = {row.entity_id for row, _ in library.live() if fnmatchcase(row.name.casefold(), "*t*1*")}
        assert set(found) == expected
        assert len(found) == len(expected)


async def test_the_index_is_the_same_after_it_is_opened_again(library: Library, tmp_path: Path) -> None:
    before = {row.entity_id for row, _ in library.all(SearchQuery(name="*photo*"))}
    library.views.close()
    again = Library(fresh_views(tmp_path), library.history)
    assert {row.entity_id for row, _ in again.all(SearchQuery(name="*photo*"))} == before
    again.views.close()
    for path in (tmp_path / "views").glob("shard-*/search/*.segment"):
        path.write_bytes(path.read_bytes()[:-100])
    library.views = again.views = fresh_views(tmp_path)
    assert {row.entity_id for row, _ in again.all(SearchQuery(name="*photo*"))} == before


@pytest.mark.parametrize("cursor", ["!", "eyJ9", "AAAA", "x" * 5000])
async def test_a_cursor_that_is_none_is_refused(library: Library, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        library.views.search(SearchQuery(sort="size", cursor=cursor))
    with pytest.raises(InvalidRequest):
        library.views.search(SearchQuery(sort="colour"))


def _is_asked(asked: SearchQuery, row: FileRow, path: str) -> bool:
    media_type, size = row.media_type or row.current.media_type, row.current.size_bytes
    return (
        (not asked.tag or asked.tag in row.tags)
        and (not asked.media_type or media_type == asked.media_type or media_type.startswith(asked.media_type))
        and (asked.larger is None or size > asked.larger)
        and (asked.smaller is None or size < asked.smaller)
        and (not asked.owner or row.current.actor == asked.owner)
        and path.startswith(asked.prefix)
        and (not asked.name or fnmatchcase(row.name.casefold(), asked.name))
    )


def _value(by: str, row: FileRow, path: str) -> object:
    return {
        "": row.docnum,
        "size": row.current.size_bytes,
        "name": row.name.encode(),
        "modified": row.modified_ms,
        "created": row.created_ms,
        "path": path.encode(),
    }[by]


async def test_searches_stay_right_while_segments_are_written_and_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_module, "PENDING_LIVE_MAX", 15)
    monkeypatch.setattr(index_module, "SMALL_SEGMENTS_MAX", 2)
    views = fresh_views(tmp_path)
    history = History(views, seed=3)
    try:
        for number in range(300):
            history.fold = lambda data: history.records.append(history.record(data))  # type: ignore[assignment, return-value]
            history.commit(f"d/report-{number:03d}.txt", number + 1)
            await views.follow((Topic.FILES, history.records[-1].position.partition), history.records[-1:])
            if number % 20 == 19:
                page = await asyncio.to_thread(views.search, SearchQuery(name="report-*", limit=1000, sort="name"))
                assert [row.name for row, _ in page.files] == [f"report-{at:03d}.txt" for at in range(number + 1)]
    finally:
        await views.stop()
    segments = list((tmp_path / "views").glob("shard-*/search/*.segment"))
    assert 1 <= len(segments) <= 6
    again = fresh_views(tmp_path)
    assert len(again.search(SearchQuery(name="*report*", limit=1000)).files) == 300
    again.close()


async def test_an_index_that_is_mostly_out_of_date_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "DOCUMENTS_MAX", 10)
    monkeypatch.setattr(index_module, "_SMALL_DOCUMENTS", 0)
    views = fresh_views(tmp_path)
    history = History(views, seed=5)
    try:
        for number in range(30):
            history.commit(f"f{number}", 1)
        for turn in range(6):
            for file_id in history.file_ids:
                history.fold(MetadataChanged(space_id=history.space_id, entity_id=file_id, description=f"turn{turn}"))
            await views.index(1, logged=True)
        assert sum(segment.documents for segment in views.serving.segments()) <= 60
        assert len(views.search(SearchQuery(words="turn5", limit=100)).files) == 30
        assert not views.search(SearchQuery(words="turn4", limit=100)).files
    finally:
        views.close()
