"""CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords, InitProducerId.

Write order: the catalogue is durable before a topic is used, and durable without it before the
files of a deleted topic go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.broker.codes import Code
from streams.broker.limits import PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX, TOPICS_MAX
from streams.broker.partition import Partition
from streams.broker.protocol import Request
from streams.broker.recovery import remove_folder
from streams.broker.retention import advance
from streams.broker.store import new_topic_id
from streams.broker.topics import (
    SETTINGS,
    ConfigInvalid,
    Topic,
    TopicConfig,
    TopicNameInvalid,
    check_name,
    store_topics,
)
from streams.broker.wire import Tree

if TYPE_CHECKING:
    from streams.broker.broker import Broker


class Refused(Exception):
    """A change that is not made, with the code and the reason for the client."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


async def create_topics(broker: Broker, request: Request) -> Tree:
    """Make topics; all that can be made are in the catalogue with one write."""
    body = request.body
    async with broker.catalogue:
        made: dict[str, Topic] = {}
        rows: list[Tree] = []
        for asked in body.topics:
            try:
                topic = _new_topic(broker, request, asked, made)
            except Refused as refused:
                error = {"error_code": refused.code, "error_message": refused.message}
                rows.append({"name": asked.name, "topic_config_error_code": 0, **error})
            else:
                made[topic.name] = topic
                rows.append(_created_row(topic))
        if made and not body.validate_only:
            await _store(broker, broker.store.topics | made)
            for topic in made.values():
                broker.store.add_topic(topic)
        return {"topics": rows}


def _new_topic(broker: Broker, request: Request, asked: Any, made: dict[str, Topic]) -> Topic:
    if not request.may_write:
        raise Refused(Code.TOPIC_AUTHORIZATION_FAILED, "read-only credentials create no topics")
    try:
        check_name(asked.name)
    except TopicNameInvalid as problem:
        raise Refused(Code.INVALID_TOPIC, str(problem)) from None
    if asked.name in broker.store.topics or asked.name in made:
        raise Refused(Code.TOPIC_ALREADY_EXISTS, f"topic {asked.name} exists")
    partitions = _asked_partitions(asked)
    if len(broker.store.topics) + len(made) >= TOPICS_MAX:
        raise Refused(Code.POLICY_VIOLATION, f"there are {TOPICS_MAX} topics already")
    _check_partitions(broker, partitions, more=partitions + sum(t.partitions for t in made.values()))
    try:
        config = TopicConfig.of({row.name: row.value or "" for row in asked.configs})
    except ConfigInvalid as problem:
        raise Refused(Code.INVALID_CONFIG, str(problem)) from None
    return Topic(asked.name, new_topic_id(), partitions, config)


def _asked_partitions(asked: Any) -> int:
    if asked.assignments:
        if asked.num_partitions not in (-1, len(asked.assignments)):
            raise Refused(Code.INVALID_REPLICA_ASSIGNMENT, "assignments and number of partitions disagree")
        if {row.partition_index for row in asked.assignments} != set(range(len(asked.assignments))):
            raise Refused(Code.INVALID_REPLICA_ASSIGNMENT, "assignments must name partitions 0, 1, …")
        if any(len(row.broker_ids) != 1 for row in asked.assignments):
            raise Refused(Code.INVALID_REPLICATION_FACTOR, "the embedded log has one broker")
        return len(asked.assignments)
    if asked.replication_factor not in (-1, 1):
        raise Refused(
            Code.INVALID_REPLICATION_FACTOR,
            f"replication factor {asked.replication_factor}: the embedded log has one broker",
        )
    return 1 if asked.num_partitions == -1 else int(asked.num_partitions)


def _check_partitions(broker: Broker, partitions: int, *, more: int) -> None:
    if not 1 <= partitions <= PARTITIONS_PER_TOPIC_MAX:
        raise Refused(Code.INVALID_PARTITIONS, f"{partitions}: from 1 to {PARTITIONS_PER_TOPIC_MAX}")
    if sum(t.partitions for t in broker.store.topics.values()) + more > PARTITIONS_MAX:
        raise Refused(Code.POLICY_VIOLATION, f"more than {PARTITIONS_MAX} partitions in all")


def _created_row(topic: Topic) -> Tree:
    return {
        "name": topic.name,
        "topic_id": topic.id,
        "num_partitions": topic.partitions,
        "replication_factor": 1,
        "configs": [
            {
                "name": name,
                "value": topic.config.value(name),
                "config_source": 1 if name in topic.config.explicit else 5,
            }
            for name in SETTINGS
        ],
    }


async def _store(broker: Broker, topics: dict[str, Topic]) -> None:
    await broker.committer.on_disk(lambda: store_topics(broker.store.disk, topics))


async def delete_topics(broker: Broker, request: Request) -> Tree:
    """Remove topics with everything in them."""
    rows = []
    for name, topic_id in _asked_names(request):
        row: dict[str, Any] = {"name": name, "topic_id": topic_id}
        try:
            await _delete(broker, request, name, topic_id, row)
        except Refused as refused:
            row |= {"error_code": refused.code, "error_message": refused.message}
        # Before version 6 a name is always given.
        rows.append(row)
    return {"responses": rows}


def _asked_names(request: Request) -> list[tuple[str | None, Any]]:
    if request.version >= 6:
        return [(row.name, row.topic_id) for row in request.body.topics]
    return [(name, None) for name in request.body.topic_names]


async def _delete(broker: Broker, request: Request, name: str | None, topic_id: Any, row: dict[str, Any]) -> None:
    if not request.may_write:
        raise Refused(Code.TOPIC_AUTHORIZATION_FAILED, "read-only credentials delete no topics")
    async with broker.catalogue:
        store = broker.store
        if name is None and topic_id is not None:
            topic = store.topic_of_id(topic_id.bytes)
            if topic is None:
                raise Refused(Code.UNKNOWN_TOPIC_ID, "no topic has this id")
        else:
            topic = store.topics.get(name or "")
            if topic is None:
                raise Refused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name}")
        row["name"], row["topic_id"] = topic.name, topic.id
        await _store(broker, {n: t for n, t in store.topics.items() if n != topic.name})
        gone = store.remove_topic(topic.name)
        for segment in (segment for partition in gone for segment in partition.segments):
            # An open file would keep its space taken.
            store.files.forget(segment.path)
        await broker.committer.quiet()
        await broker.committer.on_disk(lambda: _remove_files(broker, gone))


def _remove_files(broker: Broker, partitions: list[Partition]) -> None:
    disk = broker.store.disk
    for partition in partitions:
        for segment in partition.segments:
            segment.close_writer()
        if disk.exists(partition.folder):
            remove_folder(disk, partition.folder)


async def create_partitions(broker: Broker, request: Request) -> Tree:
    """Give topics more partitions."""
    rows = []
    for asked in request.body.topics:
        row: dict[str, Any] = {"name": asked.name}
        try:
            await _create_partitions(broker, request, asked)
        except Refused as refused:
            row |= {"error_code": refused.code, "error_message": refused.message}
        rows.append(row)
    return {"results": rows}


async def _create_partitions(broker: Broker, request: Request, asked: Any) -> None:
    if not request.may_write:
        raise Refused(Code.TOPIC_AUTHORIZATION_FAILED, "read-only credentials change no topics")
    async with broker.catalogue:
        topic = broker.store.topics.get(asked.name)
        if topic is None:
            raise Refused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {asked.name}")
        if asked.count <= topic.partitions:
            raise Refused(Code.INVALID_PARTITIONS, f"topic {asked.name} has {topic.partitions} partitions already")
        _check_partitions(broker, asked.count, more=asked.count - topic.partitions)
        if not request.body.validate_only:
            larger = topic.with_partitions(asked.count)
            await _store(broker, broker.store.topics | {topic.name: larger})
            broker.store.add_topic(larger)


async def delete_records(broker: Broker, request: Request) -> Tree:
    """Move the start of partitions; what lies below is gone when the answer comes."""
    topics = []
    for topic in request.body.topics:
        rows = []
        for asked in topic.partitions:
            code, low = await _delete_records(broker, request, topic.name, asked)
            rows.append({"partition_index": asked.partition_index, "low_watermark": low, "error_code": code})
        topics.append({"name": topic.name, "partitions": rows})
    return {"topics": topics}


async def _delete_records(broker: Broker, request: Request, topic: str, asked: Any) -> tuple[Code, int]:
    if not request.may_write:
        return Code.TOPIC_AUTHORIZATION_FAILED, -1
    partition = broker.store.partition(topic, asked.partition_index)
    if partition is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION, -1
    start = partition.durable_offset if asked.offset == -1 else asked.offset
    if not 0 <= start <= partition.durable_offset:
        return Code.OFFSET_OUT_OF_RANGE, -1
    await advance(broker.committer, broker.store, {partition: start})
    return Code.NONE, partition.log_start


async def init_producer_id(broker: Broker, request: Request) -> Tree:
    """A new producer id for an idempotent producer."""
    nobody = {"producer_id": -1, "producer_epoch": -1}
    if request.body.transactional_id is not None:
        return nobody | {"error_code": Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED}
    if not request.may_write:
        return nobody | {"error_code": Code.CLUSTER_AUTHORIZATION_FAILED}
    producer_id = await broker.committer.on_disk(broker.store.producer_ids.take)
    return {"producer_id": producer_id, "producer_epoch": 0}
