"""Groups of accounts: made by administrators, looked after by their managers."""

from collections.abc import Sequence
from dataclasses import dataclass

from govault.domain.account_rows import GroupMemberRow, GroupRow
from govault.domain.actor import Actor
from govault.errors import AccessDenied, NotFound
from govault.ports import Clock, Randomness, Views
from govault.services.log.submit import Submitter
from schemas.events.accounts import GroupChanged, GroupCreated, GroupMembersChanged, GroupRemoved
from schemas.ids import is_group_id, new_group_id

_PARTITION = 0


@dataclass(frozen=True, slots=True)
class Groups:
    """The acts, and reads of what there is."""

    views: Views
    submitter: Submitter
    clock: Clock
    randomness: Randomness

    def find(self, ref: str) -> GroupRow:
        """A group by its id or its name.

        Raises:
            NotFound: None.
        """
        reader = self.views.accounts()
        row = reader.group(ref) if is_group_id(ref) else reader.group_named(ref)
        if row is None or row.removed:
            raise NotFound(f"there is no group {ref[:100]!r}", code="not-found.group-unknown")
        return row

    def listed(self, after: str, limit: int) -> Sequence[GroupRow]:
        """Groups by id, behind one; removed ones too."""
        return self.views.accounts().groups(after, limit)

    def members(self, group: GroupRow, after: str, limit: int) -> Sequence[GroupMemberRow]:
        """Who is in a group, by account id."""
        return self.views.accounts().members(group.group_id, after, limit)

    def is_member(self, group: GroupRow, account_id: str) -> bool:
        """Whether an account is in a group."""
        return self.views.accounts().membership(account_id, group.group_id) is not None

    async def create(self, actor: Actor, name: str, description: str) -> GroupRow:
        """Make a group.

        Raises:
            Conflict: Another has the name.
            AccessDenied: The actor is no administrator.
        """
        group_id = new_group_id(self.clock.time_ms(), self.randomness.token(10))
        created = GroupCreated(group_id=group_id, name=name, description=description)
        outcome = await self.submitter.submit(actor, created, _PARTITION, subject=group_id)
        # A repeat made none: its group is the first one.
        return self.find(str(outcome.fact("group_id")))

    async def change(
        self, actor: Actor, group: GroupRow, name: str | None, description: str | None, base_revision: int | None
    ) -> GroupRow:
        """Rename or describe a group.

        Raises:
            Conflict: Another has the name.
            PreconditionFailed: It has changed since ``base_revision``.
            AccessDenied: The actor neither manages it nor is an administrator.
        """
        self._check_scope(actor, group)
        changed = GroupChanged(group_id=group.group_id, base_revision=base_revision, name=name, description=description)
        await self.submitter.submit(actor, changed, _PARTITION, subject=group.group_id)
        return self.find(group.group_id)

    async def remove(self, actor: Actor, group: GroupRow) -> None:
        """Let a group count no more.

        Raises:
            AccessDenied: The actor is no administrator.
        """
        await self.submitter.submit(actor, GroupRemoved(group_id=group.group_id), _PARTITION, subject=group.group_id)

    async def put_member(self, actor: Actor, group: GroupRow, account_id: str, *, manager: bool) -> None:
        """Take an account in, or change whether it manages the group.

        Raises:
            AccessDenied: The actor neither manages it nor is an administrator.
        """
        self._check_scope(actor, group)
        named = (account_id,)
        changed = GroupMembersChanged(
            group_id=group.group_id, members=() if manager else named, managers=named if manager else ()
        )
        await self.submitter.submit(actor, changed, _PARTITION, subject=group.group_id)

    async def remove_member(self, actor: Actor, group: GroupRow, account_id: str) -> None:
        """Let an account go; everybody may leave.

        Raises:
            AccessDenied: The actor is neither it, nor a manager, nor an administrator.
        """
        if account_id != actor.name:
            self._check_scope(actor, group)
        changed = GroupMembersChanged(group_id=group.group_id, removed=(account_id,))
        await self.submitter.submit(actor, changed, _PARTITION, subject=group.group_id)

    def _check_scope(self, actor: Actor, group: GroupRow) -> None:
        """Let an administrator's API token do only what it is for: the log sees whose it is, and not its scopes.

        Raises:
            AccessDenied: It is not for administration, and its account does not manage the group.
        """
        if actor.scopes is None or actor.is_admin:
            return
        member = self.views.accounts().membership(actor.name, group.group_id)
        if member is None or not member.manager:
            raise AccessDenied("this API token manages no group that its account does not", code="access-denied.scope")
