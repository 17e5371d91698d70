"""Who may do what: granted, taken back, shown and explained. The log decides who may do that; this only asks it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from govault.domain.access import ENTITY_LEVELS, SPACE_ROLES, Level, Step, is_unchecked, steps_at
from govault.domain.actor import ADMIN_ROLE, Actor
from govault.domain.apply_access import ACCESS_RULES
from govault.domain.position import Outcome
from govault.domain.principals import GRANTABLE, is_grantable, principals_of
from govault.domain.rows import AccessRow, DirectoryRow, Entity, FileRow
from govault.errors import Conflict, InvalidRequest, NotFound
from govault.limits import PATH_DEPTH_MAX
from govault.ports import Views
from govault.services.log.submit import Submitter
from govault.services.namespace.targets import Target, Targets
from schemas.events import EventData
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.ids import is_account_id, is_group_id


class AtSpace(NamedTuple):
    """A space by its name: what is granted there is a role, and holds for all that is in it."""

    name: str


Where = AtSpace | Target


class Granted(NamedTuple):
    """What is said of access at one space, folder or file.

    Attributes:
        path: In its space; empty for the space itself.
        owner: The account that it belongs to; empty: administrators. Spaces have none.
    """

    target_id: str
    kind: Literal["space", "folder", "file"]
    path: str
    owner: str
    grants: tuple[tuple[str, str], ...]
    revision: int


class Shown(NamedTuple):
    """Everything that counts for access at a place.

    Attributes:
        decided: Whether the space decides access yet: before that only administrators come in.
        here: What is granted at the place itself.
        above: The same of the folders above it and of the space, nearest first.
    """

    space: DirectoryRow
    decided: bool
    here: Granted
    above: tuple[Granted, ...]


class Explained(NamedTuple):
    """Why somebody may do what he may at a place.

    Attributes:
        counted_as: Every principal that he counts as when he asks.
        administers: Whether he may do everything whatever is granted.
        steps: What counted, each with the place that says it, nearest first.
    """

    shown: Shown
    principal: str
    counted_as: tuple[str, ...]
    administers: bool
    level: Level
    steps: tuple[tuple[Granted, Step], ...]


class Changed(NamedTuple):
    """What was changed, and the revision of what is granted there since."""

    target_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Access:
    """The use cases of grants and owners."""

    views: Views
    targets: Targets
    submitter: Submitter

    async def grant(
        self, actor: Actor, where: Where, principal: str, level: str, base_revision: int | None = None
    ) -> Changed:
        """Give a principal a level at a file or folder, or a role at a space, instead of what it had there.

        Args:
            base_revision: Only where this is still the revision of what is granted there.

        Raises:
            InvalidRequest: It is no principal, or no level (role) of such a place.
            NotFound: No such place, account or group, as far as the actor may know.
            AccessDenied: He may read it, but does not own it or manage its space.
            PreconditionFailed: Something else was granted there since.
            Conflict: As much is granted there as can be; or the space does not decide access yet.
        """
        if (done := self._repeated(actor)) is not None:
            return done
        space, entity, _ = self._find(actor, where)
        words = SPACE_ROLES if entity is None else ENTITY_LEVELS
        if level not in words:
            at = "a space" if entity is None else "a file or folder"
            raise InvalidRequest(f"{level!r} cannot be granted at {at}; {', '.join(words)} can", rule="level")
        self._check_principal(principal)
        target_id = space.space_id if entity is None else entity.entity_id
        data = AccessGranted.model_validate(
            {
                "space_id": space.space_id,
                "target_id": target_id,
                "principal": principal,
                "level": level,
                "base_revision": base_revision,
            }
        )
        return await self._submit(actor, space, data)

    async def revoke(self, actor: Actor, where: Where, principal: str, base_revision: int | None = None) -> Changed:
        """Take back what a principal has at a place; what it has from above stays. Nothing there is fine.

        Raises:
            InvalidRequest: It is no principal.
            NotFound, AccessDenied, PreconditionFailed, Conflict: As for a grant.
        """
        if (done := self._repeated(actor)) is not None:
            return done
        space, entity, _ = self._find(actor, where)
        if not is_grantable(principal) and principal != ADMIN_ROLE:
            raise _no_principal(principal)
        target_id = space.space_id if entity is None else entity.entity_id
        data = AccessRevoked(
            space_id=space.space_id, target_id=target_id, principal=principal, base_revision=base_revision
        )
        return await self._submit(actor, space, data)

    async def change_owner(self, actor: Actor, target: Target, owner: str, base_revision: int | None = None) -> Changed:
        """Give a file or folder to another account.

        Raises:
            InvalidRequest: The owner is no account.
            NotFound, AccessDenied, PreconditionFailed, Conflict: As for a grant.
        """
        if (done := self._repeated(actor)) is not None:
            return done
        located = self.targets.find(actor, target)
        if not is_account_id(owner):
            raise InvalidRequest(f"{owner[:80]!r} cannot own: only an account (a_…) does", rule="owner")
        self._check_known(owner)
        data = OwnerChanged(
            space_id=located.space.space_id,
            entity_id=located.entity.entity_id,
            owner=owner,
            base_revision=base_revision,
        )
        return await self._submit(actor, located.space, data)

    def show(self, actor: Actor, where: Where) -> Shown:
        """What is granted at a place and above it.

        Raises:
            NotFound: No such place, as far as the actor may know.
            AccessDenied: He may read it, but does not own it or manage its space.
        """
        space, entity, path = self._find(actor, where, Level.OWNER)
        return self._shown(space, entity, path)

    def explain(self, actor: Actor, where: Where, principal: str | None = None) -> Explained:
        """Why somebody may do what he may. Of himself (None) everybody may ask who may read the place.

        Raises:
            InvalidRequest: It is no principal.
            NotFound: No such place or principal, as far as the actor may know.
            AccessDenied: He asks of others, and does not own it or manage its space.
        """
        own = principal is None or principal == actor.name
        space, entity, path = self._find(actor, where, Level.READ if own else Level.OWNER)
        if own:
            name, counted_as = actor.name, actor.principals
        else:
            assert principal is not None
            name = principal
            self._check_principal(name, gone_too=True)
            counted_as = principals_of(self.views.accounts(), name)
        shown = self._shown(space, entity, path)
        places = {place.target_id: place for place in (shown.here, *shown.above)}
        files = self.views.files(space.partition)
        found = steps_at(files, space.space_id, entity, counted_as) if shown.decided else ()
        steps = tuple((places[step.target_id], step) for step in found)
        administers = is_unchecked(name, counted_as)
        level = Level.OWNER if administers else max((step.level for _, step in steps), default=Level.NONE)
        return Explained(shown, name, counted_as, administers, level, steps)

    def _find(self, actor: Actor, where: Where, need: Level = Level.READ) -> tuple[DirectoryRow, Entity | None, str]:
        if isinstance(where, AtSpace):
            return self.targets.space_for(actor, where.name, need), None, ""
        located = self.targets.find(actor, where, need)
        return located.space, located.entity, located.path

    def _repeated(self, actor: Actor) -> Changed | None:
        """What this very request did before: who has given away what he owned may still ask what became of it."""
        repeat = self.submitter.repeated(actor)
        return None if repeat is None or repeat.fact("target_id") is None else _changed(repeat)

    def _decides(self, space: DirectoryRow) -> bool:
        return self.views.partition_row(space.partition).rules >= ACCESS_RULES

    async def _submit(self, actor: Actor, space: DirectoryRow, data: EventData) -> Changed:
        if not self._decides(space):
            raise Conflict(
                f"the space {space.name!r} decides no access yet, so nothing can be granted: its rules are older than "
                f"{ACCESS_RULES}, which are activated once every node of the vault runs a program that knows them",
                code="conflict.access-not-decided",
                space=space.name,
            )
        outcome = await self.submitter.submit(actor, data, space.partition, subject=space.space_id)
        return _changed(outcome)

    def _check_principal(self, principal: str, *, gone_too: bool = False) -> None:
        if not is_grantable(principal):
            raise _no_principal(principal)
        self._check_known(principal, gone_too=gone_too)

    def _check_known(self, principal: str, *, gone_too: bool = False) -> None:
        reader = self.views.accounts()
        if is_account_id(principal):
            account = reader.account(principal)
            if account is None or (account.erased and not gone_too):
                raise NotFound(f"there is no account {principal}", code="not-found.account-unknown")
        if is_group_id(principal):
            group = reader.group(principal)
            if group is None or (group.removed and not gone_too):
                raise NotFound(f"there is no group {principal}", code="not-found.group-unknown")

    def _shown(self, space: DirectoryRow, entity: Entity | None, path: str) -> Shown:
        files = self.views.files(space.partition)
        places: list[Granted] = []
        for _ in range(PATH_DEPTH_MAX + 1):
            if entity is None:
                break
            row = files.access(entity.entity_id) or AccessRow(entity.entity_id, space.space_id)
            kind: Literal["folder", "file"] = "file" if isinstance(entity, FileRow) else "folder"
            places.append(Granted(entity.entity_id, kind, path, entity.owner, row.grants, row.revision))
            path = path.rpartition("/")[0]
            entity = None if entity.parent_id == space.space_id else files.entity(entity.parent_id)
        row = files.access(space.space_id) or AccessRow(space.space_id, space.space_id)
        places.append(Granted(space.space_id, "space", "", "", row.grants, row.revision))
        return Shown(space, self._decides(space), places[0], tuple(places[1:]))


def _changed(outcome: Outcome) -> Changed:
    return Changed(str(outcome.fact("target_id")), int(str(outcome.fact("revision"))))


def _no_principal(principal: str) -> InvalidRequest:
    return InvalidRequest(f"{principal[:80]!r} is no principal: name {GRANTABLE}", rule="principal")
