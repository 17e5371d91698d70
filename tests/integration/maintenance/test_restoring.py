"""A log folder written anew serves the same records at the same offsets with the same times."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from govault.domain.position import Position
from govault.errors import Config
from govault.ports import LogRecord
from govault.services.maintenance.backup_files import LOG_MAGIC, decode_records, encode_record
from schemas.topics import Topic
from streams.broker.sizes import partition_sizes
from streams.connection import Connection
from streams.log_reader import KafkaLogReader
from streams.restoring import EmbeddedLogRestorer
from tests.integration.broker.in_process import CREDENTIALS, Served, serving

RECORDS = [
    LogRecord(Position(Topic.FILES, 1, 5), 1000, b"key", b"value", (("h", b"1"), ("h", b"2"))),
    LogRecord(Position(Topic.FILES, 1, 6), 1000, b"", b"", ()),
    LogRecord(Position(Topic.FILES, 1, 7), 2000, b"k" * 300, b"v" * 500_000, (("header", b"\x00\xff"),)),
    LogRecord(Position(Topic.FILES, 1, 9), 2000, b"after a gap", b"x", ()),
    LogRecord(Position(Topic.FILES, 1, 10), 2500, b"later", b"x", ()),
]


def reader(served: Served) -> KafkaLogReader:
    connection = Connection(served.bootstrap, "vault", CREDENTIALS.user, CREDENTIALS.password)
    return KafkaLogReader(connection, 2)


def restore(folder: Path, records: list[LogRecord]) -> int:
    log = EmbeddedLogRestorer(folder, "vault")
    for topic in Topic:
        log.add_topic(topic, 2 if topic is Topic.FILES else 1)
    count = log.restore(Topic.FILES, 1, iter(records))
    log.finish()
    return count


async def test_offsets_times_keys_headers_and_values_are_what_they_were(tmp_path: Path) -> None:
    assert restore(tmp_path / "log", RECORDS) == len(RECORDS)
    async with serving(tmp_path / "log") as served:
        assert await reader(served).bounds(Topic.FILES) == {0: (0, 0), 1: (5, 11)}
        found = [record async for record in reader(served).read(Topic.FILES, 1, 5, 11)]
        assert found == RECORDS
        assert partition_sizes(tmp_path / "log")["vault.files", 1] > 500_000


async def test_the_log_goes_on_behind_what_was_restored_also_after_a_restart(tmp_path: Path) -> None:
    restore(tmp_path / "log", RECORDS)
    for expected in (11, 12):
        async with serving(tmp_path / "log") as served:
            producer = AIOKafkaProducer(**served.settings)
            await producer.start()
            written = await producer.send_and_wait("vault.files", b"new", partition=1)
            await producer.stop()
            assert written.offset == expected
    async with serving(tmp_path / "log") as served:
        found = [record async for record in reader(served).read(Topic.FILES, 1, 5, 13)]
        assert found[: len(RECORDS)] == RECORDS
        assert [record.value for record in found[len(RECORDS) :]] == [b"new", b"new"]


def test_records_survive_the_way_through_a_backup_file(tmp_path: Path) -> None:
    path = tmp_path / "1"
    path.write_bytes(LOG_MAGIC + b"".join(map(encode_record, RECORDS)))
    assert list(decode_records(path, Topic.FILES, 1)) == RECORDS


@pytest.mark.parametrize("cut", [1, 3, 30, 200])
def test_a_backup_file_that_ends_early_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "1"
    path.write_bytes((LOG_MAGIC + b"".join(map(encode_record, RECORDS)))[:-cut])
    with pytest.raises(Config, match="middle of a record"):
        list(decode_records(path, Topic.FILES, 1))
