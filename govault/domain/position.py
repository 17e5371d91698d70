"""Where an event stands in the log, and what came of it."""

from enum import StrEnum
from typing import NamedTuple

from schemas.topics import Topic


class Position(NamedTuple):
    """A place in the log. Comparable within one partition only."""

    topic: Topic
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic.value}/{self.partition}@{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """The position that ``str(position)`` wrote.

        Raises:
            ValueError: It is not one.
        """
        topic, _, rest = text.partition("/")
        partition, _, offset = rest.partition("@")
        return cls(Topic(topic), int(partition), int(offset))


class Verdict(StrEnum):
    """What ``apply`` decided."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    """Accepted, and there was nothing to change (identical content, a folder that exists)."""
    REFUSED = "refused"


class Outcome(NamedTuple):
    """The decision on one event, kept for repeats and told to the writer.

    Attributes:
        reason: Of a refusal: a stable word, one of ``govault.domain.reasons``; otherwise empty.
        facts: JSON-able facts, e.g. ``file_id``, ``version``, ``created`` or the current ``etag``.
        position: Where the event stands (of a repeat: the first one).
    """

    verdict: Verdict
    position: Position
    reason: str = ""
    facts: tuple[tuple[str, str | int | bool | None], ...] = ()

    def fact(self, name: str) -> str | int | bool | None:
        """One fact, or None."""
        return dict(self.facts).get(name)
