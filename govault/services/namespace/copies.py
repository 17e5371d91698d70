"""Copies of files and folders, inside a space and across spaces: new files that refer to the chunks of old ones."""

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from govault.domain.actor import Actor
from govault.domain.position import Outcome, Verdict
from govault.domain.reasons import Reason
from govault.domain.rows import DirectoryRow, FileRow, FolderRow, VersionContent
from govault.errors import Conflict, NotFound, PreconditionFailed, TooLarge
from govault.limits import COPIES_AT_ONCE_MAX, COPY_ENTRIES_MAX
from govault.ports import Views
from govault.services.log.submit import Submitter
from govault.services.log.together import together
from govault.services.namespace import cursors
from govault.services.namespace.recommits import Recommits, content_of
from govault.services.namespace.targets import ByRef, Located, Target, Targets
from govault.services.namespace.walk import Found, walk
from schemas.events.files import FolderMade, Origin, VersionCommitted
from schemas.ids import EntityId
from schemas.topics import Topic


class CopyWish(NamedTuple):
    """What a copy shall become.

    Attributes:
        space: None: the space of the source.
        version: Of a file; None: the current one.
        replace: A file that stands there gets a next version; folders are merged.
        cursor: Of a folder: where an earlier call stopped.
        step: Tells apart several copies of one request.
        resumed: The request was asked before: what stands at the path is its own work.
    """

    path: str
    space: str | None = None
    version: int | None = None
    replace: bool = False
    cursor: str = ""
    step: str = ""
    resumed: bool = False


@dataclass(slots=True)
class Copied:
    """What one call copied.

    Attributes:
        next_cursor: Empty when the copy is complete.
        sha256: Of a file: the content that was copied, by this call or by an earlier one of the same request.
        seen: What the source was: relative path → (id, version, metadata revision).
    """

    located: Located
    files: int = 0
    folders: int = 0
    size_bytes: int = 0
    next_cursor: str = ""
    sha256: str = ""
    seen: dict[str, tuple[str, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies files and folders, inside a space and across spaces."""

    views: Views
    targets: Targets
    submitter: Submitter
    recommits: Recommits

    async def copy(self, actor: Actor, target: Target, wish: CopyWish) -> Copied:
        """Copy a file, or the next COPY_ENTRIES_MAX entries of a folder.

        Raises:
            NotFound: The source does not live, or the other space does not; or not for the actor to know of.
            AccessDenied: He may not write there.
            Conflict: Something stands at the path, or a folder would be copied into itself.
        """
        repeat = self.submitter.find_repeat(actor, wish.step, Topic.FILES, None)
        if repeat is not None and (file_id := repeat.fact("file_id")) is not None:
            return self._copied_before(actor, str(file_id))
        resumed = repeat is not None and repeat.verdict is not Verdict.REFUSED
        return await self.copy_located(actor, self.targets.find(actor, target), wish._replace(resumed=resumed))

    async def copy_located(self, actor: Actor, source: Located, wish: CopyWish) -> Copied:
        """The same for a source already found."""
        space = self.targets.place(actor, wish.space or source.space.name, wish.path)
        actor = self.submitter.keyed(actor)
        if isinstance(source.entity, FileRow):
            return await self._copy_file(actor, source, source.entity, space, wish)
        return await self._copy_folder(actor, source, source.entity, space, wish)

    def refuse_too_large(self, source: Located) -> None:
        """Refuse what one call cannot copy as a whole.

        Raises:
            TooLarge: The folder has more than COPY_ENTRIES_MAX entries.
        """
        if isinstance(source.entity, FolderRow):
            entries = walk(self.views, source.space.space_id, source.entity.entity_id)
            if sum(1 for _ in islice(entries, COPY_ENTRIES_MAX + 1)) > COPY_ENTRIES_MAX:
                raise TooLarge(
                    f"the folder has more than {COPY_ENTRIES_MAX} entries; copy it, then remove the original",
                    entries_max=COPY_ENTRIES_MAX,
                )

    def still_as_copied(self, source: Located, copied: Copied) -> bool:
        """Whether a folder is what it was when it was copied: every entry, version and metadata revision."""
        now = walk(self.views, source.space.space_id, source.entity.entity_id)
        return {found.path: _seen(found) for found in islice(now, COPY_ENTRIES_MAX + 1)} == copied.seen

    async def _copy_file(
        self, actor: Actor, source: Located, file: FileRow, space: DirectoryRow, wish: CopyWish
    ) -> Copied:
        outcome = await self._commit(actor, source.space, file, space, wish, wish.version)
        located = self.targets.located(str(outcome.fact("file_id")))
        size_bytes = located.entity.current.size_bytes if isinstance(located.entity, FileRow) else 0
        return Copied(located, files=1, size_bytes=size_bytes, sha256=str(outcome.fact("etag")))

    async def _copy_folder(
        self, actor: Actor, source: Located, folder: FolderRow, space: DirectoryRow, wish: CopyWish
    ) -> Copied:
        bound = ("copy", folder.entity_id, space.space_id, wish.path)
        after = cursors.place(bound, wish.cursor)
        self._refuse_folder_copy(source, space, wish)
        await self._make(actor, space, wish.path, f"{wish.step}:top:{after}" if after else wish.step)
        top = self.views.resolve(space.space_id, wish.path)
        if top is None:
            raise NotFound(f"the folder {wish.path!r} was removed while it was copied to")
        copied = Copied(Located(space, top, wish.path))
        entries = walk(self.views, source.space.space_id, folder.entity_id, after)
        # Read ahead of what is written: a folder copied beside itself must not meet its own copy.
        batch = await asyncio.to_thread(list, islice(entries, COPY_ENTRIES_MAX + 1))
        slices = [batch[start : start + COPIES_AT_ONCE_MAX] for start in range(0, len(batch), COPIES_AT_ONCE_MAX)]
        for some in slices if len(batch) <= COPY_ENTRIES_MAX else slices[:-1]:
            await together(self._copy_found(actor, source.space, found, space, wish) for found in some)
            for found in some:
                _count(copied, found)
            after = _place(some[-1])
        if len(batch) > COPY_ENTRIES_MAX:
            copied.next_cursor = cursors.make(bound, after)
        return copied

    def _refuse_folder_copy(self, source: Located, space: DirectoryRow, wish: CopyWish) -> None:
        if space.space_id == source.space.space_id and f"{wish.path}/".startswith(f"{source.path}/"):
            raise Conflict("a folder cannot be copied into itself", code="conflict.into-itself")
        there = self.views.resolve(space.space_id, wish.path)
        if isinstance(there, FileRow) or (there is not None and not (wish.replace or wish.cursor or wish.resumed)):
            raise Conflict(
                f"something else is at {wish.path!r}; move it away, or ask to replace it", code="conflict.occupied"
            )

    async def _copy_found(
        self, actor: Actor, source: DirectoryRow, found: Found, space: DirectoryRow, wish: CopyWish
    ) -> None:
        path, step = f"{wish.path}/{found.path}", f"{wish.step}:{found.row.entity_id}"
        if isinstance(found.row, FolderRow):
            await self._make(actor, space, path, step)
            return
        # Another writer's file in the copy would get a next version; a repeat after a crash changes nothing.
        one = CopyWish(path, replace=True, step=f"{step}:{found.row.current.number}:{found.row.revision}")
        try:
            await self._commit(actor, source, found.row, space, one, None)
        except NotFound as error:
            if error.details.get("reason") is not None:
                raise
            # It was purged from the source while the folder was copied: there is nothing to copy any more.

    async def _make(self, actor: Actor, space: DirectoryRow, path: str, step: str) -> None:
        made = FolderMade(space_id=space.space_id, path=path)
        await self.submitter.submit(actor, made, space.partition, subject=space.space_id, step=step)

    async def _commit(
        self,
        actor: Actor,
        source: DirectoryRow,
        file: FileRow,
        space: DirectoryRow,
        wish: CopyWish,
        version: int | None,
    ) -> Outcome:
        """Commit a version of the file at the wished path; the facts tell the file there and its content."""

        def draft(content: VersionContent, epoch: int, new_file_id: EntityId) -> VersionCommitted:
            return VersionCommitted(
                space_id=space.space_id,
                path=wish.path,
                new_file_id=new_file_id,
                condition="any" if wish.replace else "absent",
                content=content_of(content, file.media_type),
                epoch=epoch,
                original_name=file.original_name,
                tags=file.tags or None,
                description=file.description or None,
                origin=Origin(how="copy", file_id=file.entity_id, version=content.number),
            )

        try:
            return await self.recommits.commit(actor, source, file, version, space, draft, wish.step)
        except PreconditionFailed as error:
            raise Conflict(
                f"something else is at {wish.path!r}; move it away, or ask to replace it",
                code="conflict.occupied",
                **{**error.details, "reason": Reason.OCCUPIED.value},
            ) from error

    def _copied_before(self, actor: Actor, file_id: str) -> Copied:
        located = self.targets.find(actor, ByRef(file_id))
        size_bytes = located.entity.current.size_bytes if isinstance(located.entity, FileRow) else 0
        return Copied(located, files=1, size_bytes=size_bytes)


def _count(copied: Copied, found: Found) -> None:
    copied.seen[found.path] = _seen(found)
    if isinstance(found.row, FileRow):
        copied.files += 1
        copied.size_bytes += found.row.current.size_bytes
    else:
        copied.folders += 1


def _seen(found: Found) -> tuple[str, int, int]:
    if isinstance(found.row, FileRow):
        return found.row.entity_id, found.row.current.number, found.row.revision
    return found.row.entity_id, 0, 0


def _place(found: Found) -> str:
    return f"{found.path}/" if isinstance(found.row, FolderRow) else found.path
