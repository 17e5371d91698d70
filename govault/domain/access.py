"""Who may do what with a file, folder or space: one pure answer from the rows of the space's partition.

Access comes down the tree: what is granted at a folder holds for everything in it. Owners are who made a file or
folder; a space has roles instead. Nothing is scanned: a check reads the entity, the folders above it, and one row of
grants each.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, Protocol

from govault.domain.actor import ADMIN_ROLE, OPERATOR
from govault.domain.rows import AccessRow, Entity
from govault.limits import PATH_DEPTH_MAX

_SYSTEM = "system:"


class Level(IntEnum):
    """What somebody may do with something; each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    OWNER = 3


ENTITY_LEVELS = {"read": Level.READ, "write": Level.WRITE}
"""What can be granted at a file or folder."""
SPACE_ROLES = {"viewer": Level.READ, "editor": Level.WRITE, "manager": Level.OWNER}
"""What can be granted at a space."""


class AccessReader(Protocol):
    """What a check reads."""

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder, live, trash or inside trash."""

    def access(self, target_id: str) -> AccessRow | None:
        """What is granted at a space, file or folder; None: nothing ever was."""


class Step(NamedTuple):
    """One thing that counts for a check: where it is said, of whom, and what follows."""

    target_id: str
    principal: str
    level: Level
    word: str
    """``owner``, or the level or role as granted."""


def is_unchecked(actor: str, principals: tuple[str, ...]) -> bool:
    """Whether somebody may do everything: administrators, the operator, and the node at its own work."""
    return actor == OPERATOR or actor.startswith(_SYSTEM) or ADMIN_ROLE in principals


def steps_at(reader: AccessReader, space_id: str, entity: Entity | None, principals: tuple[str, ...]) -> Iterator[Step]:
    """Everything that counts for somebody at a file or folder (None: the space itself), from there up to the space."""
    above = entity
    for _ in range(PATH_DEPTH_MAX + 1):
        if above is None:
            break
        yield from _steps_here(reader, above, principals)
        above = None if above.parent_id == space_id else reader.entity(above.parent_id)
    yield from _granted(reader, space_id, principals, SPACE_ROLES)


def level_at(
    reader: AccessReader, space_id: str, entity: Entity | None, actor: str, principals: tuple[str, ...]
) -> Level:
    """The most that somebody may do with a file or folder (None: the space itself)."""
    if is_unchecked(actor, principals):
        return Level.OWNER
    best = Level.NONE
    for step in steps_at(reader, space_id, entity, principals):
        if step.level > best:
            best = step.level
            if best is Level.OWNER:
                break
    return best


def is_readable_here(reader: AccessReader, entity: Entity, principals: tuple[str, ...]) -> bool:
    """Whether somebody may read a file or folder for what is said at itself; for who asks of many in one tree."""
    return any(step.level >= Level.READ for step in _steps_here(reader, entity, principals))


def _steps_here(reader: AccessReader, entity: Entity, principals: tuple[str, ...]) -> Iterator[Step]:
    if entity.owner and entity.owner in principals:
        yield Step(entity.entity_id, entity.owner, Level.OWNER, "owner")
    yield from _granted(reader, entity.entity_id, principals, ENTITY_LEVELS)


def _granted(
    reader: AccessReader, target_id: str, principals: tuple[str, ...], levels: dict[str, Level]
) -> Iterator[Step]:
    row = reader.access(target_id)
    if row is not None:
        for principal, word in row.grants:
            if principal in principals:
                yield Step(target_id, principal, levels.get(word, Level.NONE), word)
