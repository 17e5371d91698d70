"""A log that has forgotten records moves with its offsets, times, tombstones and headers."""

import time
from pathlib import Path

import pytest

from deploy.local.kafka import ApacheKafka
from schemas.topics import TOPICS, Topic
from streams.broker.restoring import LogFolderWriter, RestoredRecord
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.migration.copying import all_places
from streams.migration.migrate import Migrated, migrate
from streams.migration.places import FILLER_KEY, ExactRecord, Place, PlaceReader
from streams.topics import ensure_topics, settings_of
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity
from tests.integration.streams.vault_log import DIGEST_KEY, MAC_KEY, PARTITIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LONG_AGO_MS = int(time.time() * 1000) - 30 * 86_400_000
"""Not so long that the audit's 90 days are over: Kafka would drop the records when it next looks round."""
EXPIRED = 1_000
AUDIT, KEYS = (Topic.AUDIT, 0), (Topic.KEYS, 0)
VAULT = VaultIdentity("vault-of-the-test", PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))


def record(offset: int, key: bytes | None, value: bytes | None, *headers: tuple[str, bytes]) -> RestoredRecord:
    return RestoredRecord(offset, LONG_AGO_MS + 1_000 * offset, key, value, headers)


def write_log(folder: Path, prefix: str) -> None:
    """Audit whose beginning has expired, and keys of which compaction took two."""
    folder.mkdir(parents=True)
    writer = LogFolderWriter(folder)
    for spec in TOPICS:
        connection = Connection("127.0.0.1:0", prefix)
        settings = settings_of(spec, connection) | {"retention.ms": "-1"}
        writer.add_topic(connection.topic_name(spec.topic), spec.partitions or PARTITIONS, settings)
    audit = [record(EXPIRED + number, b"who", b"%d" % number, ("h", b"1"), ("h", b"")) for number in range(20)]
    writer.write(f"{prefix}.audit", 0, audit)
    keys = [record(0, b"a", b"wrapped"), record(1, b"b", None), record(4, b"c", b""), record(5, None, b"no key")]
    writer.write(f"{prefix}.keys", 0, keys)
    writer.finish()


async def read_all(connection: Connection, place: Place) -> list[ExactRecord]:
    async with PlaceReader(connection) as reader:
        first, end = (await reader.bounds([place]))[place]
        return [one async for records in reader.read(place, first, end) for one in records]


async def test_expired_and_compacted_records_leave_their_offsets(
    kafka: ApacheKafka, prefix: str, tmp_path: Path
) -> None:
    write_log(tmp_path / "log", prefix)
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    try:
        login = broker.credentials
        source = Connection(broker.bootstrap, prefix, username=login.user, password=login.password)
        target = Connection(kafka.bootstrap, prefix)

        async def moved() -> Migrated:
            return await migrate(source, target, VAULT, tmp_path / "views", lambda *_: None)

        first = await moved()
        assert first.copied == first.records
        async with PlaceReader(source) as reading, PlaceReader(target) as writing:
            places = all_places(PARTITIONS)
            assert await writing.bounds(places) == await reading.bounds(places)
        assert await read_all(target, AUDIT) == await read_all(source, AUDIT)
        held = await read_all(target, KEYS)
        assert [one.offset for one in held] == list(range(6))
        assert [one for one in held if not one.is_filler] == await read_all(source, KEYS)
        assert [(one.key, one.value) for one in held[1:4]] == [(b"b", None), (FILLER_KEY, None), (FILLER_KEY, None)]
        await ensure_topics(target, PARTITIONS, {})

        # The last step before the switch may have been interrupted: everything is there, nothing is copied again.
        again = await moved()
        assert (again.copied, again.digests) == (0, first.digests)
    finally:
        await broker.stop()
