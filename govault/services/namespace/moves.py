"""Moving and renaming: one event inside a space; a copy and then a conditional delete across spaces."""

import asyncio
from dataclasses import dataclass

from govault.domain.access import Level
from govault.domain.actor import Actor
from govault.domain.rows import FileRow
from govault.errors import Conflict, NotFound, PreconditionFailed
from govault.limits import SUBMIT_ATTEMPTS_MAX
from govault.services.log.submit import Submitter
from govault.services.namespace.copies import Copied, Copies, CopyWish
from govault.services.namespace.targets import ByPath, ByRef, Guard, Located, Target, Targets
from govault.services.namespace.trash import Trash
from schemas.events.files import EntryMoved


@dataclass(frozen=True, slots=True)
class MoveWish:
    """Where something shall stand.

    Attributes:
        space: None: the space it is in.
        replace: What stands there becomes trash.
        match: Content hashes, one of which must be the file's (If-Match); empty: no condition.
    """

    path: str
    space: str | None = None
    replace: bool = False
    match: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves files and folders."""

    targets: Targets
    submitter: Submitter
    copies: Copies
    trash: Trash

    async def move(self, actor: Actor, target: Target, wish: MoveWish, guard: Guard | None = None) -> Located:
        """Give a file or folder another path.

        Raises:
            NotFound: It does not live, or the other space does not; or not for the actor to know of.
            AccessDenied: He may not write here or there.
            Conflict: The path is taken and ``replace`` was not asked; or a folder would move into itself.
            PreconditionFailed: The file's content is none of ``match``, or the guard's condition does not hold.
        """
        repeat = self.submitter.repeated(actor)
        try:
            located = self.targets.find(actor, target, Level.WRITE)
        except NotFound:
            if repeat is None:
                raise
            return self.targets.find(actor, ByRef(str(repeat.fact("entity_id") or repeat.fact("file_id"))))
        if repeat is not None and wish.space in (None, located.space.name):
            return located
        if guard is not None:
            guard(located)
        if wish.space is not None and wish.space != located.space.name:
            return await self._move_across(actor, located, wish, resumed=repeat is not None)
        moved = EntryMoved(
            space_id=located.space.space_id,
            entity_id=located.entity.entity_id,
            to_path=wish.path,
            replace=wish.replace,
            match_sha256=wish.match,
        )
        await self.submitter.submit(actor, moved, located.space.partition, subject=located.space.space_id)
        return self.targets.located(located.entity.entity_id)

    async def _move_across(self, actor: Actor, located: Located, wish: MoveWish, resumed: bool) -> Located:
        """Copy, and make the original trash if it is still what was copied; else copy what changed, again."""
        actor = self.submitter.keyed(actor)
        await asyncio.to_thread(self.copies.refuse_too_large, located)
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            entity = located.entity
            if isinstance(entity, FileRow) and wish.match and entity.current.sha256 not in wish.match:
                raise PreconditionFailed("the content is not the one you named", etag=entity.current.sha256)
            if wish.replace and not (attempt or resumed):
                await self._clear(actor, wish)
            copied = await self.copies.copy_located(
                actor,
                located,
                CopyWish(
                    wish.path,
                    wish.space,
                    replace=attempt > 0,
                    resumed=resumed,
                    step=f"across{attempt}" if attempt else "",
                ),
            )
            if await self._trash_if_same(actor, located, copied, attempt):
                return self.targets.located(copied.located.entity.entity_id)
            located = self.targets.located(entity.entity_id)
        raise Conflict(
            "it changed again and again while it was moved; the copy is in the other space, the original is kept",
            code="conflict.busy",
        )

    async def _clear(self, actor: Actor, wish: MoveWish) -> None:
        """Make what stands at the path in the other space trash."""
        assert wish.space is not None
        try:
            other = self.targets.find(actor, ByPath(wish.space, wish.path), Level.WRITE)
            await self.trash.trash_located(actor, other, (), step="clear")
        except NotFound:
            self.targets.place(actor, wish.space, wish.path)

    async def _trash_if_same(self, actor: Actor, located: Located, copied: Copied, attempt: int) -> bool:
        """A file's sameness is decided in the log; a folder's is read just before, and its trash can come back."""
        entity = located.entity
        if not isinstance(entity, FileRow) and not await asyncio.to_thread(
            self.copies.still_as_copied, located, copied
        ):
            return False
        # What was copied may be what it was when this request was first made, and was cut off.
        match = (copied.sha256,) if isinstance(entity, FileRow) else ()
        try:
            await self.trash.trash_located(actor, located, match, step=f"across-trash{attempt}")
        except PreconditionFailed:
            return False
        except NotFound:
            return True
        return True
