"""Spaces: made, changed, removed. Two topics know a space, so each act has an order that a crash may cut anywhere.

Made: the directory reserves name, id and partition, then the partition opens the space. Removed: the partition
closes it, its contents are purged, then the directory forgets the name. ``finish_openings`` and ``finish_closings``
complete what was cut; any node may run them at any time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from govault.domain.access import Level, is_unchecked
from govault.domain.actor import Actor, system
from govault.domain.apply_access import ACCESS_RULES
from govault.domain.quotas import QUOTA_RULES
from govault.domain.reasons import Reason
from govault.domain.rows import DirectoryRow, SpaceRow, TotalsRow
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.errors import AccessDenied, Conflict, GoVaultError, NotFound
from govault.ports import Clock, Randomness, Views
from govault.services.log.submit import Submitter
from govault.services.maintenance.purges import PurgeBudget, Purges
from govault.services.namespace.sight import Sight
from govault.services.namespace.targets import Targets, no_space
from schemas.events.access import AccessGranted
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.files import Quota, Replication, Retention, SpaceChanged, SpaceClosed, SpaceOpened
from schemas.ids import is_account_id, new_space_id

DEFAULT_SPACE = "main"
_DIRECTORY_PARTITION = 0


class SpaceState(NamedTuple):
    """All that is known of a space. ``settings`` is None while it opens."""

    row: DirectoryRow
    settings: SpaceRow | None
    totals: TotalsRow | None
    """None for who may not read all of it."""
    replicas: SpaceReplicasRow | None = None
    quota: SpaceQuotaRow | None = None


class SpaceWish(NamedTuple):
    """Settings that somebody asks for; None leaves a thing as it is, or as new spaces have it."""

    description: str | None = None
    retention: Retention | None = None
    replication: Replication | None = None
    quota: Quota | None = None
    """For administrators only: it bounds those who manage the space."""


@dataclass(frozen=True, slots=True)
class Spaces:
    """The use cases of spaces."""

    views: Views
    submitter: Submitter
    purges: Purges
    clock: Clock
    randomness: Randomness
    default_retention: Retention = field(default_factory=Retention)
    """What a space keeps whose maker does not say."""
    accounts_may_create: bool = True
    """Whether others than administrators make spaces."""

    def seen(self, actor: Actor, after: str) -> Iterator[SpaceState]:
        """Spaces in which something is for the actor, by name, behind a name; without totals where he reads not all."""
        sight = Sight(self.views, Targets(self.views), actor)
        if sight.is_whole:
            return self.listed(after)
        return (self._state_for(sight, row) for row in sight.spaces() if row.name > after)

    def see(self, actor: Actor, name: str) -> SpaceState:
        """A space as the actor sees it, also while it opens or closes.

        Raises:
            NotFound: None has the name, or nothing in it is for the actor.
        """
        state = self.get(name)
        sight = Sight(self.views, Targets(self.views), actor)
        if sight.is_whole:
            return state
        if sight.tree(state.row).is_empty():
            raise no_space(name)
        return self._state_for(sight, state.row)

    def listed(self, after: str) -> Iterator[SpaceState]:
        """All spaces by name, behind a name."""
        return (self._state(row) for row in self.views.spaces() if row.name > after)

    def get(self, name: str) -> SpaceState:
        """A space, also while it opens or closes.

        Raises:
            NotFound: None has the name.
        """
        row = self.views.space_named(name)
        if row is None:
            raise no_space(name)
        return self._state(row)

    async def create(self, actor: Actor, name: str, wish: SpaceWish) -> SpaceState:
        """Make a space, which the account that asks manages from there on.

        Raises:
            AccessDenied: In this vault only administrators make spaces.
            AccessDenied: Somebody else than an administrator asks for a quota.
            Conflict: The name is taken; or no administrator asks while the vault decides no access yet; or a quota is
                asked for while it decides none.
        """
        if not self.accounts_may_create and not is_unchecked(actor.name, actor.principals):
            raise AccessDenied(
                "only administrators make spaces in this vault; ask one", code="access-denied.administrators"
            )
        self._check_quota(actor, wish)
        space_id = new_space_id(self.clock.time_ms(), self.randomness.token(10))
        partition = self._partition_for(space_id, wish)
        self._check_decided(partition, wish)
        decides = self.views.partition_row(partition).rules >= ACCESS_RULES
        if not decides and not is_unchecked(actor.name, actor.principals):
            raise Conflict(
                "nobody can manage a space before every node of the vault runs a program that decides access; "
                "ask an administrator to upgrade the others",
                code="conflict.access-not-decided",
            )
        reserved = SpaceCreated(space_id=space_id, name=name, partition=partition)
        await self.submitter.submit(actor, reserved, _DIRECTORY_PARTITION, subject=name)
        row = self.get(name).row
        await self._open(actor, row, wish, manager=actor.name if decides and is_account_id(actor.name) else "")
        return self._state(row)

    def managed(self, actor: Actor, name: str) -> SpaceState:
        """A space that the actor manages, also while it opens or closes.

        Raises:
            NotFound: None has the name, as far as the actor may know.
            AccessDenied: He may read it, and not more.
        """
        state = self.get(name)
        Targets(self.views).check(actor, state.row, None, Level.OWNER)
        return state

    async def change(self, actor: Actor, name: str, wish: SpaceWish, base_revision: int | None) -> SpaceState:
        """Change settings.

        Raises:
            NotFound, AccessDenied: As ``managed``; also where somebody else than an administrator sets a quota.
            PreconditionFailed: ``base_revision`` is not the current one.
            Conflict: A quota is asked for while the vault decides none.
        """
        row = self.managed(actor, name).row
        self._check_quota(actor, wish)
        self._check_decided(row.partition, wish)
        changed = SpaceChanged(space_id=row.space_id, base_revision=base_revision, **wish._asdict())
        await self.submitter.submit(actor, changed, row.partition, subject=row.space_id)
        return self._state(row)

    async def remove(self, actor: Actor, name: str, force: bool, budget: PurgeBudget) -> bool:
        """Remove a space; with ``force`` all that is in it too. Whether it is finished: else the worker goes on.

        Raises:
            NotFound, AccessDenied: As ``managed``.
            Conflict: It is not empty, and ``force`` was not asked.
        """
        if self.submitter.repeated(actor) is not None and self.views.space_named(name) is None:
            return True
        state = self.managed(actor, name)
        if state.settings is None or not state.settings.closed:
            closed = SpaceClosed(space_id=state.row.space_id, force=force)
            if state.settings is None:
                await self._open(actor, state.row, SpaceWish())
            await self.submitter.submit(actor, closed, state.row.partition, subject=state.row.space_id)
        return await self._finish_closing(actor, state.row, budget)

    def removable(self, actor: Actor, name: str, force: bool) -> TotalsRow:
        """What a removal would end.

        Raises:
            NotFound, AccessDenied: As ``managed``.
            Conflict: It is not empty, and ``force`` was not asked.
        """
        totals = self.views.totals(self.managed(actor, name).row.space_id)
        if not force and (totals.files or totals.folders):
            raise Conflict(
                "the space is not empty; empty it (its trash too), or ask with force",
                code="conflict.space-not-empty",
                reason=Reason.SPACE_NOT_EMPTY.value,
            )
        return totals

    async def ensure_default_space(self) -> None:
        """Make the default space where the vault has no space at all, and finish what a crash has cut."""
        await self.finish_openings()
        if next(iter(self.views.spaces()), None) is not None:
            return
        try:
            await self.create(system("start"), DEFAULT_SPACE, SpaceWish())
        except Conflict:
            await self.finish_openings()

    async def finish_openings(self) -> int:
        """Open every space that the directory knows and its partition does not. How many there were."""
        waiting = [row for row in self.views.spaces() if self.views.space_settings(row.space_id) is None]
        for row in waiting:
            await self._open(system("spaces"), row, SpaceWish())
        return len(waiting)

    async def finish_closings(self, budget: PurgeBudget) -> int:
        """Purge and forget every closed space, within a budget. How many are finished."""
        finished = 0
        for state in [state for state in self.listed("") if state.settings is not None and state.settings.closed]:
            finished += await self._finish_closing(system("spaces"), state.row, budget)
        return finished

    async def _open(self, actor: Actor, row: DirectoryRow, wish: SpaceWish, manager: str = "") -> None:
        opened = SpaceOpened(
            space_id=row.space_id,
            name=row.name,
            retention=self.default_retention if wish.retention is None else wish.retention,
            description=wish.description or "",
            replication=wish.replication or Replication(),
            quota=wish.quota or Quota(),
        )
        try:
            await self.submitter.submit(actor, opened, row.partition, subject=row.space_id, step="open")
        except Conflict as error:
            _pass(error, Reason.SPACE_EXISTS)
            # Whoever finishes openings came first and knew nothing of the settings, nor whose space it is.
            if manager:
                granted = AccessGranted(
                    space_id=row.space_id, target_id=row.space_id, principal=manager, level="manager"
                )
                await self.submitter.submit(system("spaces"), granted, row.partition, subject=row.space_id)
            if wish != SpaceWish():
                changed = SpaceChanged(space_id=row.space_id, **wish._asdict())
                await self.submitter.submit(actor, changed, row.partition, subject=row.space_id, step="settings")

    async def _finish_closing(self, actor: Actor, row: DirectoryRow, budget: PurgeBudget) -> bool:
        await self.purges.purge_closed_space(actor, row, budget)
        if budget.exhausted:
            return False
        removed = SpaceRemoved(space_id=row.space_id)
        try:
            await self.submitter.submit(actor, removed, _DIRECTORY_PARTITION, subject=row.name, step="remove")
        except NotFound as error:
            _pass(error, Reason.SPACE_UNKNOWN)
        return True

    def _check_quota(self, actor: Actor, wish: SpaceWish) -> None:
        if wish.quota is not None and not is_unchecked(actor.name, actor.principals):
            raise AccessDenied("only administrators set quotas; ask one", code="access-denied.administrators")

    def _check_decided(self, partition: int, wish: SpaceWish) -> None:
        if wish.quota is not None and self.views.partition_row(partition).rules < QUOTA_RULES:
            raise Conflict(
                "nothing can bound a space before every node of the vault runs a program that decides quotas; upgrade "
                "the others, and ask again",
                code="conflict.quotas-not-decided",
            )

    def _partition_for(self, space_id: str, wish: SpaceWish) -> int:
        """Spread by hash, for ids are random; but spaces with different wishes for replication apart, where it goes."""
        partitions = self._alike(None if wish.replication is None else wish.replication.replicas)
        return partitions[int.from_bytes(blake2b(space_id.encode(), digest_size=8).digest(), "big") % len(partitions)]

    def _alike(self, replicas: int | None) -> Sequence[int]:
        """Partitions whose spaces all want as many replicas; all partitions where there are none such."""
        wishes: dict[int, set[int | None]] = {partition: set() for partition in self.views.partitions()}
        for row in self.views.spaces():
            asked = self.views.space_replicas(row.space_id)
            wishes.setdefault(row.partition, set()).add(None if asked is None else asked.replicas)
        alike = [partition for partition, found in wishes.items() if found <= {replicas}]
        return alike or self.views.partitions()

    def _state_for(self, sight: Sight, row: DirectoryRow) -> SpaceState:
        state = self._state(row)
        return state if sight.tree(row).reads(row.space_id) else state._replace(totals=None)

    def _state(self, row: DirectoryRow) -> SpaceState:
        views = self.views
        return SpaceState(
            row,
            views.space_settings(row.space_id),
            views.totals(row.space_id),
            views.space_replicas(row.space_id),
            views.space_quota(row.space_id),
        )


def _pass(error: GoVaultError, reason: Reason) -> None:
    """Another node was faster: what was asked is so."""
    if error.details.get("reason") != reason.value:
        raise error
