"""A damaged segment is told for its partition, and does not keep the others from being read."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kio.index import load_response_schema
from kio.serial import entity_reader

from streams.broker.apis.catalogue import list_offsets
from streams.broker.apis.fetch import fetch
from streams.broker.auth import Principal
from streams.broker.codes import Code
from streams.broker.protocol import Head, Request
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.integration.broker.in_process import Served, serving
from tests.unit.broker.made import batch

FETCH_VERSION = 11
_HEAD_SIZE = 4


@pytest.fixture
async def damaged(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Partition 0 has a closed segment that is damaged and lost its index; partition 1 is sound."""
    async with serving(tmp_path / "log") as served:
        store = served.broker.store
        topic = Topic("t", new_topic_id(), 2, TopicConfig.of({"segment.bytes": "1024"}))
        store_topics(store.disk, {"t": topic})
        store.add_topic(topic)
        for index in range(2):
            partition = store.partition("t", index)
            assert partition is not None
            for _ in range(3):
                store.append(partition, batch(b"x" * 600), 1_000)
            await served.broker.committer.committed()
        broken = store.partition("t", 0)
        assert broken is not None
        path = tmp_path / "log" / broken.segments[0].path
        index_path = tmp_path / "log" / broken.segments[0].index_path
    index_path.unlink()
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    async with serving(tmp_path / "log") as served:
        yield served


def fetch_of(*indexes: int, max_wait_s: float) -> Request:
    rows = tuple(SimpleNamespace(partition=index, fetch_offset=0, partition_max_bytes=1 << 20) for index in indexes)
    body = SimpleNamespace(
        topics=(SimpleNamespace(topic="t", partitions=rows),),
        max_wait=datetime.timedelta(seconds=max_wait_s),
        min_bytes=1,
        max_bytes=1 << 20,
        isolation_level=0,
    )
    return Request(Head(1, FETCH_VERSION, 1, "c", 0), body, Principal.READER)


async def answered(served: Served, request: Request) -> dict[int, Any]:
    made = fetch(served.broker, request)
    buffers = await asyncio.wait_for(made, 10) if isinstance(made, asyncio.Future) else made
    schema: Any = load_response_schema(1, FETCH_VERSION)
    answer: Any = entity_reader(schema)(b"".join(map(bytes, buffers)), _HEAD_SIZE)[0]
    return {row.partition_index: row for topic in answer.responses for row in topic.partitions}


async def test_a_fetch_tells_it_and_brings_what_the_other_partitions_have(damaged: Served) -> None:
    rows = await answered(damaged, fetch_of(0, 1, max_wait_s=5))
    assert rows[0].error_code == Code.KAFKA_STORAGE_ERROR
    assert rows[1].error_code == Code.NONE
    assert len(rows[1].records) > 600


async def test_looking_for_a_time_tells_it_and_finds_it_in_the_other_partitions(damaged: Served) -> None:
    asked = tuple(SimpleNamespace(partition_index=index, timestamp=500) for index in range(2))
    body = SimpleNamespace(topics=(SimpleNamespace(name="t", partitions=asked),))
    answer = list_offsets(damaged.broker, Request(Head(2, 5, 1, "c", 0), body, Principal.READER))
    broken, sound = answer["topics"][0]["partitions"]
    assert broken["error_code"] == Code.KAFKA_STORAGE_ERROR
    assert sound["offset"] == 0
