"""One consumer group: who is in it, which generation, who reads what (Kafka's classic protocol).

A rebalance begins at once when somebody joins, leaves or dies, and ends as soon as every member
has joined again; whoever has not by then is put out (a static member keeps its place until its
session ends). The leader computes the assignment; the broker only hands it on.

Membership is not stored, offsets are: the members of an embedded log usually end with it, and
waiting for the sessions of those that are gone would hold up every start. Members that outlive
the log's process are told that they are unknown and join again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.broker.codes import Code
from streams.broker.limits import GROUP_MEMBERS_MAX
from streams.broker.members import Joined, Joining, Member, State, Synced, is_open


@dataclass(slots=True)
class Group:
    """The state machine of one group; everything happens on the event loop."""

    id: str
    on_empty: Callable[[Group], None]
    owned: bool = False
    state: State = State.EMPTY
    generation: int = 0
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    static: dict[str, str] = field(default_factory=dict)
    """Instance id → member id."""
    awaited_ids: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    """Member ids that were given out and have not joined yet."""
    rebalance_timer: asyncio.TimerHandle | None = None

    # Joining ---------------------------------------------------------------------------------

    def join(self, asked: Joining) -> Joined | asyncio.Future[Joined]:
        """Take part in the next generation."""
        if refused := self._refuses(asked):
            return Joined(refused, asked.member_id)
        if asked.member_id:
            return self._join_known(asked)
        known = self.static.get(asked.instance_id) if asked.instance_id is not None else None
        if known is not None:
            return self._replace_static(asked, self.members[known])
        new_id = f"{asked.client_id or 'member'}-{uuid.uuid4()}"
        if asked.instance_id is None and asked.needs_member_id_first:
            loop = asyncio.get_running_loop()
            self.awaited_ids[new_id] = loop.call_later(asked.session_s, self._forget_awaited, new_id)
            return Joined(Code.MEMBER_ID_REQUIRED, new_id)
        return self._add(new_id, asked)

    def _refuses(self, asked: Joining) -> Code | None:
        if not asked.protocol_type or not asked.protocols:
            return Code.INCONSISTENT_GROUP_PROTOCOL
        others = [m for m in self.members.values() if m.id != asked.member_id]
        if others:
            if asked.protocol_type != self.protocol_type:
                return Code.INCONSISTENT_GROUP_PROTOCOL
            if not self._common(others) & {name for name, _ in asked.protocols}:
                return Code.INCONSISTENT_GROUP_PROTOCOL
        is_new = asked.member_id not in self.members and asked.instance_id not in self.static
        if is_new and len(self.members) + len(self.awaited_ids) >= GROUP_MEMBERS_MAX:
            return Code.GROUP_MAX_SIZE_REACHED
        return None

    @staticmethod
    def _common(members: list[Member]) -> set[str]:
        return set.intersection(*({name for name, _ in m.request.protocols} for m in members))

    def _join_known(self, asked: Joining) -> Joined | asyncio.Future[Joined]:
        if asked.member_id in self.awaited_ids:
            self.awaited_ids.pop(asked.member_id).cancel()
            return self._add(asked.member_id, asked)
        if error := self.check_member(asked.member_id, asked.instance_id):
            return Joined(error, asked.member_id)
        member = self.members[asked.member_id]
        changed = member.request.protocols != asked.protocols
        member.request = asked
        is_leader_again = self.state is State.STABLE and member.id == self.leader
        if self.state is State.PREPARING or changed or is_leader_again:
            return self._rejoin(member)
        self._alive(member)
        return self._current(member, as_leader=member.id == self.leader)

    def _add(self, member_id: str, asked: Joining) -> asyncio.Future[Joined]:
        member = Member(member_id, asked)
        self.members[member_id] = member
        self.protocol_type = asked.protocol_type
        if asked.instance_id is not None:
            self.static[asked.instance_id] = member_id
        return self._rejoin(member)

    def _replace_static(self, asked: Joining, old: Member) -> Joined | asyncio.Future[Joined]:
        """A static member came back: it takes its place, without a rebalance if it can (KIP-345)."""
        assert asked.instance_id is not None
        same = asked.protocols == old.request.protocols
        self._fence(old)
        new = Member(f"{asked.instance_id}-{uuid.uuid4()}", asked, old.assignment)
        # In place, so that the order of members and so the leader's assignment stays.
        self.members = {new.id if k == old.id else k: new if m is old else m for k, m in self.members.items()}
        self.static[asked.instance_id] = new.id
        was_leader = self.leader == old.id
        if was_leader:
            self.leader = new.id
        if self.state is not State.STABLE or not same:
            return self._rejoin(new)
        self._alive(new)
        if not was_leader:
            return self._current(new, as_leader=False)
        if asked.may_skip_assignment:
            return self._current(new, as_leader=True, skip=True)
        # An older client that is named leader would assign anew; the old id makes it a follower.
        return self._current(new, as_leader=False, leader=old.id)

    def _fence(self, member: Member) -> None:
        if member.timer is not None:
            member.timer.cancel()
        if member.joining is not None and not member.joining.done():
            member.joining.set_result(Joined(Code.FENCED_INSTANCE_ID, member.id))
        if member.syncing is not None and not member.syncing.done():
            member.syncing.set_result(Synced(Code.FENCED_INSTANCE_ID))

    def _current(self, member: Member, *, as_leader: bool, skip: bool = False, leader: str | None = None) -> Joined:
        members = tuple((m.id, m.request.instance_id, m.metadata_of(self.protocol)) for m in self.members.values())
        return Joined(
            Code.NONE,
            member.id,
            self.generation,
            self.protocol_type,
            self.protocol,
            leader or self.leader or "",
            skip,
            members if as_leader else (),
        )

    # Rebalancing -----------------------------------------------------------------------------

    def _rejoin(self, member: Member) -> asyncio.Future[Joined]:
        if member.joining is not None and not member.joining.done():
            member.joining.set_result(Joined(Code.UNKNOWN_MEMBER_ID, member.id))
        future: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        member.joining = future
        self._alive(member)
        self._begin_rebalance()
        self._complete_if_all_joined()
        return future

    def _begin_rebalance(self) -> None:
        if self.state is State.PREPARING:
            return
        if self.state is State.COMPLETING:
            for member in self.members.values():
                if member.syncing is not None and not member.syncing.done():
                    member.syncing.set_result(Synced(Code.REBALANCE_IN_PROGRESS))
        self.state = State.PREPARING
        longest = max((m.request.rebalance_s for m in self.members.values()), default=0.0)
        loop = asyncio.get_running_loop()
        self.rebalance_timer = loop.call_later(longest, self._complete_rebalance)

    def _complete_if_all_joined(self) -> None:
        if self.state is State.PREPARING and all(is_open(m.joining) for m in self.members.values()):
            self._complete_rebalance()

    def _complete_rebalance(self) -> None:
        if self.rebalance_timer is not None:
            self.rebalance_timer.cancel()
            self.rebalance_timer = None
        late = [m for m in self.members.values() if not is_open(m.joining)]
        for member in late:
            if member.request.instance_id is None:
                self._drop(member)
        self.generation += 1
        if not self.members:
            self._became_empty()
            return
        self.state = State.COMPLETING
        if self.leader not in self.members or not is_open(self.members[self.leader].joining):
            joined = [m.id for m in self.members.values() if is_open(m.joining)]
            self.leader = joined[0] if joined else next(iter(self.members))
        self.protocol = self._elected_protocol()
        for member in self.members.values():
            member.assignment = b""
            if member.joining is not None and not member.joining.done():
                member.joining.set_result(self._current(member, as_leader=member.id == self.leader))
            member.joining = None
            self._alive(member)

    def _elected_protocol(self) -> str:
        members = list(self.members.values())
        common = self._common(members)
        votes: dict[str, int] = {}
        for member in members:
            first = next(name for name, _ in member.request.protocols if name in common)
            votes[first] = votes.get(first, 0) + 1
        return max(votes, key=lambda name: votes[name])

    def _became_empty(self) -> None:
        self.state, self.leader, self.protocol = State.EMPTY, None, None
        self._tell_if_unused()

    def _tell_if_unused(self) -> None:
        if self.is_unused:
            self.on_empty(self)

    @property
    def is_unused(self) -> bool:
        """No members, and nobody on the way to become one."""
        return not self.members and not self.awaited_ids

    def evict_all(self) -> None:
        """Put everybody out; they learn of it with their next request."""
        for member in list(self.members.values()):
            self._drop(member)
        self.close()
        self.awaited_ids.clear()
        self.rebalance_timer = None
        self.state, self.leader, self.protocol = State.EMPTY, None, None

    # Syncing ---------------------------------------------------------------------------------

    def sync(
        self,
        member_id: str,
        instance_id: str | None,
        generation: int,
        protocol_type: str | None,
        protocol: str | None,
        assignments: dict[str, bytes],
    ) -> Synced | asyncio.Future[Synced]:
        """Wait for (or, as leader, bring) the assignment of this generation."""
        if error := self.check_generation(member_id, instance_id, generation):
            return Synced(error)
        if protocol_type not in (None, self.protocol_type) or protocol not in (None, self.protocol):
            return Synced(Code.INCONSISTENT_GROUP_PROTOCOL)
        member = self.members[member_id]
        if self.state is State.PREPARING:
            return Synced(Code.REBALANCE_IN_PROGRESS)
        if self.state is State.STABLE:
            self._alive(member)
            return self._assignment_of(member)
        if member.syncing is not None and not member.syncing.done():
            # Asked again: who waits for the first answer must not wait for ever.
            member.syncing.set_result(Synced(Code.UNKNOWN_MEMBER_ID))
        future: asyncio.Future[Synced] = asyncio.get_running_loop().create_future()
        member.syncing = future
        self._alive(member)
        if member_id == self.leader:
            self._become_stable(assignments)
        return future

    def _become_stable(self, assignments: dict[str, bytes]) -> None:
        self.state = State.STABLE
        for member in self.members.values():
            member.assignment = assignments.get(member.id, b"")
            if member.syncing is not None and not member.syncing.done():
                member.syncing.set_result(self._assignment_of(member))
                self._alive(member)
            member.syncing = None

    def _assignment_of(self, member: Member) -> Synced:
        return Synced(Code.NONE, member.assignment, self.protocol_type, self.protocol)

    # Staying and leaving ---------------------------------------------------------------------

    def check_member(self, member_id: str, instance_id: str | None) -> Code | None:
        """Whether this is a member, and not one that a newer instance has replaced."""
        if instance_id is not None:
            current = self.static.get(instance_id)
            if current is None:
                return Code.UNKNOWN_MEMBER_ID
            if current != member_id:
                return Code.FENCED_INSTANCE_ID
        return None if member_id in self.members else Code.UNKNOWN_MEMBER_ID

    def check_generation(self, member_id: str, instance_id: str | None, generation: int) -> Code | None:
        """Like `check_member`, and of the current generation."""
        if error := self.check_member(member_id, instance_id):
            return error
        return None if generation == self.generation else Code.ILLEGAL_GENERATION

    def heartbeat(self, member_id: str, instance_id: str | None, generation: int) -> Code:
        """Stay a member."""
        if error := self.check_generation(member_id, instance_id, generation):
            return error
        self._alive(self.members[member_id])
        return Code.REBALANCE_IN_PROGRESS if self.state is State.PREPARING else Code.NONE

    def leave(self, member_id: str, instance_id: str | None) -> Code:
        """Stop being a member; the others rebalance at once."""
        if instance_id is not None and not member_id:
            # An administrator removes a static member by its instance id alone.
            member_id = self.static.get(instance_id, "")
        if member_id in self.awaited_ids:
            self.awaited_ids.pop(member_id).cancel()
            self._tell_if_unused()
            return Code.NONE
        if error := self.check_member(member_id, instance_id):
            return error
        self._remove(self.members[member_id])
        return Code.NONE

    def _alive(self, member: Member) -> None:
        if member.timer is not None:
            member.timer.cancel()
        loop = asyncio.get_running_loop()
        member.timer = loop.call_later(member.request.session_s, self._expire, member)

    def _expire(self, member: Member) -> None:
        if self.members.get(member.id) is not member:
            return
        if member.is_waiting:
            self._alive(member)
        else:
            self._remove(member)

    def _remove(self, member: Member) -> None:
        self._drop(member)
        if not self.members:
            if self.rebalance_timer is not None:
                self.rebalance_timer.cancel()
                self.rebalance_timer = None
            self.generation += 1
            self._became_empty()
            return
        self._begin_rebalance()
        self._complete_if_all_joined()

    def _drop(self, member: Member) -> None:
        if member.timer is not None:
            member.timer.cancel()
        del self.members[member.id]
        if member.request.instance_id is not None:
            self.static.pop(member.request.instance_id, None)
        if member.joining is not None and not member.joining.done():
            member.joining.set_result(Joined(Code.UNKNOWN_MEMBER_ID, member.id))
        if member.syncing is not None and not member.syncing.done():
            member.syncing.set_result(Synced(Code.UNKNOWN_MEMBER_ID))

    def _forget_awaited(self, member_id: str) -> None:
        self.awaited_ids.pop(member_id, None)
        self._tell_if_unused()

    def close(self) -> None:
        """Cancel all timers."""
        for member in self.members.values():
            if member.timer is not None:
                member.timer.cancel()
        for timer in self.awaited_ids.values():
            timer.cancel()
        if self.rebalance_timer is not None:
            self.rebalance_timer.cancel()
