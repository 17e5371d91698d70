"""Trash: into it, out of it, and what is in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.access import Level, is_unchecked
from govault.domain.actor import Actor
from govault.domain.position import Verdict
from govault.domain.rows import DirectoryRow, Entity
from govault.errors import AccessDenied, NotFound
from govault.limits import TRASH_JUDGED_PER_PAGE_MAX
from govault.ports import Clock, Views
from govault.services.log.submit import Submitter
from govault.services.maintenance.purges import PurgeBudget, Purges
from govault.services.namespace import cursors
from govault.services.namespace.sight import Sight
from govault.services.namespace.targets import ByRef, Guard, Located, Target, Targets, no_space
from schemas.events.files import EntityRestored, EntityTrashed
from schemas.topics import Topic

_PAGE = 200


class TrashPage(NamedTuple):
    """A page of roots of trash; ``next_cursor`` is empty at the end."""

    roots: list[Entity]
    next_cursor: str


class Trashed(NamedTuple):
    """Something that became trash, or would (then ``entity`` is still alive), and where it was."""

    space: DirectoryRow
    entity: Entity
    path: str


@dataclass(frozen=True, slots=True)
class Trash:
    """The use cases of trash."""

    views: Views
    targets: Targets
    submitter: Submitter
    purges: Purges
    clock: Clock
    veil: cursors.Veil

    async def trash(
        self,
        actor: Actor,
        target: Target,
        match: tuple[str, ...] = (),
        guard: Guard | None = None,
        dry_run: bool = False,
    ) -> Trashed:
        """Make a live file or folder trash; a folder with all in it.

        Args:
            match: Content hashes, one of which must be the file's (If-Match); empty: no condition.
            guard: Checked on what is found, before.
            dry_run: Only say what it would be.

        Raises:
            NotFound: It does not live.
            PreconditionFailed: Its content is none of ``match``, or the guard's condition does not hold.
        """
        repeat = self.submitter.repeated(actor)
        if repeat is not None and (entity_id := repeat.fact("entity_id")) is not None:
            return Trashed(*self.targets.retained(actor, ByRef(str(entity_id))), str(repeat.fact("path")))
        located = self.targets.find(actor, target, Level.WRITE)
        if guard is not None:
            guard(located)
        if dry_run:
            return Trashed(located.space, located.entity, located.path)
        return await self.trash_located(actor, located, match)

    async def trash_located(self, actor: Actor, located: Located, match: tuple[str, ...], *, step: str = "") -> Trashed:
        """The same for something already found."""
        trashed = EntityTrashed(space_id=located.space.space_id, entity_id=located.entity.entity_id, match_sha256=match)
        await self.submitter.submit(actor, trashed, located.space.partition, subject=located.space.space_id, step=step)
        return Trashed(*self._retained(located.entity.entity_id), located.path)

    async def restore(self, actor: Actor, entity_id: str, to_path: str | None, replace: bool) -> Located:
        """Bring trash back, to a path or where it was.

        Raises:
            NotFound: It was purged.
            Conflict: It is not trash; or its path is taken and ``replace`` was not asked.
        """
        space, _ = self.targets.retained(actor, ByRef(entity_id), Level.WRITE)
        restored = EntityRestored(space_id=space.space_id, entity_id=entity_id, to_path=to_path, replace=replace)
        await self.submitter.submit(actor, restored, space.partition, subject=space.space_id)
        return self.targets.located(entity_id)

    async def purge_one(self, actor: Actor, entity_id: str, budget: PurgeBudget) -> None:
        """End one piece of trash for ever. Where this very request has ended it before, nothing is left to count.

        Raises:
            NotFound: It is not trash.
            AccessDenied: The actor does not own it.
        """
        self.submitter.repeated(actor)
        ended = self.submitter.find_repeat(actor, self.purges.step_ending(entity_id), Topic.FILES, None)
        if ended is not None and ended.verdict is not Verdict.REFUSED and self.views.entity(entity_id) is None:
            return
        _, entity = self.targets.retained(actor, ByRef(entity_id), Level.OWNER)
        if entity.trashed_ms is None:
            raise NotFound(f"{entity_id} is not in the trash", code="not-found.not-trash")
        await self.purges.purge_tree(actor, entity, budget)

    async def empty(self, actor: Actor, space: str | None, older_than_s: int | None, budget: PurgeBudget) -> None:
        """End all trash (of a space, of an age) for ever, as far as the budget goes.

        Raises:
            NotFound: There is no such space, as far as the actor may know.
            AccessDenied: He does not manage it.
        """
        self.submitter.repeated(actor)
        if space is None and not is_unchecked(actor.name, actor.principals):
            raise AccessDenied(
                "only an administrator empties the trash of all spaces; name one that you manage",
                code="access-denied.administrators",
            )
        space_id = None if space is None else self.targets.space_for(actor, space, Level.OWNER).space_id
        until_ms = None if older_than_s is None else self.clock.time_ms() - older_than_s * 1000
        for entity in self.listed(space_id, ""):
            if until_ms is not None and (entity.trashed_ms or 0) > until_ms:
                continue
            await self.purges.purge_tree(actor, entity, budget)
            if budget.exhausted:
                return

    def seen(self, actor: Actor, space: str | None, cursor: str, limit: int) -> TrashPage:
        """Trash roots by id, of those that the actor may read: in a space, or in all.

        For who may not read all of it, a page looks at a bounded number.

        Raises:
            NotFound: There is no such space, as far as the actor may know.
            InvalidRequest: The cursor is one of another query.
        """
        space_id = None if space is None else self._space_id(actor, space)
        sees = self._judge(actor)
        bound = ("trash", space)
        after = cursors.place(bound, cursor if sees is None else self.veil.show(cursor, actor.name))
        roots: list[Entity] = []
        last = after
        for looked, root in enumerate(self.listed(space_id, after)):
            if len(roots) == limit or (looked == TRASH_JUDGED_PER_PAGE_MAX and sees is not None):
                following = cursors.make(bound, last)
                return TrashPage(roots, following if sees is None else self.veil.hide(following, actor.name))
            last = root.entity_id
            if sees is None or sees(root):
                roots.append(root)
        return TrashPage(roots, "")

    def _space_id(self, actor: Actor, space: str) -> str:
        row = self.views.space_named(space)
        sight = Sight(self.views, self.targets, actor)
        if row is not None and not sight.is_whole and sight.tree(row).is_empty():
            raise no_space(space)
        return self.targets.space(space).space_id

    def _judge(self, actor: Actor) -> Callable[[Entity], bool] | None:
        if is_unchecked(actor.name, actor.principals):
            return None
        return lambda root: self.targets.level(actor, root) >= Level.READ

    def listed(self, space_id: str | None, after: str) -> Iterator[Entity]:
        """Trash roots by id, behind an id; those of open spaces."""
        while page := self.views.list_trash(space_id, after, _PAGE):
            for entity in page:
                after = entity.entity_id
                if self.views.space(entity.space_id) is not None:
                    yield entity

    def _retained(self, entity_id: str) -> tuple[DirectoryRow, Entity]:
        entity = self.views.entity(entity_id)
        space = None if entity is None else self.views.space(entity.space_id)
        if entity is None or space is None:
            raise NotFound(f"there is nothing {entity_id} any more", code="not-found.entity-unknown")
        return space, entity
