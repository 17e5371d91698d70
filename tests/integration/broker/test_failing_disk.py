"""A disk that fails: the broker stops at once, and nobody was told that lost data is durable."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, PolicyViolationError

from streams.broker.disk import File, RealDisk
from streams.broker.failures import DiskFailed, DiskFull
from streams.broker.supervisor import EmbeddedBroker
from tests.contract.broker.under_test import of_embedded
from tests.integration.broker.in_process import serving


class FailingFile:
    def __init__(self, file: File, disk: FailingDisk) -> None:
        self._file = file
        self._disk = disk

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._file, name)

    def pwrite(self, buffers: Sequence[bytes | bytearray | memoryview], position: int) -> None:
        self._disk.maybe("pwrite")
        self._file.pwrite(buffers, position)

    def sync(self) -> None:
        self._disk.maybe("sync")
        self._file.sync()

    def close(self) -> None:
        self._disk.open_files -= 1
        self._file.close()


class FailingDisk(RealDisk):
    """Fails one kind of call from a moment on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failing = ""
        self.error = errno.EIO
        self.failed_calls = 0
        self.free = 1 << 40
        self.open_files = 0

    def free_bytes(self) -> int:
        return self.free

    def maybe(self, kind: str) -> None:
        if self.failing == kind:
            self.failed_calls += 1
            raise OSError(self.error, os.strerror(self.error))

    def open(self, path: str, *, create: bool = False) -> File:  # type: ignore[override]
        file = super().open(path, create=create)
        self.open_files += 1
        return FailingFile(file, self)  # type: ignore[return-value]

    def rename(self, old: str, new: str) -> None:
        self.maybe("rename")
        super().rename(old, new)


@pytest.mark.parametrize(
    ("call", "error", "failure"),
    [("sync", errno.EIO, DiskFailed), ("pwrite", errno.ENOSPC, DiskFull), ("pwrite", errno.EDQUOT, DiskFull)],
)
async def test_a_failed_write_or_fsync_stops_the_broker_and_is_never_retried(
    tmp_path: Path, call: str, error: int, failure: type[DiskFailed]
) -> None:
    disk = FailingDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        await make_topic(served.settings)
        async with AIOKafkaProducer(**served.settings, acks="all", request_timeout_ms=1000) as producer:
            await producer.send_and_wait("t", b"kept")
            disk.failing, disk.error = call, error
            with pytest.raises((KafkaError, TimeoutError)):
                await asyncio.wait_for(producer.send_and_wait("t", b"lost"), 5)
            assert [type(f) for f in served.failures] == [failure]
            assert disk.failed_calls == 1
            partition = served.broker.store.partition("t", 0)
            assert partition is not None
            assert partition.durable_offset == 1, "what was not synced must not be readable"
            disk.failing = ""
    async with serving(tmp_path / "log") as served:
        partition = served.broker.store.partition("t", 0)
        assert partition is not None
        # The write itself may have reached the file; the acknowledged one has to be there.
        assert partition.durable_offset >= 1


async def test_a_nearly_full_disk_refuses_producers_and_serves_everybody_else(tmp_path: Path) -> None:
    disk = FailingDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        await make_topic(served.settings)
        place = TopicPartition("t", 0)
        async with (
            AIOKafkaProducer(**served.settings, acks="all") as producer,
            AIOKafkaConsumer(**served.settings, group_id="g", enable_auto_commit=False) as consumer,
        ):
            await producer.send_and_wait("t", b"before")
            disk.free = 1_000_000
            served.broker.space.look()
            with pytest.raises(PolicyViolationError):
                await producer.send_and_wait("t", b"too much")
            consumer.assign([place])
            consumer.seek(place, 0)
            assert (await asyncio.wait_for(consumer.getone(), 10)).value == b"before"
            await consumer.commit({place: 1})
            disk.free = 1 << 40
            served.broker.space.look()
            await producer.send_and_wait("t", b"after")
        assert not served.failures


async def test_a_catalogue_that_cannot_be_written_stops_the_broker(tmp_path: Path) -> None:
    disk = FailingDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        disk.failing = "rename"
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(make_topic(served.settings), 5)
        assert [type(f) for f in served.failures] == [DiskFailed]
        assert served.broker.store.topics == {}


async def test_the_process_ends_with_the_exit_code_of_the_failure(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    settings = of_embedded(broker).aiokafka()
    await make_topic(settings)
    assert broker.pid is not None
    # From here on its files may not grow beyond what the system allows them (Python ignores the signal).
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    async with AIOKafkaProducer(**settings, acks="all", request_timeout_ms=1000) as producer:
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(write_for_ever(producer), 10)
        await asyncio.wait_for(broker.died.wait(), 10)
    assert broker.exit_code == DiskFailed.exit_code
    await broker.stop()


async def write_for_ever(producer: AIOKafkaProducer) -> None:
    while True:
        await producer.send_and_wait("t", b"x" * 50_000)


async def make_topic(settings: dict) -> None:  # type: ignore[type-arg]
    admin = AIOKafkaAdminClient(**settings, request_timeout_ms=2000)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("t", 1, 1)])
    finally:
        await admin.close()
