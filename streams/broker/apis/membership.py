"""FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups, DeleteGroups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from streams.broker.codes import Code
from streams.broker.limits import GROUPS_MAX, SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN
from streams.broker.members import Joined, Joining, Synced
from streams.broker.offsets import gone_change
from streams.broker.protocol import Request
from streams.broker.wire import Tree

if TYPE_CHECKING:
    from streams.broker.broker import Broker

_GROUP_KEY = 0
_SESSION_RANGE_S = (SESSION_TIMEOUT_MS_MIN / 1000, SESSION_TIMEOUT_MS_MAX / 1000)


def find_coordinator(broker: Broker, request: Request) -> Tree:
    """This broker, for groups; transactions have no coordinator here."""
    body, version = request.body, request.version
    is_group = getattr(body, "key_type", _GROUP_KEY) == _GROUP_KEY
    found: dict[str, Any] = {"node_id": -1, "host": "", "port": -1}
    if is_group:
        found = {"node_id": broker.node_id, "host": broker.host, "port": broker.port}
    else:
        # The one refusal that clients take as final instead of asking again.
        found["error_code"] = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        found["error_message"] = "the embedded log has no transactions"
    if version >= 4:
        return {"coordinators": [{"key": key, **found} for key in body.coordinator_keys]}
    return found


async def join_group(broker: Broker, request: Request) -> Tree:
    """Wait for the next generation."""
    body, version = request.body, request.version
    if refused := broker.may_use_group(request, body.group_id):
        return _joined(Joined(refused, body.member_id), version)
    session_s = body.session_timeout.total_seconds()
    if not _SESSION_RANGE_S[0] <= session_s <= _SESSION_RANGE_S[1]:
        return _joined(Joined(Code.INVALID_SESSION_TIMEOUT, body.member_id), version)
    group = broker.groups.get(body.group_id)
    if group is None:
        if body.member_id:
            return _joined(Joined(Code.UNKNOWN_MEMBER_ID, body.member_id), version)
        if not request.may_write and len(broker.groups) >= GROUPS_MAX:
            return _joined(Joined(Code.GROUP_MAX_SIZE_REACHED, ""), version)
        group = broker.make_group(body.group_id)
    if request.may_write:
        try:
            await broker.take_over(group)
        except asyncio.CancelledError:
            # Its client is gone before it became a member: nobody else would end the group.
            if group.is_unused:
                broker.forget_group(group.id)
            raise
        # Somebody else may have left it, and so ended it, meanwhile.
        group = broker.groups.setdefault(group.id, group)
    rebalance = getattr(body, "rebalance_timeout", None)
    asked = Joining(
        member_id=body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        client_id=request.head.client_id[:64],
        client_host="/127.0.0.1",
        session_s=session_s,
        rebalance_s=max(rebalance.total_seconds(), 0.0) if rebalance is not None else session_s,
        protocol_type=body.protocol_type,
        protocols=tuple((p.name, p.metadata) for p in body.protocols),
        needs_member_id_first=version >= 4,
        may_skip_assignment=version >= 9,
    )
    joined = group.join(asked)
    if group.is_unused:
        broker.forget_group(group.id)
    return _joined(await joined if isinstance(joined, asyncio.Future) else joined, version)


def _joined(joined: Joined, version: int) -> Tree:
    return {
        "error_code": joined.error,
        "generation_id": joined.generation,
        "protocol_type": joined.protocol_type,
        # Null is allowed from version 7 on.
        "protocol_name": joined.protocol if version >= 7 else joined.protocol or "",
        "leader": joined.leader,
        "skip_assignment": joined.skip_assignment,
        "member_id": joined.member_id,
        "members": [
            {"member_id": member_id, "group_instance_id": instance, "metadata": metadata}
            for member_id, instance, metadata in joined.members
        ],
    }


async def sync_group(broker: Broker, request: Request) -> Tree:
    """Wait for the leader's assignment."""
    body = request.body
    if refused := broker.may_use_group(request, body.group_id):
        return _synced(Synced(refused))
    group = broker.groups.get(body.group_id)
    if group is None:
        return _synced(Synced(Code.UNKNOWN_MEMBER_ID))
    synced = group.sync(
        body.member_id,
        getattr(body, "group_instance_id", None),
        body.generation_id,
        getattr(body, "protocol_type", None),
        getattr(body, "protocol_name", None),
        {a.member_id: a.assignment for a in body.assignments},
    )
    return _synced(await synced if isinstance(synced, asyncio.Future) else synced)


def _synced(synced: Synced) -> Tree:
    return {
        "error_code": synced.error,
        "protocol_type": synced.protocol_type,
        "protocol_name": synced.protocol,
        "assignment": synced.assignment,
    }


def heartbeat(broker: Broker, request: Request) -> Tree:
    """Stay a member."""
    body = request.body
    if refused := broker.may_use_group(request, body.group_id):
        return {"error_code": refused}
    group = broker.groups.get(body.group_id)
    if group is None:
        return {"error_code": Code.UNKNOWN_MEMBER_ID}
    instance_id = getattr(body, "group_instance_id", None)
    return {"error_code": group.heartbeat(body.member_id, instance_id, body.generation_id)}


def leave_group(broker: Broker, request: Request) -> Tree:
    """Leave; the others rebalance at once."""
    body = request.body
    if refused := broker.may_use_group(request, body.group_id):
        return {"error_code": refused}
    group = broker.groups.get(body.group_id)
    if request.version < 3:
        code = Code.UNKNOWN_MEMBER_ID if group is None else group.leave(body.member_id, None)
        return {"error_code": code}
    members = [
        {
            "member_id": m.member_id,
            "group_instance_id": m.group_instance_id,
            "error_code": Code.UNKNOWN_MEMBER_ID if group is None else group.leave(m.member_id, m.group_instance_id),
        }
        for m in body.members
    ]
    return {"error_code": Code.NONE, "members": members}


def describe_groups(broker: Broker, request: Request) -> Tree:
    """State, protocol and members of groups."""
    return {"groups": [_described(broker, request, group_id) for group_id in request.body.groups]}


def _described(broker: Broker, request: Request, group_id: str) -> Tree:
    if refused := broker.may_use_group(request, group_id):
        return {"error_code": refused, "group_id": group_id}
    group = broker.groups.get(group_id)
    if group is None:
        state = "Empty" if broker.store.offsets.get(group_id) is not None else "Dead"
        return {"group_id": group_id, "group_state": state}
    return {
        "group_id": group_id,
        "group_state": group.state.value,
        "protocol_type": group.protocol_type or "",
        "protocol_data": group.protocol or "",
        "members": [
            {
                "member_id": member.id,
                "group_instance_id": member.request.instance_id,
                "client_id": member.request.client_id,
                "client_host": member.request.client_host,
                "member_metadata": member.metadata_of(group.protocol),
                "member_assignment": member.assignment,
            }
            for member in group.members.values()
        ],
    }


def list_groups(broker: Broker, request: Request) -> Tree:
    """All groups that have members or offsets."""
    rows = {
        name: {"group_id": name, "protocol_type": "consumer", "group_state": "Empty"}
        for name in broker.store.offsets.groups
    }
    for name, group in broker.groups.items():
        state, kind = group.state.value, group.protocol_type or ""
        rows[name] = {"group_id": name, "protocol_type": kind, "group_state": state}
    states = {state.lower() for state in getattr(request.body, "states_filter", ())}
    return {"groups": [row for row in rows.values() if not states or row["group_state"].lower() in states]}


async def delete_groups(broker: Broker, request: Request) -> Tree:
    """Forget groups without members and their offsets."""
    results = []
    for group_id in request.body.groups_names:
        results.append({"group_id": group_id, "error_code": _delete_group(broker, request, group_id)})
    if (done := broker.committer.settled()) is not None:
        await asyncio.shield(done)
    return {"results": results}


def _delete_group(broker: Broker, request: Request, group_id: str) -> Code:
    if not request.may_write:
        return Code.GROUP_AUTHORIZATION_FAILED
    group = broker.groups.get(group_id)
    if group is not None and group.members:
        return Code.NON_EMPTY_GROUP
    if group is None and broker.store.offsets.get(group_id) is None:
        return Code.GROUP_ID_NOT_FOUND
    broker.forget_group(group_id)
    broker.store.change_offsets(gone_change(group_id))
    return Code.NONE
