"""A disk that takes no more is an error that says so, and leaves nothing locked."""

from pathlib import Path
from typing import Any

import pytest

from govault.errors import Storage, StorageFull
from streams.views.database import Database

_FULL = "IO error: No space left on device: While appending to file: rows/000009.sst"


class Failing:
    """RocksDB, whose every write fails as it fails itself: by a plain exception."""

    def __init__(self, rocks: Any, said: str) -> None:
        self._rocks = rocks
        self._said = said

    def write(self, *_: object) -> None:
        raise Exception(self._said)

    flush = write

    def close(self) -> None:
        self._rocks.close()


def failing(path: Path, said: str) -> Database:
    database = Database(path)
    database._rocks = Failing(database._rocks, said)
    return database


@pytest.mark.parametrize(
    ("said", "kind"), [(_FULL, StorageFull), ("IO error: Disk quota exceeded", StorageFull), ("IO error: bad", Storage)]
)
@pytest.mark.parametrize("logged", [True, False])
def test_what_cannot_be_written_is_told(tmp_path: Path, said: str, kind: type[Storage], logged: bool) -> None:
    database = failing(tmp_path / "rows", said)
    for act in (lambda: database.write(database.batch(), logged), database.flush):
        with pytest.raises(Storage, match=r"the views in .*rows cannot be written") as caught:
            act()
        assert type(caught.value) is kind
    with pytest.raises(kind):
        database.close()
    Database(tmp_path / "rows").close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Storage, match=r"cannot be written: .*Not a directory"):
        Database(tmp_path / "file" / "rows")
