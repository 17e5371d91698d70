"""Events of ``.files`` that say who may do what in a space. Decided under rules 2 and later; they name ids only."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.base import EventData
from schemas.topics import Topic

Principal = Annotated[str, Field(min_length=1, max_length=64)]
"""An account id (a_…), a group id (g_…), ``public``, ``users`` or ``role:admin``."""


class _AccessEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.FILES
    space_id: str
    base_revision: int | None = None
    """Of the target's grants, as its writer saw them; None: no condition."""


class AccessGranted(_AccessEvent):
    """A principal gets a level at a file or folder (read, write) or a role at the space (viewer, editor, manager)."""

    TYPE: ClassVar[str] = "govault.files.access_granted.v1"
    target_id: str
    principal: Principal
    level: Literal["read", "write", "viewer", "editor", "manager"]


class AccessRevoked(_AccessEvent):
    """What was granted to a principal at a target is taken back. What it has from above stays."""

    TYPE: ClassVar[str] = "govault.files.access_revoked.v1"
    target_id: str
    principal: Principal


class OwnerChanged(_AccessEvent):
    """A file or folder belongs to another account."""

    TYPE: ClassVar[str] = "govault.files.owner_changed.v1"
    entity_id: str
    owner: Principal
