"""The node's side of the child: start, port, credentials, lock, failures, stop."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.broker.failures import LogDamaged, LogLocked, LogTooNew
from streams.broker.supervisor import BrokerDidNotStart, EmbeddedBroker
from tests.contract.broker.under_test import of_embedded


async def test_port_credentials_and_identity_outlive_the_child(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    before = (broker.bootstrap, broker.cluster_id, broker.credentials)
    assert stat.S_IMODE((tmp_path / "log" / "credentials.json").stat().st_mode) == 0o600
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await broker.died.wait()
    await broker.start()
    assert (broker.bootstrap, broker.cluster_id, broker.credentials) == before
    assert not broker.died.is_set()
    await broker.stop()
    assert (broker.exit_code, broker.died.is_set(), broker.pid) == (0, False, None)
    again = EmbeddedBroker(tmp_path / "log", port=0)
    await again.start()
    assert (again.cluster_id, again.credentials) == before[1:]
    await again.stop()


async def test_a_folder_in_use_is_refused_with_the_reason(tmp_path: Path) -> None:
    one, two = EmbeddedBroker(tmp_path / "log", port=0), EmbeddedBroker(tmp_path / "log", port=0)
    await one.start()
    with pytest.raises(BrokerDidNotStart, match="in use by another process") as refused:
        await two.start()
    assert refused.value.exit_code == LogLocked.exit_code
    await two.stop()
    await one.stop()


async def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    one = EmbeddedBroker(tmp_path / "one", port=0)
    await one.start()
    two = EmbeddedBroker(tmp_path / "two", port=int(one.bootstrap.rpartition(":")[2]))
    with pytest.raises(OSError, match="in use"):
        await two.start()
    await one.stop()


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    await broker.stop()
    identity = tmp_path / "log" / "log.json"
    identity.write_text(identity.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(BrokerDidNotStart, match="format 99") as refused:
        await broker.start()
    assert refused.value.exit_code == LogTooNew.exit_code
    await broker.stop()


async def test_missing_segments_are_refused_and_not_served_as_an_empty_log(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "log", port=0)
    await broker.start()
    await write(broker, b"precious")
    await broker.stop()
    for segment in (tmp_path / "log" / "partitions").rglob("*.log"):
        segment.unlink()
    with pytest.raises(BrokerDidNotStart, match="lost acknowledged records") as refused:
        await broker.start()
    assert refused.value.exit_code == LogDamaged.exit_code
    await broker.stop()


async def write(broker: EmbeddedBroker, value: bytes) -> None:
    settings = of_embedded(broker).aiokafka()
    admin = AIOKafkaAdminClient(**settings)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(**settings, acks="all") as producer:
        await producer.send_and_wait("t", value)
