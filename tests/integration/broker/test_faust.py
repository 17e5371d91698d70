"""A small Faust app, set up as the node's apps are, against the embedded log's process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.contrib.asgi import faust_app_running
from mode import CrashingSupervisor

from streams.broker.supervisor import EmbeddedBroker
from tests.contract.broker.under_test import of_embedded


def app_of(broker: EmbeddedBroker, seen: list[tuple[int, int, bytes]]) -> faust.App:
    app = faust.App(
        "contract",
        broker=f"kafka://{broker.bootstrap}",
        broker_credentials=faust.SASLCredentials(
            username=broker.credentials.user, password=broker.credentials.password, mechanism="PLAIN"
        ),
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        topic_disable_leader=True,
        consumer_group_instance_id="node-1",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
    )
    topic = app.topic("events", value_serializer="raw", key_serializer="raw", internal=False)

    @app.agent(topic, supervisor_strategy=CrashingSupervisor)
    async def fold(stream):  # type: ignore[no-untyped-def]
        async for event in stream.noack().events():
            seen.append((event.message.partition, event.message.offset, event.value))
            await stream.ack(event)

    return app


async def wait_until(seen: list, count: int) -> None:  # type: ignore[type-arg]
    async with asyncio.timeout(30):
        while len(seen) < count:  # noqa: ASYNC110 - the list is the agent's only output
            await asyncio.sleep(0.02)


async def produce(broker: EmbeddedBroker, first: int, count: int) -> None:
    async with AIOKafkaProducer(**of_embedded(broker).aiokafka(), acks="all", enable_idempotence=True) as producer:
        for number in range(first, first + count):
            await producer.send_and_wait("events", b"%d" % number, partition=number % 2)


async def test_an_agent_sees_every_event_once_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    admin = AIOKafkaAdminClient(**of_embedded(broker).aiokafka())
    await admin.start()
    await admin.create_topics([NewTopic("events", 2, 1)])
    seen: list[tuple[int, int, bytes]] = []
    await produce(broker, 0, 50)
    async with faust_app_running(app_of(broker, seen), stop_timeout=10):
        await wait_until(seen, 50)
        await produce(broker, 50, 50)
        await wait_until(seen, 100)
    for partition in (0, 1):
        mine = [row for row in seen if row[0] == partition]
        assert [offset for _, offset, _ in mine] == list(range(50))
        assert [int(value) for _, _, value in mine] == list(range(partition, 100, 2))
    offsets = await admin.list_consumer_group_offsets("contract")
    assert {place.partition: meta.offset for place, meta in offsets.items() if place.topic == "events"} == {
        0: 50,
        1: 50,
    }
    await admin.close()
    await broker.stop()
