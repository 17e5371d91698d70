"""What is asked of the search index, and its answer."""

from collections.abc import Callable
from typing import NamedTuple

from govault.domain.rows import FileRow


class SearchQuery(NamedTuple):
    """Filters of ``GET /files``; all that are given must hold. None and empty mean: not asked."""

    space_id: str | None = None
    prefix: str = ""
    name: str = ""
    """A glob on the file's name (``*``, ``?``, ``[…]``), case-insensitive."""
    words: str = ""
    """Words of name, path folder names excluded, description and tags; all must occur (prefix match on the last)."""
    tag: str = ""
    media_type: str = ""
    """``image/png`` or ``image/``."""
    since_ms: int | None = None
    until_ms: int | None = None
    larger: int | None = None
    smaller: int | None = None
    owner: str = ""
    sort: str = ""
    """``path``, ``name``, ``size``, ``modified``, ``created``; ``-`` in front reverses. Empty: the cheapest order."""
    cursor: str = ""
    sees: Callable[[FileRow], bool] | None = None
    """Whether whoever asks may know of a file; asked in a thread, of files that match. None: of all."""
    limit: int = 100


class SearchPage(NamedTuple):
    """One page; ``next_cursor`` is empty at the end."""

    files: list[tuple[FileRow, str]]
    """Each file with its live path."""
    next_cursor: str
