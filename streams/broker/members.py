"""What passes between a consumer group and those who are in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum

from streams.broker.codes import Code


class State(Enum):
    """Kafka's names, as DescribeGroups prints them."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


Protocols = tuple[tuple[str, bytes], ...]


@dataclass(slots=True, frozen=True)
class Joining:
    """What a member asks for with JoinGroup."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_s: float
    rebalance_s: float
    protocol_type: str
    protocols: Protocols
    needs_member_id_first: bool
    """Whether this version first learns its id and joins with a second request (KIP-394)."""
    may_skip_assignment: bool


@dataclass(slots=True, frozen=True)
class Joined:
    """The answer to JoinGroup."""

    error: Code
    member_id: str
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    skip_assignment: bool = False
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass(slots=True, frozen=True)
class Synced:
    """The answer to SyncGroup."""

    error: Code
    assignment: bytes = b""
    protocol_type: str | None = None
    protocol: str | None = None


@dataclass(slots=True)
class Member:
    """Somebody in the group."""

    id: str
    request: Joining
    assignment: bytes = b""
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[Synced] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has a request open, which is as good as a heartbeat."""
        return is_open(self.joining) or is_open(self.syncing)

    def metadata_of(self, protocol: str | None) -> bytes:
        return next((data for name, data in self.request.protocols if name == protocol), b"")


def is_open(future: asyncio.Future[Joined] | asyncio.Future[Synced] | None) -> bool:
    """Whether somebody still waits for the answer."""
    return future is not None and not future.done()
