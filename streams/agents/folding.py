"""The agents of the folded topics: each takes a topic's records in order and folds them into the views."""

from collections.abc import AsyncIterable
from typing import Any, Protocol

import faust
from mode import CrashingSupervisor

from schemas.topics import FOLDED_TOPICS, Topic
from streams.connection import Connection
from streams.records import Record, record_of


class Folds(Protocol):
    """Who folds. Folding a record twice, or one that lies before the applied position, changes nothing."""

    async def follow(self, record: Record) -> None:
        """Fold one record; it is visible when this returns."""


def add_agents(app: faust.App, connection: Connection, views: Folds) -> None:
    """One agent a folded topic. An exception in one crashes the app: nothing is skipped unseen."""
    for topic in FOLDED_TOPICS:
        channel = app.topic(
            connection.topic_name(topic),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            internal=False,
        )
        app.agent(channel, name=f"fold-{topic.value}", supervisor_strategy=CrashingSupervisor)(_folding(topic, views))


def _folding(topic: Topic, views: Folds) -> Any:
    async def fold(stream: Any) -> None:
        events: AsyncIterable[Any] = stream.noack().events()
        async for event in events:
            await views.follow(_record(topic, event.message))
            await stream.ack(event)

    return fold


def _record(topic: Topic, message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers
    time_ms = round(message.timestamp * 1000)
    return record_of(topic, message.partition, message.offset, time_ms, message.key, message.value, headers)
