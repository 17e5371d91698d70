"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.broker.apis.topics_admin import Refused
from streams.broker.codes import Code
from streams.broker.limits import FRAME_SIZE_BYTES_MAX
from streams.broker.protocol import Request
from streams.broker.topics import SETTINGS, ConfigInvalid, Topic, TopicConfig, store_topics
from streams.broker.wire import Tree

if TYPE_CHECKING:
    from streams.broker.broker import Broker

TOPIC = 2
BROKER = 4
_FROM_TOPIC = 1
_FROM_BROKER_FILE = 4
_DEFAULT = 5
_SET, _DELETE = 0, 1

_BROKER_SETTINGS = {
    "auto.create.topics.enable": ("false", 1),
    "log.message.timestamp.type": ("LogAppendTime", 2),
    "num.partitions": ("1", 3),
    "default.replication.factor": ("1", 3),
    "min.insync.replicas": ("1", 3),
    "unclean.leader.election.enable": ("false", 1),
    "socket.request.max.bytes": (str(FRAME_SIZE_BYTES_MAX), 3),
}


def describe_configs(broker: Broker, request: Request) -> Tree:
    """Settings of topics and of the broker."""
    return {"results": [_described(broker, asked) for asked in request.body.resources]}


def _described(broker: Broker, asked: Any) -> Tree:
    head: dict[str, Any] = {"resource_type": asked.resource_type, "resource_name": asked.resource_name}
    wanted = set(asked.configuration_keys) if asked.configuration_keys else None
    if asked.resource_type == TOPIC:
        topic = broker.store.topics.get(asked.resource_name)
        if topic is None:
            return head | {"error_code": Code.UNKNOWN_TOPIC_OR_PARTITION, "error_message": "no such topic"}
        rows = [_topic_row(topic, name) for name in SETTINGS if wanted is None or name in wanted]
    elif asked.resource_type == BROKER and asked.resource_name in ("", str(broker.node_id)):
        rows = [
            {"name": name, "value": value, "config_type": kind, "read_only": True, "config_source": _FROM_BROKER_FILE}
            for name, (value, kind) in _BROKER_SETTINGS.items()
            if wanted is None or name in wanted
        ]
    else:
        return head | {"error_code": Code.INVALID_REQUEST, "error_message": "no such resource"}
    return head | {"configs": rows}


def _topic_row(topic: Topic, name: str) -> Tree:
    explicit = name in topic.config.explicit
    default = {"name": name, "value": SETTINGS[name].default, "source": _DEFAULT}
    mine = {"name": name, "value": topic.config.value(name), "source": _FROM_TOPIC}
    return {
        "name": name,
        "value": topic.config.value(name),
        "config_type": SETTINGS[name].kind,
        "config_source": _FROM_TOPIC if explicit else _DEFAULT,
        "is_default": not explicit,
        "synonyms": [mine, default] if explicit else [default],
    }


async def alter_configs(broker: Broker, request: Request) -> Tree:
    """Replace all explicit settings of topics."""
    return await _alter(broker, request, lambda _, asked: {row.name: row.value or "" for row in asked.configs})


async def incremental_alter_configs(broker: Broker, request: Request) -> Tree:
    """Set or unset single settings of topics."""
    return await _alter(broker, request, _incremented)


def _incremented(topic: Topic, asked: Any) -> dict[str, str]:
    explicit = dict(topic.config.explicit)
    for row in asked.configs:
        if row.config_operation == _SET:
            explicit[row.name] = row.value or ""
        elif row.config_operation == _DELETE:
            explicit.pop(row.name, None)
        else:
            raise Refused(Code.INVALID_CONFIG, f"{row.name}: only SET and DELETE are supported")
    return explicit


async def _alter(broker: Broker, request: Request, change: Any) -> Tree:
    responses = []
    for asked in request.body.resources:
        row: dict[str, Any] = {"resource_type": asked.resource_type, "resource_name": asked.resource_name}
        try:
            await _alter_topic(broker, request, asked, change)
        except Refused as refused:
            row |= {"error_code": refused.code, "error_message": refused.message}
        responses.append(row)
    return {"responses": responses}


async def _alter_topic(broker: Broker, request: Request, asked: Any, change: Any) -> None:
    if not request.may_write:
        raise Refused(Code.TOPIC_AUTHORIZATION_FAILED, "read-only credentials change no settings")
    if asked.resource_type != TOPIC:
        raise Refused(Code.INVALID_REQUEST, "only topics have settings that can be changed")
    async with broker.catalogue:
        topic = broker.store.topics.get(asked.resource_name)
        if topic is None:
            raise Refused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {asked.resource_name}")
        try:
            changed = topic.with_config(TopicConfig.of(change(topic, asked)))
        except ConfigInvalid as problem:
            raise Refused(Code.INVALID_CONFIG, str(problem)) from None
        if not request.body.validate_only:
            topics = broker.store.topics | {topic.name: changed}
            await broker.committer.on_disk(lambda: store_topics(broker.store.disk, topics))
            broker.store.change_config(changed)
