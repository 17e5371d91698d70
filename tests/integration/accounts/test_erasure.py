"""What an erasure leaves in the files of the embedded log: no byte of the key that opened a person's data."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from govault.limits import COMPACTION_LAG_MS
from govault.services.accounts.keys import FollowedAccountKeys
from schemas.topics import Topic
from streams.broker.broker import Broker
from streams.connection import Connection
from streams.log import KafkaEventLog
from streams.log_reader import KafkaLogReader
from streams.topics import ensure_topics
from tests.integration.broker.in_process import CREDENTIALS, Served, serving
from tests.unit.services.maintenance.fakes import FakeRandomness

MAC_KEY, WRAPPING_KEY = b"m" * 32, b"w" * 32
WAIT_S = 30


class LogTime:
    """The log's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms


def connection_to(served: Served) -> Connection:
    return Connection(served.bootstrap, username=CREDENTIALS.user, password=CREDENTIALS.password)


@asynccontextmanager
async def following(served: Served, lag_s: float = 60.0) -> AsyncIterator[tuple[FollowedAccountKeys, KafkaLogReader]]:
    """A node's account keys on a log."""
    connection = connection_to(served)
    log, reader = KafkaEventLog(connection, MAC_KEY, 1), KafkaLogReader(connection, 1)
    keys = FollowedAccountKeys(log, reader, FakeRandomness(), MAC_KEY, WRAPPING_KEY, lag_s)
    await log.start()
    running = asyncio.create_task(keys.run())
    try:
        yield keys, reader
    finally:
        running.cancel()
        await asyncio.wait([running])
        await log.stop()


async def wrapped(reader: KafkaLogReader) -> dict[str, bytes]:
    """What the log gives readers: the newest value of each key."""
    _, end = (await reader.bounds(Topic.KEYS))[0]
    return {record.key.decode(): record.value async for record in reader.read(Topic.KEYS, 0, 0, end)}


def files_with(folder: Path, content: bytes) -> list[str]:
    """The files below a folder that hold these bytes anywhere."""
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()
    ]


async def pass_lag(broker: Broker, clock: LogTime) -> None:
    """Let the log keep house when compaction may not wait any longer."""
    clock.ahead_ms += COMPACTION_LAG_MS + 1000
    await broker.keep_house()


async def test_no_file_of_the_log_holds_a_destroyed_key_and_the_others_stay(tmp_path: Path) -> None:
    clock, folder = LogTime(), tmp_path / "log"
    async with serving(folder, now_ms=clock) as served:
        await ensure_topics(connection_to(served), 1, {})
        async with following(served) as (keys, reader):
            for number in range(20):
                await keys.make(f"a_{number}")
            before = await wrapped(reader)
            await keys.destroy("a_7")
            assert files_with(folder, before["a_7"]), "this search must find what is there"
            await pass_lag(served.broker, clock)
            assert files_with(folder, before["a_7"]) == []
            assert all(files_with(folder, before[f"a_{number}"]) for number in range(20) if number != 7)
            assert await wrapped(reader) == {**before, "a_7": b""}
            assert keys.get("a_7") is None
            await keys.destroy("a_8")
            await keys.make("a_20")
            await pass_lag(served.broker, clock)
            assert files_with(folder, before["a_8"]) == []
        assert served.failures == []
    async with serving(folder, now_ms=clock) as again, following(again) as (keys, reader):
        assert set(await wrapped(reader)) == {f"a_{number}" for number in range(21)}
        await keys.follower.wait_read(22, WAIT_S)
        assert [number for number in range(21) if keys.get(f"a_{number}") is None] == [7, 8]
        assert files_with(folder, before["a_7"]) == []


async def test_a_log_that_was_killed_after_an_erasure_forgets_the_key_when_it_is_back(tmp_path: Path) -> None:
    clock, folder = LogTime(), tmp_path / "log"
    async with serving(folder, now_ms=clock) as served:
        await ensure_topics(connection_to(served), 1, {})
        async with following(served) as (keys, reader):
            await keys.make("a_1")
            before = await wrapped(reader)
            await keys.destroy("a_1")
            # As the files are at this moment, with everything in the write-ahead log only.
            left = tmp_path / "left"
            await asyncio.to_thread(copy_without_locks, folder, left)
    async with serving(left, now_ms=clock) as again:
        assert files_with(left, before["a_1"])
        await pass_lag(again.broker, clock)
        assert files_with(left, before["a_1"]) == []


def copy_without_locks(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "lock" not in path.name:
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())


async def test_a_topic_of_an_earlier_version_is_given_the_terms_on_which_it_forgets(tmp_path: Path) -> None:
    clock, folder = LogTime(), tmp_path / "log"
    async with serving(folder, now_ms=clock) as served:
        connection = connection_to(served)
        await ensure_topics(connection, 1, {})
        admin = AIOKafkaAdminClient(**connection.client_settings("test"))
        await admin.start()
        name = connection.topic_name(Topic.KEYS)
        older = {
            "cleanup.policy": "compact",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": "2000000",
        }
        try:
            for answer in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, older)]):
                assert answer.resources[0][0] == 0, answer
        finally:
            await admin.close()
        assert not served.broker.store.topics[name].config.promises_to_forget
        await ensure_topics(connection, 1, {})
        config = served.broker.store.topics[name].config
        assert (config.compaction_lag_ms_max, config.is_compacted, config.is_expiring) == (
            COMPACTION_LAG_MS,
            True,
            False,
        )


async def test_a_record_follows_one_that_destroyed_a_key_so_that_its_segment_can_be_closed(tmp_path: Path) -> None:
    async with serving(tmp_path / "log") as served:
        await ensure_topics(connection_to(served), 1, {})
        async with following(served, lag_s=0.05) as (keys, reader):
            await keys.make("a_1")
            await keys.make("a_2")
            await keys.destroy("a_1")
            await keys.follower.wait_read(3, WAIT_S)
            # One is enough, and nobody takes it for an account.
            await keys.make("a_3")
            assert keys.follower.next_offset == 5
            assert (keys.get("a_1"), await wrapped(reader)) == (
                None,
                await wrapped(reader) | {"after-destruction": b""},
            )
            assert keys.get("after-destruction") is None
