"""Committed offsets of consumer groups, and who a group belongs to. Changes go through the write-ahead log."""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True, frozen=True)
class Committed:
    """Where a group will go on reading."""

    offset: int
    leader_epoch: int
    metadata: str
    time_ms: int


@dataclass(slots=True)
class GroupOffsets:
    """The offsets of one group."""

    owned: bool = False
    """Whether a full principal used the group; read-only ones may then not touch it."""
    offsets: dict[Place, Committed] = field(default_factory=dict)


class Offsets:
    """All groups' offsets as they are durably committed."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupOffsets] = {}

    def get(self, group: str) -> GroupOffsets | None:
        return self.groups.get(group)

    @property
    def count(self) -> int:
        return sum(len(group.offsets) for group in self.groups.values())

    def apply(self, change: bytes) -> None:
        """Take over a durable change; applying it again changes nothing."""
        row = json.loads(change)
        if (topic := row.get("topic_gone")) is not None:
            self._forget_topics(lambda name: name == topic)
            return
        name = row["group"]
        if row.get("gone") or (row.get("taken_over") and not self._is_owned(name)):
            self.groups.pop(name, None)
            return
        if row.get("taken_over"):
            return
        group = self.groups.setdefault(name, GroupOffsets())
        owned = row.get("owned", False)
        if group.owned and not owned and "set" in row:
            return  # A reader's, which came in before its owner's was durable.
        if owned and not group.owned:
            group.offsets.clear()
        group.owned = group.owned or owned
        for topic, partition, *rest in row.get("set", ()):
            group.offsets[topic, partition] = Committed(*rest)
        for topic, partition in row.get("unset", ()):
            group.offsets.pop((topic, partition), None)

    def keep_topics(self, known: Container[str]) -> int:
        """Forget what was committed in other topics; how many offsets that were.

        A crash while a topic was removed leaves them, and they mean nothing in a later topic of that name.
        """
        return self._forget_topics(lambda name: name not in known)

    def _forget_topics(self, is_gone: Callable[[str], bool]) -> int:
        count = 0
        for group in self.groups.values():
            for place in [place for place in group.offsets if is_gone(place[0])]:
                del group.offsets[place]
                count += 1
        return count

    def _is_owned(self, name: str) -> bool:
        group = self.groups.get(name)
        return group is not None and group.owned

    def snapshot(self) -> list[Any]:
        """JSON-able state."""
        return [
            [name, group.owned, [[*place, *_row(c)] for place, c in group.offsets.items()]]
            for name, group in self.groups.items()
        ]

    def restore(self, snapshot: list[Any]) -> None:
        """Take over a `snapshot`."""
        for name, owned, rows in snapshot:
            offsets = {(topic, partition): Committed(*rest) for topic, partition, *rest in rows}
            self.groups[name] = GroupOffsets(owned, offsets)


def _row(committed: Committed) -> tuple[int, int, str, int]:
    return committed.offset, committed.leader_epoch, committed.metadata, committed.time_ms


def commit_change(group: str, *, owned: bool, offsets: dict[Place, Committed]) -> bytes:
    """The change that commits offsets."""
    rows = [[*place, *_row(committed)] for place, committed in offsets.items()]
    return json.dumps({"group": group, "owned": owned, "set": rows}).encode()


def unset_change(group: str, places: list[Place]) -> bytes:
    """The change that forgets some offsets."""
    return json.dumps({"group": group, "unset": places}).encode()


def gone_change(group: str) -> bytes:
    """The change that forgets a group."""
    return json.dumps({"group": group, "gone": True}).encode()


def taken_over_change(group: str) -> bytes:
    """The change that forgets a group unless a full principal has committed in it before this change."""
    return json.dumps({"group": group, "taken_over": True}).encode()


def topic_gone_change(topic: str) -> bytes:
    """The change that forgets what all groups have committed in a topic, also what is still under way."""
    return json.dumps({"topic_gone": topic}).encode()
