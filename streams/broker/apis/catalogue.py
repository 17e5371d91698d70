"""What there is to read: ApiVersions, Metadata, DescribeCluster, ListOffsets, OffsetForLeaderEpoch."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from streams.broker.batches import BatchInvalid
from streams.broker.codes import Code
from streams.broker.protocol import VERSIONS, Request
from streams.broker.topics import Topic
from streams.broker.wire import Tree

if TYPE_CHECKING:
    from streams.broker.broker import Broker

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3


def api_versions(code: Code = Code.NONE) -> Tree:
    """All requests that are served."""
    keys = [{"api_key": key, "min_version": low, "max_version": high} for key, (low, high) in VERSIONS.items()]
    return {"error_code": code, "api_keys": keys}


def _broker_row(broker: Broker) -> dict[str, Any]:
    return {"node_id": broker.node_id, "broker_id": broker.node_id, "host": broker.host, "port": broker.port}


def metadata(broker: Broker, request: Request) -> Tree:
    """Topics, all led by this broker. Nothing is created by asking."""
    asked = request.body.topics
    # Version 0 asks for everything with an empty list, later ones with null.
    if asked is None or (request.version == 0 and not asked):
        topics = [_topic_row(broker, topic) for topic in broker.store.topics.values()]
    else:
        topics = [_asked_topic(broker, row) for row in asked]
    return {
        "brokers": [_broker_row(broker)],
        "cluster_id": broker.store.identity.cluster_id,
        "controller_id": broker.node_id,
        "topics": topics,
        "cluster_authorized_operations": -(1 << 31),
    }


def _asked_topic(broker: Broker, row: Any) -> Tree:
    topic_id: uuid.UUID | None = getattr(row, "topic_id", None)
    if row.name is None and topic_id is not None:
        topic = broker.store.topic_of_id(topic_id.bytes)
        if topic is None:
            return {"error_code": Code.UNKNOWN_TOPIC_ID, "name": None, "topic_id": topic_id}
        return _topic_row(broker, topic)
    topic = broker.store.topics.get(row.name)
    if topic is None:
        return {"error_code": Code.UNKNOWN_TOPIC_OR_PARTITION, "name": row.name or ""}
    return _topic_row(broker, topic)


def _topic_row(broker: Broker, topic: Topic) -> Tree:
    nodes = [broker.node_id]
    return {
        "name": topic.name,
        "topic_id": topic.id,
        "topic_authorized_operations": -(1 << 31),
        "partitions": [
            {
                "partition_index": index,
                "leader_id": broker.node_id,
                "leader_epoch": 0,
                "replica_nodes": nodes,
                "isr_nodes": nodes,
            }
            for index in range(topic.partitions)
        ],
    }


def describe_cluster(broker: Broker, request: Request) -> Tree:
    """This one broker."""
    return {
        "cluster_id": broker.store.identity.cluster_id,
        "controller_id": broker.node_id,
        "brokers": [_broker_row(broker)],
    }


def list_offsets(broker: Broker, request: Request) -> Tree:
    """First, last, or first at or after a time."""
    return {
        "topics": [
            {"name": topic.name, "partitions": [_offset_row(broker, topic.name, row) for row in topic.partitions]}
            for topic in request.body.topics
        ]
    }


def _offset_row(broker: Broker, topic: str, row: Any) -> Tree:
    partition = broker.store.partition(topic, row.partition_index)
    answer: dict[str, Any] = {"partition_index": row.partition_index, "timestamp": -1, "offset": -1}
    if partition is None:
        return answer | {"error_code": Code.UNKNOWN_TOPIC_OR_PARTITION}
    if row.timestamp == EARLIEST:
        return answer | {"offset": partition.log_start, "leader_epoch": 0}
    if row.timestamp == LATEST:
        return answer | {"offset": partition.durable_offset, "leader_epoch": 0}
    if row.timestamp == MAX_TIMESTAMP:
        # Append times never fall, so the last record has the highest one.
        if partition.durable_offset == partition.log_start:
            return answer
        newest = next(s for s in reversed(partition.segments) if s.durable_size)
        return answer | {
            "offset": partition.durable_offset - 1,
            "timestamp": newest.durable_time_ms,
            "leader_epoch": 0,
        }
    if row.timestamp < 0:
        return answer | {"error_code": Code.UNSUPPORTED_VERSION}
    try:
        found = partition.offset_at_time(row.timestamp)
    except (BatchInvalid, OSError):
        return answer | {"error_code": Code.KAFKA_STORAGE_ERROR}
    if found is None:
        return answer
    return answer | {"timestamp": found[0], "offset": found[1], "leader_epoch": 0}


def offset_for_leader_epoch(broker: Broker, request: Request) -> Tree:
    """There is one epoch, 0, and it ends where the log ends."""
    topics = []
    for topic in request.body.topics:
        rows = []
        for row in topic.partitions:
            partition = broker.store.partition(topic.topic, row.partition)
            if partition is None:
                rows.append({"partition": row.partition, "error_code": Code.UNKNOWN_TOPIC_OR_PARTITION})
            elif row.leader_epoch != 0:
                rows.append({"partition": row.partition})
            else:
                end = partition.durable_offset
                rows.append({"partition": row.partition, "leader_epoch": 0, "end_offset": end})
        topics.append({"topic": topic.topic, "partitions": rows})
    return {"topics": topics}
