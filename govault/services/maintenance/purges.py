"""Ending things for ever: versions, and whole trees of trash from the leaves up, in bounded events.

A crash between two events leaves a smaller tree, still trash: doing it again goes on where it stopped.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from govault.domain.actor import Actor
from govault.domain.reasons import Reason
from govault.domain.rows import DirectoryRow, Entity, FileRow
from govault.errors import Conflict, GoVaultError, NotFound
from govault.limits import BATCH_OPERATIONS_MAX, SCAN_YIELD_ROWS, TRASHINGS_AT_ONCE_MAX, VERSIONS_PER_PURGE_MAX
from govault.ports import Views
from govault.services.log.submit import Submitter
from govault.services.log.together import together
from govault.services.namespace.walk import postorder
from schemas.events.files import EntityTrashed, TrashPurged, VersionsPruned

_PAGE = 200

PurgeReason = Literal["asked", "expired"]
PruneReason = Literal["asked", "retention"]


class Purged(NamedTuple):
    """What a purge removed, or would."""

    files: int = 0
    folders: int = 0
    versions: int = 0
    size_bytes: int = 0

    def plus(self, entity: Entity) -> "Purged":
        """With an entity more. Sizes are of current versions: older ones are not read to count them."""
        if not isinstance(entity, FileRow):
            return self._replace(folders=self.folders + 1)
        return Purged(
            self.files + 1,
            self.folders,
            self.versions + len(entity.older) + 1,
            self.size_bytes + entity.current.size_bytes,
        )


class PurgeBudget:
    """How many entities one act may end; it counts what it did.

    Attributes:
        exhausted: The bound was reached before the work was done.
    """

    def __init__(self, entities_max: int, *, dry_run: bool = False) -> None:
        self._left = entities_max
        self.dry_run = dry_run
        self.purged = Purged()
        self.exhausted = False

    def spend(self, count: int) -> bool:
        """Use some of it up for work that ends nothing by itself; whether there is any left."""
        self._left -= count
        self.exhausted = self.exhausted or self._left <= 0
        return not self.exhausted

    def take(self, entity: Entity) -> bool:
        """Whether this entity may still go."""
        if self._left <= 0:
            self.exhausted = True
            return False
        self._left -= 1
        self.purged = self.purged.plus(entity)
        return True


@dataclass(frozen=True, slots=True)
class Purges:
    """Purges trash and prunes versions."""

    views: Views
    submitter: Submitter

    async def purge_tree(self, actor: Actor, root: Entity, budget: PurgeBudget, reason: PurgeReason = "asked") -> None:
        """End a trash root and all in it, as far as the budget goes, and for as long as it is the trash that was given.

        Raises:
            NotFound: Its space is gone.
        """
        space = self.views.space(root.space_id)
        if space is None:
            raise NotFound(f"the space of {root.entity_id} is gone", code="not-found.space-unknown")
        await self._purge(actor, space, root, budget, reason)

    @staticmethod
    def step_ending(entity_id: str) -> str:
        """The step of the event whose last entity this is: a root is the last of all of its tree."""
        return f"purge:{entity_id}"

    async def purge_closed_space(self, actor: Actor, space: DirectoryRow, budget: PurgeBudget) -> None:
        """End everything in a space that is closed: what still lives becomes trash first, then all trash ends."""
        while entries := self.views.list_folder(space.space_id, space.space_id, "", TRASHINGS_AT_ONCE_MAX):
            await together(self._make_trash(actor, space, entry.entity_id) for entry, _ in entries)
            if not budget.spend(len(entries)):
                return
        after = ""
        while trash := self.views.list_trash(space.space_id, after, _PAGE):
            for root in trash:
                after = root.entity_id
                await self._purge(actor, space, root, budget, "asked")
                if budget.exhausted:
                    return

    async def prune(
        self,
        actor: Actor,
        file: FileRow,
        versions: Sequence[int],
        reason: PruneReason = "asked",
        step: str | None = None,
    ) -> None:
        """End old versions of a file, live or trash.

        Args:
            step: Of the first event, where this is all that a request asks for.

        Raises:
            Conflict: The current one is among them.
            NotFound: The file is gone, or one of them is.
        """
        space = self.views.space(file.space_id)
        if space is None:
            raise NotFound(f"the space of {file.entity_id} is gone", code="not-found.space-unknown")
        for start in range(0, len(versions), VERSIONS_PER_PURGE_MAX):
            some = tuple(versions[start : start + VERSIONS_PER_PURGE_MAX])
            pruned = VersionsPruned(space_id=file.space_id, file_id=file.entity_id, versions=some, reason=reason)
            await self.submitter.submit(
                actor,
                pruned,
                space.partition,
                subject=space.space_id,
                step=step if start == 0 and step is not None else f"prune:{file.entity_id}:{some[0]}",
            )

    async def _make_trash(self, actor: Actor, space: DirectoryRow, entity_id: str) -> None:
        trashed = EntityTrashed(space_id=space.space_id, entity_id=entity_id)
        try:
            await self.submitter.submit(
                actor, trashed, space.partition, subject=space.space_id, step=f"trash:{entity_id}"
            )
        except NotFound as error:
            _pass_if_gone(error)

    def _tree(self, root: Entity) -> Iterable[Entity]:
        if not isinstance(root, FileRow):
            yield from postorder(self.views, root.space_id, root.entity_id)
        yield root

    async def _purge(
        self, actor: Actor, space: DirectoryRow, root: Entity, budget: PurgeBudget, reason: PurgeReason
    ) -> None:
        batch: list[str] = []
        weight = 0
        for count, entity in enumerate(self._tree(root), 1):
            if count % SCAN_YIELD_ROWS == 0:
                await asyncio.sleep(0)
            if not self._is_still(root) or not budget.take(entity):
                break
            if budget.dry_run:
                continue
            weight += await self._lighten(actor, entity)
            batch.append(entity.entity_id)
            if weight >= BATCH_OPERATIONS_MAX:
                await self._submit(actor, space, batch, reason)
                batch, weight = [], 0
        if batch:
            await self._submit(actor, space, batch, reason)

    def _is_still(self, root: Entity) -> bool:
        """Whether it is trash since the same moment: what came back, perhaps to be removed anew, is not to end here."""
        now = self.views.entity(root.entity_id)
        return now is not None and now.trashed_ms is not None and now.trashed_ms == root.trashed_ms

    async def _lighten(self, actor: Actor, entity: Entity) -> int:
        """Prune what one purge may not take at once; how many versions are left to end."""
        if not isinstance(entity, FileRow):
            return 1
        excess = len(entity.older) + 1 - VERSIONS_PER_PURGE_MAX
        if excess > 0:
            await self.prune(actor, entity, entity.older[:excess])
        return min(len(entity.older) + 1, VERSIONS_PER_PURGE_MAX)

    async def _submit(self, actor: Actor, space: DirectoryRow, batch: list[str], reason: PurgeReason) -> None:
        purged = TrashPurged(space_id=space.space_id, entity_ids=tuple(batch), reason=reason)
        try:
            await self.submitter.submit(
                actor, purged, space.partition, subject=space.space_id, step=self.step_ending(batch[-1])
            )
        except (NotFound, Conflict) as error:
            _pass_if_gone(error)


def _pass_if_gone(error: GoVaultError) -> None:
    """Somebody else purged or restored the same trash meanwhile: there is nothing left to do here."""
    if error.details.get("reason") not in (Reason.ENTITY_UNKNOWN.value, Reason.NOT_TRASH.value):
        raise error
