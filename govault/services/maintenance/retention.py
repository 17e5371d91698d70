"""Retention: prunes versions and ends trash that a space's settings no longer keep, by explicit events.

Vault time decides: the latest append time that the views have folded. The node's clock decides nothing, so a vault that
nothing is written to keeps what it has.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from govault.domain.actor import system
from govault.domain.retention import trash_is_expired, versions_to_prune
from govault.domain.rows import DirectoryRow, Entity, FileRow, SpaceRow
from govault.errors import Conflict, NotFound
from govault.limits import PURGE_ENTITIES_PER_STEP, RETENTION_FILES_PER_STEP
from govault.ports import Views, ViewsMaintenance
from govault.services.maintenance.purges import PurgeBudget, Purges
from govault.services.namespace.walk import walk

_ACTOR = system("retention")
_TRASH_PAGE = 200


@dataclass(frozen=True, slots=True)
class RetentionCounts:
    """What was ended since the node started."""

    versions: int = 0
    trash: int = 0
    rounds: int = 0


class RetentionWorker:
    """Goes round all spaces once a period, a bounded number of files and events a step."""

    name = "retention"

    def __init__(self, views: Views, upkeep: ViewsMaintenance, purges: Purges, period_s: float) -> None:
        self._views = views
        self._upkeep = upkeep
        self._purges = purges
        self._period_s = period_s
        self._round: AsyncGenerator[None] | None = None
        self.counts = RetentionCounts()

    async def work(self) -> bool:
        """One step of the round; the round begins anew after an error."""
        if self._round is None:
            self._round = self._steps()
        try:
            await anext(self._round)
        except StopAsyncIteration:
            self._round = None
            self.counts = replace(self.counts, rounds=self.counts.rounds + 1)
            return False
        except BaseException:
            self._round = None
            raise
        return True

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(self._period_s)

    async def _steps(self) -> AsyncGenerator[None]:
        for space in list(self._views.spaces()):
            now_ms = self.vault_time_ms()
            async for _ in self._expire_trash(space, now_ms):
                yield
            async for _ in self._prune_versions(space, now_ms):
                yield

    def _settings(self, space: DirectoryRow) -> SpaceRow | None:
        """Those of now: they may change during a round; None where nothing is to end."""
        settings = self._views.space_settings(space.space_id)
        return None if settings is None or settings.closed else settings

    def vault_time_ms(self) -> int:
        """The latest append time that any folded partition has seen."""
        return max((row.vault_time_ms for row in self._upkeep.status()), default=0)

    async def _expire_trash(self, space: DirectoryRow, now_ms: int) -> AsyncGenerator[None]:
        if not self._is_trash_ending(space):
            return
        after = ""
        while page := self._views.list_trash(space.space_id, after, _TRASH_PAGE):
            for root in page:
                after = root.entity_id
                async for _ in self._end(space, root, now_ms):
                    yield
            yield

    def _is_trash_ending(self, space: DirectoryRow) -> bool:
        settings = self._settings(space)
        return settings is not None and settings.trash_expires_after_s is not None

    async def _end(self, space: DirectoryRow, root: Entity, now_ms: int) -> AsyncGenerator[None]:
        while (settings := self._settings(space)) is not None and trash_is_expired(root, settings, now_ms):
            budget = PurgeBudget(PURGE_ENTITIES_PER_STEP)
            await self._purges.purge_tree(_ACTOR, root, budget, "expired")
            ended = budget.purged.files + budget.purged.folders
            self.counts = replace(self.counts, trash=self.counts.trash + ended)
            if not budget.exhausted or not ended:
                return
            yield

    async def _prune_versions(self, space: DirectoryRow, now_ms: int) -> AsyncGenerator[None]:
        if not self._is_pruning(self._settings(space)):
            return
        for seen, found in enumerate(walk(self._views, space.space_id, space.space_id), start=1):
            if isinstance(found.row, FileRow) and found.row.older:
                settings = self._settings(space)
                if settings is None or not self._is_pruning(settings):
                    return
                await self._prune(found.row, settings, now_ms)
            if seen % RETENTION_FILES_PER_STEP == 0:
                yield

    @staticmethod
    def _is_pruning(settings: SpaceRow | None) -> bool:
        return settings is not None and (settings.keep_last is not None or settings.keep_within_s is not None)

    async def _prune(self, file: FileRow, settings: SpaceRow, now_ms: int) -> None:
        def committed_ms(number: int) -> int | None:
            content = self._views.version(file, number)
            return None if content is None else content.committed_ms

        due = versions_to_prune(file, settings, committed_ms, now_ms)
        if not due:
            return
        try:
            await self._purges.prune(_ACTOR, file, due, "retention")
        except (NotFound, Conflict):
            # Purged or pruned by somebody else since the row was read: the next round sees what is left.
            return
        self.counts = replace(self.counts, versions=self.counts.versions + len(due))
