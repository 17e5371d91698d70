"""How much accounts own: what an event would add, told by the changes that it would make.

Whatever adds is told, kinds of events to come too: a commit of any kind adds a version to its file's owner, another
owner gets the whole file. Partitions have no common order, so the log cannot decide what an account may own in all of
them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from govault.domain.account_rows import AccountRow
from govault.domain.folding import FilesReader
from govault.domain.rows import Change, OwnedRow


class Growth(NamedTuple):
    """What an account would own more than before."""

    owner: str
    logical_bytes: int
    files: int


class Beyond(NamedTuple):
    """What does not fit: ``limit`` is ``bytes`` or ``files``."""

    limit: str
    most: int
    used: int
    asked: int


def growths(reader: FilesReader, changes: Iterable[Change]) -> list[Growth]:
    """Who would own more by changes, and how much; less of something counts as none."""
    grown = []
    for change in changes:
        row = change.row
        if type(row) is OwnedRow:
            before = reader.owned(row.owner)
            more = Growth(row.owner, max(0, row.logical_bytes - before.logical_bytes), max(0, row.files - before.files))
            if more.logical_bytes or more.files:
                grown.append(more)
    return grown


def is_bounded(account: AccountRow) -> bool:
    """Whether an account has any quota."""
    return account.quota_bytes is not None or account.quota_files is not None


def beyond(account: AccountRow, owned: OwnedRow, growth: Growth) -> Beyond | None:
    """What of a growth does not fit into an account's quota; adding nothing always fits."""
    for limit, most, used, asked in (
        ("bytes", account.quota_bytes, owned.logical_bytes, growth.logical_bytes),
        ("files", account.quota_files, owned.files, growth.files),
    ):
        if most is not None and asked > 0 and used + asked > most:
            return Beyond(limit, most, used, asked)
    return None
