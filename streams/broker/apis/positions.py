"""OffsetCommit, OffsetFetch, OffsetDelete: where groups go on reading."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from streams.broker.codes import Code
from streams.broker.limits import GROUP_METADATA_BYTES_MAX, GROUP_OFFSETS_MAX
from streams.broker.offsets import Committed, Place, commit_change, unset_change
from streams.broker.protocol import Request
from streams.broker.wire import Tree

if TYPE_CHECKING:
    from streams.broker.broker import Broker


async def offset_commit(broker: Broker, request: Request) -> Tree:
    """Commit offsets; the answer comes when they are durable."""
    body = request.body
    refused = _refuses_commit(broker, request)
    offsets: dict[Place, Committed] = {}
    topics = []
    for topic in body.topics:
        rows = []
        for row in topic.partitions:
            code = refused or _check_row(broker, topic.name, row)
            if code is Code.NONE:
                offsets[topic.name, row.partition_index] = Committed(
                    row.committed_offset,
                    getattr(row, "committed_leader_epoch", -1),
                    row.committed_metadata or "",
                    broker.now_ms(),
                )
            rows.append({"partition_index": row.partition_index, "error_code": code})
        topics.append({"name": topic.name, "partitions": rows})
    if offsets:
        broker.store.change_offsets(commit_change(body.group_id, owned=request.may_write, offsets=offsets))
        await asyncio.shield(broker.committer.committed())
    return {"topics": topics}


def _refuses_commit(broker: Broker, request: Request) -> Code | None:
    body = request.body
    if refused := broker.may_use_group(request, body.group_id):
        return refused
    if not request.may_write and broker.store.offsets.count >= GROUP_OFFSETS_MAX:
        return Code.INVALID_COMMIT_OFFSET_SIZE
    generation = body.generation_id_or_member_epoch
    group = broker.groups.get(body.group_id)
    if generation < 0:
        # Committed by hand, without membership: only while nobody else manages the group.
        return Code.UNKNOWN_MEMBER_ID if group is not None and group.members else None
    if group is None:
        return Code.UNKNOWN_MEMBER_ID
    if error := group.check_generation(body.member_id, getattr(body, "group_instance_id", None), generation):
        return error
    group.heartbeat(body.member_id, getattr(body, "group_instance_id", None), generation)
    return None


def _check_row(broker: Broker, topic: str, row: Any) -> Code:
    if broker.store.partition(topic, row.partition_index) is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION
    if len(row.committed_metadata or "") > GROUP_METADATA_BYTES_MAX:
        return Code.OFFSET_METADATA_TOO_LARGE
    return Code.NONE


def offset_fetch(broker: Broker, request: Request) -> Tree:
    """Committed offsets, -1 where there is none."""
    body = request.body
    if request.version >= 8:
        return {
            "groups": [
                {"group_id": asked.group_id, **_fetched(broker, request, asked.group_id, asked.topics)}
                for asked in body.groups
            ]
        }
    return _fetched(broker, request, body.group_id, body.topics)


def _fetched(broker: Broker, request: Request, group_id: str, topics: Any) -> dict[str, Any]:
    if refused := broker.may_use_group(request, group_id):
        return {"error_code": refused, "topics": []}
    group = broker.store.offsets.get(group_id)
    offsets = group.offsets if group is not None else {}
    if topics is None:
        names: dict[str, list[int]] = {}
        for topic, partition in offsets:
            names.setdefault(topic, []).append(partition)
    else:
        names = {topic.name: list(topic.partition_indexes) for topic in topics}
    rows = [
        {"name": topic, "partitions": [_row(offsets, topic, index) for index in indexes]}
        for topic, indexes in names.items()
    ]
    return {"error_code": Code.NONE, "topics": rows}


def _row(offsets: dict[Place, Committed], topic: str, index: int) -> Tree:
    committed = offsets.get((topic, index), Committed(-1, -1, "", 0))
    return {
        "partition_index": index,
        "committed_offset": committed.offset,
        "committed_leader_epoch": committed.leader_epoch,
        "metadata": committed.metadata,
    }


async def offset_delete(broker: Broker, request: Request) -> Tree:
    """Forget single offsets of a group without members."""
    body = request.body
    if not request.may_write:
        return {"error_code": Code.GROUP_AUTHORIZATION_FAILED}
    group = broker.groups.get(body.group_id)
    if group is not None and group.members:
        return {"error_code": Code.NON_EMPTY_GROUP}
    if broker.store.offsets.get(body.group_id) is None:
        return {"error_code": Code.GROUP_ID_NOT_FOUND}
    places = [(topic.name, row.partition_index) for topic in body.topics for row in topic.partitions]
    broker.store.change_offsets(unset_change(body.group_id, places))
    await asyncio.shield(broker.committer.committed())
    topics = [
        {"name": t.name, "partitions": [{"partition_index": row.partition_index} for row in t.partitions]}
        for t in body.topics
    ]
    return {"error_code": Code.NONE, "topics": topics}
