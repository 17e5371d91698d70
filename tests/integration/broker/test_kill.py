"""kill -9 of the log's process under idempotent load: nothing acknowledged is missing, doubled or out of order."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError
from confluent_kafka import Producer

from streams.broker.failures import LogLocked
from streams.broker.supervisor import BrokerDidNotStart, EmbeddedBroker
from tests.contract.broker.under_test import of_embedded

PARTITIONS = 4


class Load:
    """An idempotent producer in a thread: numbered values to every partition, and what was acknowledged."""

    def __init__(self, settings: dict, topic: str) -> None:
        self.acknowledged: list[dict[int, int]] = [{} for _ in range(PARTITIONS)]
        self.failed: list[str] = []
        self.sent = 0
        self._ending = threading.Event()
        self._producer = Producer(
            settings
            | {
                "enable.idempotence": True,
                "linger.ms": 0,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 100,
                "retry.backoff.ms": 20,
                "queue.buffering.max.messages": 2000,
            }
        )
        self._topic = topic
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        assert self._producer.flush(30) == 0

    def _run(self) -> None:
        while not self._ending.is_set():
            number = self.sent
            try:
                self._producer.produce(
                    self._topic, b"%d" % number, partition=number % PARTITIONS, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.01)
                continue
            self.sent += 1
            self._producer.poll(0)

    def _delivered(self, error, message) -> None:  # type: ignore[no-untyped-def]
        if error is not None:
            self.failed.append(str(error))
        else:
            self.acknowledged[message.partition()][message.offset()] = int(message.value())


async def everything(broker: EmbeddedBroker, topic: str, partition: int) -> list[int]:
    place = TopicPartition(topic, partition)
    async with AIOKafkaConsumer(**of_embedded(broker).aiokafka(), auto_offset_reset="earliest") as consumer:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        out: list[int] = []
        while len(out) < end:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                assert [r.offset for r in records] == list(range(len(out), len(out) + len(records)))
                out += [int(r.value) for r in records]
    return out


@pytest.mark.parametrize("seed", [1, 2])
async def test_kill_loses_doubles_and_reorders_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    admin = AIOKafkaAdminClient(**of_embedded(broker).aiokafka())
    await admin.start()
    await admin.create_topics([NewTopic("load", PARTITIONS, 1, topic_configs={"segment.bytes": "200000"})])
    await admin.close()
    with Load(of_embedded(broker).librdkafka(), "load") as load:
        for _ in range(4):
            await asyncio.sleep(rng.uniform(0.2, 0.8))  # At a random moment: the time is the test's input.
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            await asyncio.wait_for(broker.died.wait(), 10)
            assert broker.exit_code == -signal.SIGKILL
            await broker.start()
        await asyncio.sleep(0.3)
    assert not load.failed
    for partition in range(PARTITIONS):
        found = await everything(broker, "load", partition)
        assert found == sorted(set(found)), "doubled or out of order"
        told = load.acknowledged[partition]
        assert told, "nothing was acknowledged: the test shows nothing"
        assert all(found[offset] == value for offset, value in told.items())
        assert found == list(range(partition, load.sent, PARTITIONS)), "something that was sent is missing"
    await broker.stop()


async def test_a_group_goes_on_after_the_log_was_killed(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    settings = of_embedded(broker).aiokafka()
    admin = AIOKafkaAdminClient(**settings)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    place = TopicPartition("t", 0)
    async with (
        AIOKafkaProducer(**settings, acks="all", enable_idempotence=True) as producer,
        AIOKafkaConsumer(
            "t", **settings, group_id="g", group_instance_id="n", auto_offset_reset="earliest", enable_auto_commit=False
        ) as consumer,
    ):
        for round_ in range(3):
            await producer.send_and_wait("t", b"%d" % round_)
            record = await asyncio.wait_for(consumer.getone(), 20)
            assert (record.offset, record.value) == (round_, b"%d" % round_)
            await asyncio.wait_for(commit(consumer), 20)
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            await asyncio.wait_for(broker.died.wait(), 10)
            await broker.start()
        assert await consumer.committed(place) == 3
    await broker.stop()


async def commit(consumer: AIOKafkaConsumer) -> None:
    """Commit, joining again first where the restarted log does not know the member any more."""
    while True:
        with suppress(CommitFailedError):
            return await consumer.commit()
        await consumer.getmany(timeout_ms=100)


async def test_the_log_ends_when_its_node_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from streams.broker.supervisor import EmbeddedBroker\n"
        "async def main():\n"
        "    broker = EmbeddedBroker(Path(sys.argv[1]), port=0)\n"
        "    await broker.start()\n"
        "    print(broker.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert node.stdout is not None
    child = int(await asyncio.wait_for(node.stdout.readline(), 30))
    assert os.getsid(child) == child, "the log has a session of its own"
    node.kill()
    await node.wait()
    # The lock falls with the child: a new one can start as soon as the old one is gone.
    again = EmbeddedBroker(tmp_path / "log", port=0)
    async with asyncio.timeout(15):
        while not await started(again):
            pass
    await again.stop()


async def started(broker: EmbeddedBroker) -> bool:
    try:
        await broker.start()
    except BrokerDidNotStart as refused:
        if refused.exit_code == LogLocked.exit_code:
            return False
        raise
    return True
