"""The embedded log and Apache Kafka side by side, in process: one event until it is visible, and a rebuild of views."""

import logging
import time
from pathlib import Path

from deploy.local.kafka import ApacheKafka
from schemas.envelope import Event
from schemas.events.files import FolderMade
from schemas.ids import new_event_id
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.streams import Streams, StreamsSettings
from streams.topics import ensure_topics
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity
from tests.benchmarks.cluster.percentiles import p50_p99_ms
from tests.benchmarks.streams_fixture import Fixture, produce_files
from tests.benchmarks.table import Table

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
PARTITIONS = 4
APPENDED = 500
VISIBLE_S = 10.0


async def measure(table: Table, scratch: Path, kafka: ApacheKafka, files: int) -> None:
    """Add the rows of both logs; each folds ``files`` files anew."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    broker = EmbeddedBroker(scratch / "log", port=0)
    await broker.start()
    login = broker.credentials
    try:
        embedded = Connection(broker.bootstrap, username=login.user, password=login.password)
        ours = await _measure(embedded, scratch / "views-embedded", files)
    finally:
        await broker.stop()
    theirs = await _measure(Connection(kafka.bootstrap, prefix="bench-logs"), scratch / "views-kafka", files)
    for at, what in ((0, "p50"), (1, "p99")):
        table.add(
            f"append → applied, {what}", f"embedded log {ours[at]:.1f} ms", peer=f"Apache Kafka {theirs[at]:.1f} ms",
            ratio=theirs[at] / ours[at],
        )  # fmt: skip
    table.add(
        f"rebuild of views, {files} files", f"embedded log {ours[2]:.0f} events/s",
        peer=f"Apache Kafka {theirs[2]:.0f} events/s", ratio=ours[2] / theirs[2],
    )  # fmt: skip


async def _measure(connection: Connection, views: Path, files: int) -> tuple[float, float, float]:
    """p50 and p99 of append → applied, ms, and events a second of a rebuild."""
    await ensure_topics(connection, PARTITIONS, {})
    fixture = await produce_files(connection, MAC_KEY, files, PARTITIONS)
    settings = StreamsSettings(
        connection, views, "bench", VaultIdentity("bench", PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))
    )
    began = time.perf_counter()
    streams = await Streams.start(settings)
    rate = fixture.files / (time.perf_counter() - began)
    try:
        return *p50_p99_ms([await _visible_s(streams, fixture, number) for number in range(APPENDED)]), rate
    finally:
        await streams.stop()


async def _visible_s(streams: Streams, fixture: Fixture, number: int) -> float:
    now_ms = time.time_ns() // 1_000_000
    made = FolderMade(space_id=fixture.spaces[0], path=f"made/{now_ms}-{number}")
    event_id = new_event_id(now_ms, number.to_bytes(10, "big"))
    event = Event(event_id, made, "bench", "/vaults/bench/nodes/bench", now_ms, fixture.spaces[0])
    began = time.perf_counter()
    position = await streams.log.append(event, 0)
    await streams.views.wait_outcome(position, event.id, VISIBLE_S)
    return time.perf_counter() - began
