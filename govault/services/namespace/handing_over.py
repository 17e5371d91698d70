"""What an account owns and manages, given to another: before it is erased, or when somebody leaves."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.access import SPACE_ROLES, Level
from govault.domain.actor import Actor
from govault.domain.rows import DirectoryRow
from govault.errors import Conflict, NotFound
from govault.limits import HANDED_OVER_AT_ONCE, HANDED_OVER_PER_REQUEST, SEEN_SPACES_MAX
from govault.ports import Views
from govault.services.log.submit import Submitter
from govault.services.log.together import together
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged


class HandedOver(NamedTuple):
    """What one request gave.

    Attributes:
        entities: Files and folders that belong to the heir now, trash among them.
        spaces: Spaces whose role the heir has now, where it is more than his own was.
        more: Whether there is more to give: ask again.
    """

    entities: int
    spaces: int
    more: bool


@dataclass(frozen=True, slots=True)
class HandingOver:
    """The use case of it. What is granted at single files and folders is not given: that was for one person."""

    views: Views
    submitter: Submitter

    async def hand_over(self, actor: Actor, owner: str, heir: str) -> HandedOver:
        """Give as much as one request may, in every space. A repeat goes on where it stopped.

        Args:
            owner: An account, erased or not.
            heir: The account that gets it.

        Raises:
            Conflict: The two are one, or there is no such heir, or no more.
        """
        if owner == heir:
            raise Conflict("an account cannot be its own heir: name another", code="conflict.own-heir")
        account = self.views.accounts().account(heir)
        if account is None or account.erased:
            raise no_heir(heir)
        entities = spaces = acts = 0
        for space_id in sorted(self.views.spaces_of((owner,), SEEN_SPACES_MAX)):
            space = self.views.space(space_id)
            if space is None:
                continue
            if acts >= HANDED_OVER_PER_REQUEST:
                return HandedOver(entities, spaces, more=True)
            spaces += await self._give_role(actor, space, owner, heir)
            room = HANDED_OVER_PER_REQUEST - acts
            # What was granted to him lies between what he owns, and may be much more.
            owned = await asyncio.to_thread(self.views.owned_by, space_id, owner, room + 1)
            for first in range(0, min(room, len(owned)), HANDED_OVER_AT_ONCE):
                some = owned[first : min(room, first + HANDED_OVER_AT_ONCE)]
                await together(self._give(actor, space, entity_id, heir) for entity_id in some)
            entities += min(room, len(owned))
            acts += 1 + min(room, len(owned))
            if len(owned) > room:
                return HandedOver(entities, spaces, more=True)
        return HandedOver(entities, spaces, more=False)

    async def _give(self, actor: Actor, space: DirectoryRow, entity_id: str, heir: str) -> None:
        data = OwnerChanged(space_id=space.space_id, entity_id=entity_id, owner=heir)
        # It may have been purged meanwhile, and is nobody's then.
        with suppress(NotFound):
            await self.submitter.submit(actor, data, space.partition, subject=space.space_id, step=f"owner {entity_id}")

    async def _give_role(self, actor: Actor, space: DirectoryRow, owner: str, heir: str) -> bool:
        """Let the heir have the owner's role at a space, if it is more than his; whether he got one."""
        space_id, partition = space.space_id, space.partition
        row = self.views.files(partition).access(space_id)
        roles = {} if row is None else dict(row.grants)
        role = roles.get(owner)
        if role is None:
            return False
        gets = SPACE_ROLES[role] > SPACE_ROLES.get(roles.get(heir, ""), Level.NONE)
        if gets:
            granted = AccessGranted.model_validate(
                {"space_id": space_id, "target_id": space_id, "principal": heir, "level": role}
            )
            await self.submitter.submit(actor, granted, partition, subject=space_id, step=f"role {space_id}")
        revoked = AccessRevoked(space_id=space_id, target_id=space_id, principal=owner)
        await self.submitter.submit(actor, revoked, partition, subject=space_id, step=f"no role {space_id}")
        return gets


def no_heir(named: str) -> Conflict:
    """What is named in a request's body is not there; what its path names is."""
    return Conflict(f"there is no account {named!r} to hand over to", code="conflict.heir-unknown")
