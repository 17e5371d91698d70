"""Keys that follow from rows and answer questions the rows' own keys cannot. Disposable, and not digested.

- by content: every retained version of a file under its SHA-256;
- roots of trash, by space;
- what each principal owns or was granted, by principal and space;
- manifest parts without references, by the epoch since when;
- files whose searchable fields changed and that no search segment covers yet, a list a batch.
"""

from typing import Any

from govault.domain.rows import AccessRow, FileRow, FolderRow, PartRow, Row, VersionRow
from streams.views import keys

_PRESENT = b""
FOLLOWED = frozenset((AccessRow, FileRow, FolderRow, PartRow, VersionRow))
"""Rows that any derived key follows from."""


class DerivedKeys:
    """Collects, between two batches, which derived keys appear and go."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bool] = {}
        self._unindexed: dict[str, FileRow] = {}

    def follow(self, old: Row | None, new: Row | None) -> None:
        """A row of one of ``FOLLOWED`` changed from ``old`` to ``new`` (None: absent)."""
        kind = type(new if new is not None else old)
        if kind is FileRow:
            self._follow_file(old, new)  # type: ignore[arg-type]
        elif kind is FolderRow:
            self._follow_trash(old, new)  # type: ignore[arg-type]
            self._follow_owner(old, new)  # type: ignore[arg-type]
        elif kind is AccessRow:
            self._follow_grants(old, new)  # type: ignore[arg-type]
        elif kind is PartRow:
            self._follow_part(old, new)  # type: ignore[arg-type]
        elif kind is VersionRow and new is None:
            assert isinstance(old, VersionRow)
            self._keys[keys.hash_key(old.content.sha256, old.file_id, old.number)] = False

    def staged_trash(self, start: bytes) -> tuple[set[bytes], set[bytes]]:
        """(added, removed) keys of roots of trash that begin with ``start``."""
        added = {key for key, present in self._keys.items() if present and key.startswith(start)}
        removed = {key for key, present in self._keys.items() if not present and key.startswith(start)}
        return added, removed

    def take_unindexed(self) -> list[FileRow]:
        """Files whose searchable fields changed since last taken."""
        taken = list(self._unindexed.values())
        self._unindexed.clear()
        return taken

    def write_to(self, batch: Any, prefix: bytes) -> None:
        """Put the collected keys into a batch."""
        for key, present in self._keys.items():
            if present:
                batch.put(prefix + key, _PRESENT)
            else:
                batch.delete(prefix + key)
        self._keys.clear()

    def _follow_file(self, old: FileRow | None, new: FileRow | None) -> None:
        if new is None:
            assert old is not None
            self._keys[keys.hash_key(old.current.sha256, old.entity_id, old.current.number)] = False
        elif old is None or old.current.number != new.current.number:
            self._keys[keys.hash_key(new.current.sha256, new.entity_id, new.current.number)] = True
        self._follow_trash(old, new)
        self._follow_owner(old, new)
        if new is not None and (old is None or searchable(old) != searchable(new)):
            self._unindexed[new.entity_id] = new

    def _follow_trash(self, old: FileRow | FolderRow | None, new: FileRow | FolderRow | None) -> None:
        was = old is not None and old.trashed_ms is not None
        now = new is not None and new.trashed_ms is not None
        if was and not now:
            assert old is not None
            self._keys[keys.trash_key(old.space_id, old.entity_id)] = False
        elif now and not was:
            assert new is not None
            self._keys[keys.trash_key(new.space_id, new.entity_id)] = True

    def _follow_owner(self, old: FileRow | FolderRow | None, new: FileRow | FolderRow | None) -> None:
        was = "" if old is None else old.owner
        now = "" if new is None else new.owner
        if was == now:
            return
        if was:
            assert old is not None
            self._keys[keys.principal_key(was, old.space_id, old.entity_id, True)] = False
        if now:
            assert new is not None
            self._keys[keys.principal_key(now, new.space_id, new.entity_id, True)] = True

    def _follow_grants(self, old: AccessRow | None, new: AccessRow | None) -> None:
        for row, present in ((old, False), (new, True)):
            if row is None:
                continue
            for principal, _ in row.grants:
                self._keys[keys.principal_key(principal, row.space_id, row.target_id, False)] = present

    def _follow_part(self, old: PartRow | None, new: PartRow | None) -> None:
        before = (
            None if old is None or old.references else keys.idle_key(old.idle_since_epoch, old.space_id, old.part_id)
        )
        after = (
            None if new is None or new.references else keys.idle_key(new.idle_since_epoch, new.space_id, new.part_id)
        )
        if before == after:
            return
        if before is not None:
            self._keys[before] = False
        if after is not None:
            self._keys[after] = True


def searchable(row: FileRow) -> tuple[object, ...]:
    """The fields of a file that search segments hold."""
    current = row.current
    return (
        row.name,
        row.tags,
        row.description,
        row.media_type,
        row.modified_ms,
        current.size_bytes,
        current.media_type,
        current.actor,
    )
