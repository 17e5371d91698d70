"""The state machine of a group, without sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from streams.broker.codes import Code
from streams.broker.groups import Group
from streams.broker.members import Joined, Joining, State, Synced

PROTOCOLS = (("range", b"meta"), ("roundrobin", b"meta"))
ASK = Joining("", None, "client", "/h", 30.0, 30.0, "consumer", PROTOCOLS, False, True)


@pytest.fixture
def group() -> Group:
    return Group("g", on_empty=lambda g: None)


async def joined(group: Group, **changes: object) -> Joined:
    answer = group.join(replace(ASK, **changes))
    return await answer if isinstance(answer, asyncio.Future) else answer


async def settled(group: Group, *asks: Joining) -> list[Joined]:
    """Everybody joins together and the leader assigns each its own id."""
    waiting = [group.join(ask) for ask in asks]
    out = [await w if isinstance(w, asyncio.Future) else w for w in waiting]
    leader = next(j for j in out if j.members)
    syncs = [
        group.sync(j.member_id, a.instance_id, j.generation, None, None, {})
        for j, a in zip(out, asks, strict=True)
        if j is not leader
    ]
    index = out.index(leader)
    assignments = {j.member_id: j.member_id.encode() for j in out}
    done = group.sync(leader.member_id, asks[index].instance_id, leader.generation, None, None, assignments)
    for sync in [*syncs, done]:
        answer = await sync if isinstance(sync, asyncio.Future) else sync
        assert answer.error is Code.NONE
    assert group.state is State.STABLE
    return out


async def rejoin(group: Group, member: Joined, **changes: object) -> Joined | asyncio.Future[Joined]:
    return group.join(replace(ASK, member_id=member.member_id, **changes))


async def test_one_member_leads_its_own_generation(group: Group) -> None:
    one = await joined(group)
    assert (one.generation, one.leader, one.protocol) == (1, one.member_id, "range")
    assert [m[0] for m in one.members] == [one.member_id]
    synced = group.sync(one.member_id, None, 1, "consumer", "range", {one.member_id: b"all"})
    assert await synced == Synced(Code.NONE, b"all", "consumer", "range")
    assert group.heartbeat(one.member_id, None, 1) is Code.NONE


async def test_newer_clients_learn_their_id_before_they_join(group: Group) -> None:
    first = await joined(group, needs_member_id_first=True)
    assert first.error is Code.MEMBER_ID_REQUIRED
    second = await joined(group, needs_member_id_first=True, member_id=first.member_id)
    assert (second.error, second.member_id) == (Code.NONE, first.member_id)


async def test_a_second_member_makes_the_first_join_again(group: Group) -> None:
    (one,) = await settled(group, ASK)
    two = group.join(ASK)
    assert group.heartbeat(one.member_id, None, one.generation) is Code.REBALANCE_IN_PROGRESS
    again = await rejoin(group, one)
    assert isinstance(again, asyncio.Future)
    assert (await again).generation == 2
    assert isinstance(two, asyncio.Future)
    assert len((await again).members or (await two).members) == 2


async def test_a_leaving_member_makes_the_others_rebalance_at_once(group: Group) -> None:
    one = group.join(ASK)
    assert isinstance(one, asyncio.Future)
    first = await one
    two = group.join(ASK)
    again = await rejoin(group, first)
    assert isinstance(two, asyncio.Future)
    assert isinstance(again, asyncio.Future)
    second = await two
    assert group.leave(second.member_id, None) is Code.NONE
    assert group.state is State.PREPARING
    third = await rejoin(group, first)
    assert isinstance(third, asyncio.Future)
    assert [m[0] for m in (await third).members] == [first.member_id]


async def test_the_group_is_empty_when_the_last_member_leaves() -> None:
    empty: list[str] = []
    group = Group("g", on_empty=lambda g: empty.append(g.id))
    one = await joined(group)
    assert group.leave(one.member_id, None) is Code.NONE
    assert (group.state, empty) == (State.EMPTY, ["g"])
    assert group.leave(one.member_id, None) is Code.UNKNOWN_MEMBER_ID


async def test_a_silent_member_is_put_out_when_its_session_ends() -> None:
    emptied = asyncio.Event()
    group = Group("g", on_empty=lambda g: emptied.set())
    await settled(group, replace(ASK, session_s=0.05))
    await asyncio.wait_for(emptied.wait(), 5)
    assert (group.state, group.members) == (State.EMPTY, {})


async def test_who_does_not_join_again_in_time_is_put_out(group: Group) -> None:
    slow, _ = replace(ASK, rebalance_s=0.05), None
    (one,) = await settled(group, slow)
    two = group.join(slow)
    assert isinstance(two, asyncio.Future)
    new = await asyncio.wait_for(two, 5)
    assert list(group.members) == [new.member_id]
    assert group.heartbeat(one.member_id, None, 2) is Code.UNKNOWN_MEMBER_ID


async def test_a_stale_generation_is_refused(group: Group) -> None:
    (one,) = await settled(group, ASK)
    assert group.heartbeat(one.member_id, None, 0) is Code.ILLEGAL_GENERATION
    assert group.sync(one.member_id, None, 7, None, None, {}) == Synced(Code.ILLEGAL_GENERATION)


async def test_strangers_are_refused(group: Group) -> None:
    await settled(group, ASK)
    assert group.heartbeat("who", None, 1) is Code.UNKNOWN_MEMBER_ID
    assert (await joined(group, member_id="who")).error is Code.UNKNOWN_MEMBER_ID


async def test_members_without_a_common_protocol_are_refused(group: Group) -> None:
    await settled(group, ASK)
    assert (await joined(group, protocols=(("mine", b""),))).error is Code.INCONSISTENT_GROUP_PROTOCOL
    assert (await joined(group, protocol_type="connect")).error is Code.INCONSISTENT_GROUP_PROTOCOL
    assert (await joined(group, protocols=())).error is Code.INCONSISTENT_GROUP_PROTOCOL


async def test_a_static_member_takes_its_place_back_without_a_rebalance(group: Group) -> None:
    static = replace(ASK, instance_id="node-1")
    (old,) = await settled(group, static)
    new = await joined(group, instance_id="node-1")
    assert (new.generation, group.state, new.skip_assignment) == (old.generation, State.STABLE, True)
    assert new.member_id != old.member_id
    answer = group.sync(new.member_id, "node-1", new.generation, None, None, {})
    assert answer == Synced(Code.NONE, old.member_id.encode(), "consumer", "range")
    assert group.heartbeat(old.member_id, "node-1", old.generation) is Code.FENCED_INSTANCE_ID
    assert (await joined(group, member_id=old.member_id, instance_id="node-1")).error is Code.FENCED_INSTANCE_ID


async def test_an_older_static_leader_comes_back_as_a_follower(group: Group) -> None:
    static = replace(ASK, instance_id="node-1", may_skip_assignment=False)
    (old,) = await settled(group, static)
    new = await joined(group, instance_id="node-1", may_skip_assignment=False)
    assert (new.leader, new.members) == (old.member_id, ())


async def test_a_static_member_with_another_subscription_rebalances(group: Group) -> None:
    (old,) = await settled(group, replace(ASK, instance_id="node-1"))
    new = await joined(group, instance_id="node-1", protocols=(("range", b"more"),))
    assert new.generation == old.generation + 1


async def test_a_static_member_can_be_removed_by_its_instance_alone(group: Group) -> None:
    await settled(group, replace(ASK, instance_id="node-1"))
    assert group.leave("", "node-1") is Code.NONE
    assert not group.members


async def test_a_follower_waits_for_the_leaders_assignment_and_hears_of_a_new_rebalance(group: Group) -> None:
    one = group.join(ASK)
    assert isinstance(one, asyncio.Future)
    first = await one
    two, again = group.join(ASK), await rejoin(group, first)
    assert isinstance(two, asyncio.Future)
    second = await two
    waiting = group.sync(second.member_id, None, second.generation, None, None, {})
    assert isinstance(waiting, asyncio.Future)
    assert not waiting.done()
    third = group.join(ASK)
    assert (await waiting).error is Code.REBALANCE_IN_PROGRESS
    assert isinstance(third, asyncio.Future)
    assert isinstance(again, asyncio.Future)
    group.close()


async def test_a_member_whose_connection_broke_while_joining_does_not_hold_up_the_others(group: Group) -> None:
    (one,) = await settled(group, replace(ASK, rebalance_s=0.05))
    gone = group.join(replace(ASK, rebalance_s=0.05))
    assert isinstance(gone, asyncio.Future)
    gone.cancel()
    again = group.join(replace(ASK, member_id=one.member_id, rebalance_s=0.05))
    assert isinstance(again, asyncio.Future)
    assert len((await asyncio.wait_for(again, 5)).members) == 1


async def test_a_sync_that_is_sent_again_answers_the_one_that_waits(group: Group) -> None:
    leader = await joined(group)
    joining, again = group.join(ASK), await rejoin(group, leader)
    assert isinstance(joining, asyncio.Future)
    assert isinstance(again, asyncio.Future)
    member = (await joining).member_id
    generation = group.generation
    first = group.sync(member, None, generation, None, None, {})
    second = group.sync(member, None, generation, None, None, {})
    assert isinstance(first, asyncio.Future)
    assert isinstance(second, asyncio.Future)
    assert first.done(), "its connection would wait for ever"
    group.sync(leader.member_id, None, generation, None, None, {member: b"mine"})
    assert (await second).assignment == b"mine"
    group.close()
