"""Events of ``.directory``: which spaces there are, and the partition each lives in."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.events.base import EventData
from schemas.ids import SPACE_NAME_PATTERN
from schemas.topics import Topic


class _DirectoryEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.DIRECTORY


class SpaceCreated(_DirectoryEvent):
    """A name is taken for a space, and the ``.files`` partition it lives in is fixed."""

    TYPE: ClassVar[str] = "govault.directory.space_created.v1"
    space_id: str
    name: Annotated[str, Field(pattern=SPACE_NAME_PATTERN)]
    partition: int = Field(ge=0)


class SpaceRemoved(_DirectoryEvent):
    """A closed space leaves the directory; its name is free again."""

    TYPE: ClassVar[str] = "govault.directory.space_removed.v1"
    space_id: str


DirectoryEvent = SpaceCreated | SpaceRemoved
