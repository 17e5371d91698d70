"""What a request is about: a file or folder named by id, by hash or by path, found among what lives now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from govault.domain.access import Level, is_unchecked, level_at
from govault.domain.actor import Actor
from govault.domain.apply_access import ACCESS_RULES
from govault.domain.apply_shares import may_drop
from govault.domain.rows import DirectoryRow, Entity, FileRow, FolderRow
from govault.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from govault.limits import CANDIDATES_BY_HASH_MAX, PAGE_DEFAULT
from govault.ports import Views
from schemas.ids import is_entity_id, is_sha256


class ByRef(NamedTuple):
    """An id (``f_`` + ULID) or the SHA-256 of a content."""

    ref: str


class ByPath(NamedTuple):
    """A normalised path in a space; empty for its top."""

    space: str
    path: str


Target = ByRef | ByPath


class Located(NamedTuple):
    """Something alive, and where it is."""

    space: DirectoryRow
    entity: Entity
    path: str


Guard = Callable[[Located], int | None]
"""Checks a condition on what was found, and tells the metadata revision that it was found at, if the condition knows.

Raises:
    PreconditionFailed: It does not hold.
"""


def only_folder(guard: Guard | None = None) -> Guard:
    """A guard that also refuses files.

    Raises:
        Conflict: From the guard: it is a file.
    """

    def check(located: Located) -> int | None:
        if not isinstance(located.entity, FolderRow):
            raise Conflict("it is a file, not a folder", code="conflict.not-a-folder", id=located.entity.entity_id)
        return None if guard is None else guard(located)

    return check


def only_file(guard: Guard | None = None) -> Guard:
    """A guard that also refuses folders.

    Raises:
        Conflict: From the guard: it is a folder.
    """

    def check(located: Located) -> int | None:
        if not isinstance(located.entity, FileRow):
            raise Conflict("it is a folder, not a file", code="conflict.not-a-file", id=located.entity.entity_id)
        return None if guard is None else guard(located)

    return check


@dataclass(frozen=True, slots=True)
class Targets:
    """Finds what requests name."""

    views: Views

    def space(self, name: str) -> DirectoryRow:
        """The open space of a name.

        Raises:
            NotFound: None has it, or it is being removed.
        """
        row = self.views.space_named(name)
        if row is None:
            raise no_space(name)
        settings = self.views.space_settings(row.space_id)
        if settings is not None and settings.closed:
            raise NotFound(f"the space {name!r} is being removed", code="not-found.space-closed", space=name)
        return row

    def space_names(self, space_ids: Iterable[str]) -> dict[str, str]:
        """The names of spaces; empty for one that is gone."""
        found = {space_id: self.views.space(space_id) for space_id in set(space_ids)}
        return {space_id: "" if row is None else row.name for space_id, row in found.items()}

    def space_for(self, actor: Actor, name: str, need: Level = Level.READ) -> DirectoryRow:
        """A space with which as a whole the actor may do so much.

        Raises:
            NotFound: None of that name, or not for the actor to know of: the two look alike.
            AccessDenied: He may read it, and not more.
        """
        row = self.views.space_named(name)
        if row is not None:
            self.check(actor, row, None, need)
        return self.space(name)

    def place(self, actor: Actor, name: str, path: str) -> DirectoryRow:
        """The space of a path at which the actor may write: what stands there, or the last folder on the way.

        Raises:
            NotFound: No such space, or the actor may not even read there.
            AccessDenied: He may read there, and not more.
        """
        row = self.views.space_named(name)
        if row is not None and not is_unchecked(actor.name, actor.principals):
            deepest = self._deepest(row, path)
            # The door of links has looked at the time, and the log looks again.
            if not may_drop(self.views.files(row.partition), row.space_id, 0, actor.name, deepest):
                self.check(actor, row, deepest, Level.WRITE)
        return self.space(name)

    def check(self, actor: Actor, space: DirectoryRow, entity: Entity | None, need: Level) -> None:
        """Let pass who may do so much with a file or folder (None: the space).

        Raises:
            NotFound: The actor may not even read it: for him there is no such space.
            AccessDenied: He may read it, and not more.
        """
        level = self.level_in(actor, space, entity)
        if level >= need:
            return
        if level >= Level.READ:
            raise AccessDenied(
                "you may read this, but not do that; ask its owner for more", code="access-denied.access-denied"
            )
        raise no_space(space.name)

    def find(self, actor: Actor, target: Target, need: Level = Level.READ) -> Located:
        """What a target names now.

        Args:
            need: What the actor has to be allowed.

        Raises:
            NotFound: Nothing that lives, or nothing that the actor may read: the two look alike.
            AccessDenied: He may read it, and not more.
            Conflict: A hash that several files have; ``files`` in details lists them.
            InvalidRequest: The reference has no known form, or names the top of a space.
        """
        located = self._found(actor, target)
        if need > Level.READ:  # What he may not read was not found.
            self.check(actor, located.space, located.entity, need)
        return located

    def file(self, actor: Actor, target: Target, need: Level = Level.READ) -> tuple[Located, FileRow]:
        """The same, where only a file will do.

        Raises:
            Conflict: It is a folder.
        """
        located = self.find(actor, target, need)
        only_file()(located)
        assert isinstance(located.entity, FileRow)
        return located, located.entity

    def retained(self, actor: Actor, target: Target, need: Level = Level.READ) -> tuple[DirectoryRow, Entity]:
        """A file or folder that still exists, trash included.

        Raises:
            NotFound: It never was, or was purged, or the actor may not read it.
            AccessDenied: He may read it, and not more.
        """
        if isinstance(target, ByRef) and is_entity_id(target.ref):
            entity = self._readable(actor, self.views.entity(target.ref))
            space = None if entity is None else self.views.space(entity.space_id)
            if entity is None or space is None:
                raise NotFound(f"there is no file or folder {target.ref}", code="not-found.entity-unknown")
            self.check(actor, space, entity, need)
            return space, entity
        located = self.find(actor, target, need)
        return located.space, located.entity

    def level(self, actor: Actor, entity: Entity) -> Level:
        """What the actor may do with a file or folder, in the state of now.

        Only administrators may anything in a partition whose rules do not decide access yet: no door gives more than
        the log would.
        """
        if is_unchecked(actor.name, actor.principals):
            return Level.OWNER
        space = self.views.space(entity.space_id)
        return Level.NONE if space is None else self.level_in(actor, space, entity)

    def files_with(self, actor: Actor, sha256: str, limit: int) -> list[tuple[FileRow, int]]:
        """Live files with a version of this content that the actor may read, each with its newest such version.

        For others than administrators it looks at a bounded number of files, and may miss some behind them.
        """
        if is_unchecked(actor.name, actor.principals):
            return list(self.views.files_with_hash(sha256, limit))
        found = self.views.files_with_hash(sha256, CANDIDATES_BY_HASH_MAX)
        return list(islice((pair for pair in found if self.level(actor, pair[0]) >= Level.READ), limit))

    def level_in(self, actor: Actor, space: DirectoryRow, entity: Entity | None = None) -> Level:
        """The same in a space that is known; of the space itself where ``entity`` is None."""
        if is_unchecked(actor.name, actor.principals):
            return Level.OWNER
        if self.views.partition_row(space.partition).rules < ACCESS_RULES:
            return Level.NONE
        return level_at(self.views.files(space.partition), space.space_id, entity, actor.name, actor.principals)

    def _readable(self, actor: Actor, entity: Entity | None) -> Entity | None:
        return entity if entity is not None and self.level(actor, entity) >= Level.READ else None

    def located(self, entity_id: str) -> Located:
        """A live entity by its id.

        Raises:
            NotFound: It does not live.
        """
        return self._located(self.views.entity(entity_id), f"there is no file or folder {entity_id}")

    def _found(self, actor: Actor, target: Target) -> Located:
        if isinstance(target, ByPath):
            return self._at(actor, target)
        if is_entity_id(target.ref):
            found = self._readable(actor, self.views.entity(target.ref))
            in_trash = (
                f"{target.ref} is in the trash; `govault trash ls` lists it, `govault trash restore` brings it back"
            )
            return self._located(found, f"there is no file or folder {target.ref}", in_trash)
        if is_sha256(target.ref):
            return self._only_file_with(actor, target.ref)
        raise InvalidRequest(
            f"{target.ref[:80]!r} is neither an id (f_…) nor a SHA-256 (64 lower-case hex digits)", rule="reference"
        )

    def _deepest(self, space: DirectoryRow, path: str) -> Entity | None:
        """The last thing on the way that exists; None: the space's top."""
        found: Entity | None = None
        for name in path.split("/") if path else ():
            parent_id = space.space_id if found is None else found.entity_id
            entry = self.views.entry(space.space_id, parent_id, name)
            if entry is None:
                break
            found = self.views.entity(entry.entity_id)
            if not isinstance(found, FolderRow):
                break
        return found

    def _at(self, actor: Actor, target: ByPath) -> Located:
        space = self.views.space_named(target.space)
        found = self.views.resolve(space.space_id, target.path) if space is not None and target.path else None
        entity = self._readable(actor, found)
        if space is None or (entity is None and self.level_in(actor, space) < Level.READ):
            # Who may not read the space learns nothing of it, not even that it is there.
            raise no_space(target.space)
        if not target.path:
            raise InvalidRequest(
                "the top of a space cannot be moved, copied, changed or removed; name something in it", rule="top"
            )
        self.space(target.space)
        if entity is None:
            raise NotFound(
                f"there is nothing at {target.path!r} in the space {target.space!r}",
                code="not-found.entity-unknown",
                space=target.space,
                path=target.path,
            )
        return Located(space, entity, target.path)

    def _located(self, entity: Entity | None, message: str, in_trash: str = "") -> Located:
        space = None if entity is None else self.views.space(entity.space_id)
        path = None if entity is None or space is None else self.views.path_of(entity)
        if entity is None or space is None or path is None:
            why = message if entity is None else in_trash or message
            raise NotFound(why, code="not-found.entity-unknown")
        settings = self.views.space_settings(space.space_id)
        if settings is not None and settings.closed:
            raise NotFound(message, code="not-found.space-closed")
        return Located(space, entity, path)

    def _only_file_with(self, actor: Actor, sha256: str) -> Located:
        found = {file.entity_id: file for file, _ in self.files_with(actor, sha256, PAGE_DEFAULT)}
        if not found:
            raise NotFound(f"no file has a content with the SHA-256 {sha256}", code="not-found.content-unknown")
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} files have a content with the SHA-256 {sha256}; name one by its id",
                code="conflict.ambiguous-reference",
                files=[
                    {"id": file.entity_id, "path": self.views.path_of(file), "space_id": file.space_id}
                    for file in found.values()
                ],
            )
        return self._located(next(iter(found.values())), f"no file has a content with the SHA-256 {sha256}")


def no_space(name: str) -> NotFound:
    """What is said of a space that is not there, or not for the actor to know of."""
    return NotFound(f"there is no space {name!r}", code="not-found.space-unknown", space=name)
