"""What a transfer has done so far and what it could not do. Read while it runs, for progress, and at the end."""

from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.rest.content import UploadAnswer

REMARKS_KEPT_MAX = 10_000


class Remark(NamedTuple):
    """Something about one path that the user must hear of."""

    path: str
    why: str


@dataclass
class Remarks:
    """Remarks, all counted, the first ones kept."""

    count: int = 0
    kept: list[Remark] = field(default_factory=list)

    def add(self, path: str, why: str) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < REMARKS_KEPT_MAX:
            self.kept.append(Remark(path, why))


@dataclass
class TransferReport:
    """Counters of one upload or download.

    Attributes:
        new: Files and links that were not there; ``changed`` and ``unchanged`` those that were.
        folders: Folders made by themselves.
        size_bytes: Of the contents of new and changed files.
        stored_bytes: What the vault really stored for them (uploads).
        sent_bytes: Moved over the connection by now, for progress.
        resumed_bytes: Of contents that an earlier download had brought already.
        excluded: Entries left out because a pattern matched; a folder counts once.
        skipped: Entries of a kind that has no place in the vault or on this disk.
        failed: Entries that should have been moved and were not.
        normalised: Names that were written differently there (NFC).
        answer: What the vault said of the latest upload.
        found: Entries found so far; ``complete`` once the listing has ended.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    folders: int = 0
    size_bytes: int = 0
    stored_bytes: int = 0
    sent_bytes: int = 0
    resumed_bytes: int = 0
    verified: int = 0
    excluded: int = 0
    answer: UploadAnswer | None = None
    found: int = 0
    found_bytes: int = 0
    complete: bool = False
    skipped: Remarks = field(default_factory=Remarks)
    failed: Remarks = field(default_factory=Remarks)
    normalised: Remarks = field(default_factory=Remarks)

    @property
    def is_partial(self) -> bool:
        """Whether something that was asked for is not there now."""
        return bool(self.skipped.count or self.failed.count)
