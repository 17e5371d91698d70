"""A destroyed key leaves the files of Apache Kafka: by the topic's settings, and the record that closes its segment."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.kafka import ApacheKafka
from govault.limits import COMPACTION_LAG_MS
from govault.services.accounts.keys import FollowedAccountKeys
from schemas.topics import TOPICS, Topic
from streams.connection import Connection
from streams.log import KafkaEventLog
from streams.log_reader import KafkaLogReader
from streams.topics import ensure_topics, forgetting_of, settings_of
from tests.unit.services.maintenance.fakes import FakeRandomness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MAC_KEY = b"m" * 32
WAIT_S = 120
SPEC = next(spec for spec in TOPICS if spec.topic is Topic.KEYS)


async def hasten(connection: Connection) -> None:
    """The terms of the topic, only that seconds stand where minutes are."""
    admin = AIOKafkaAdminClient(**connection.client_settings("test"))
    await admin.start()
    try:
        (described,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, connection.topic_name(Topic.KEYS))]
        )
        there = {entry[0]: entry[1] for entry in described.resources[0][4]}
        assert {setting: there[setting] for setting in forgetting_of(SPEC)} == forgetting_of(SPEC)
        assert there["max.compaction.lag.ms"] == str(COMPACTION_LAG_MS)
        quick = settings_of(SPEC, connection) | {"max.compaction.lag.ms": "1000", "file.delete.delay.ms": "1000"}
        asked = ConfigResource(ConfigResourceType.TOPIC, connection.topic_name(Topic.KEYS), quick)
        for answer in await admin.alter_configs([asked]):
            assert answer.resources[0][0] == 0, answer
    finally:
        await admin.close()


def holds(folder: Path, content: bytes) -> bool:
    """Whether any file below a folder has these bytes. Files may go meanwhile."""
    for path in folder.rglob("*.log*"):
        try:
            if content in path.read_bytes():
                return True
        except FileNotFoundError:
            continue
    return False


async def test_no_file_of_kafka_holds_a_destroyed_key(kafka: ApacheKafka, prefix: str) -> None:
    connection = Connection(kafka.bootstrap, prefix)
    await ensure_topics(connection, 1, {})
    await hasten(connection)
    log, reader = KafkaEventLog(connection, MAC_KEY, 1), KafkaLogReader(connection, 1)
    keys = FollowedAccountKeys(log, reader, FakeRandomness(), MAC_KEY, b"w" * 32, lag_s=2.0)
    await log.start()
    running = asyncio.create_task(keys.run())
    try:
        stays = await keys.make("a_stays")
        await keys.make("a_goes")
        wrapped = {record.key: record.value async for record in reader.read(Topic.KEYS, 0, 0, 2)}
        await keys.destroy("a_goes")
        assert holds(kafka.folder, wrapped[b"a_goes"])
        async with asyncio.timeout(WAIT_S):
            while await asyncio.to_thread(holds, kafka.folder, wrapped[b"a_goes"]):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        assert holds(kafka.folder, wrapped[b"a_stays"])
        assert (keys.get("a_stays"), keys.get("a_goes")) == (stays, None)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await log.stop()
