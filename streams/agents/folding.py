"""The agents of the folded topics: each takes a topic's records in order and folds them into the views.

Records that are ready together are folded together: a batch of the views costs as much as deciding several events.
"""

from collections.abc import AsyncIterable, Sequence
from typing import Any, Protocol

import faust
from mode import CrashingSupervisor

from schemas.topics import FOLDED_TOPICS, Topic
from streams.connection import Connection
from streams.records import Record, record_of

RECORDS_AT_ONCE_MAX = 64
"""Bounds how long folding keeps the loop from everything else: some milliseconds."""


class Folds(Protocol):
    """Who folds. Folding a record twice, or one that lies before the applied position, changes nothing."""

    async def follow(self, place: tuple[Topic, int], records: Sequence[Record]) -> None:
        """Fold some records of one partition, in order; they are visible when this returns."""


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
        app.agent(channel, name=f"fold-{topic.value}", supervisor_strategy=CrashingSupervisor)(folding(topic, views))


def folding(topic: Topic, views: Folds) -> Any:
    """What the agent of a topic does with its stream."""

    async def fold(stream: Any) -> None:
        following = stream.noack()
        # Only a rebalance can take away what the queue holds; it then seeks back to the applied position, so records
        # held here while more are ready are folded with the ones that come again.
        nothing_ready = following.channel.queue.empty
        held: list[Any] = []
        events: AsyncIterable[Any] = following.events()
        async for event in events:
            held.append(event)
            if len(held) < RECORDS_AT_ONCE_MAX and not nothing_ready():
                continue
            for partition, records in _by_partition(topic, held).items():
                await views.follow((topic, partition), records)
            for one in held:
                await stream.ack(one)
            held.clear()

    return fold


def _by_partition(topic: Topic, events: Sequence[Any]) -> dict[int, list[Record]]:
    records: dict[int, list[Record]] = {}
    for event in events:
        records.setdefault(event.message.partition, []).append(_record(topic, event.message))
    return records


def _record(topic: Topic, message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers
    time_ms = round(message.timestamp * 1000)
    return record_of(topic, message.partition, message.offset, time_ms, message.key, message.value, headers)
