"""Records that are no events of ours, or newer than this program."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from govault.domain import rules as rules_module
from govault.domain.position import Verdict
from govault.domain.rules import RULES_LATEST
from schemas.codec import encode
from schemas.events.files import RulesActivated
from schemas.topics import Topic
from streams import streams as streams_module
from streams.broker.supervisor import EmbeddedBroker
from streams.records import headers_of
from streams.streams import Streams, StreamsSettings
from tests.integration.streams.vault_log import MAC_KEY, WAIT_S, Writer, digests, event, settings_for


async def send_raw(settings: StreamsSettings, topic: Topic, partition: int, value: bytes | None, **sent: object) -> int:
    """Write a record past GoVault's own log client; its offset."""
    producer = AIOKafkaProducer(**settings.connection.client_settings("stranger"))
    await producer.start()
    try:
        name = settings.connection.topic_name(topic)
        return (await producer.send_and_wait(name, value, partition=partition, **sent)).offset
    finally:
        await producer.stop()


def newer(writer: Writer, kind: str) -> bytes:
    """The value of an event whose type this program does not know."""
    document = orjson.loads(encode(event(writer.commit("a"), writer.space_id)))
    return orjson.dumps(document | {"type": kind})


async def test_malformed_records_are_skipped_and_counted_everywhere_alike(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    other = await Streams.start(replace(settings_for(broker, tmp_path / "other"), node_id="another-node"))
    try:
        writer = await Writer.with_space(streams)
        genuine = encode(event(writer.commit("forged"), writer.space_id))
        key = writer.space_id.encode()
        forged = headers_of(Topic.FILES, 1, key, genuine, b"w" * 32)
        elsewhere = headers_of(Topic.FILES, 0, key, genuine, MAC_KEY)
        await send_raw(settings, Topic.FILES, 1, b"not an event")
        await send_raw(settings, Topic.FILES, 1, genuine, key=key, headers=forged)
        await send_raw(settings, Topic.FILES, 1, genuine, key=key, headers=elsewhere)
        await send_raw(settings, Topic.FILES, 1, None, key=key)
        outcome = await writer.write(writer.commit("after"))
        assert outcome.verdict is Verdict.ACCEPTED
        row = next(row for row in streams.views.status() if (row.topic, row.partition) == (Topic.FILES, 1))
        assert row.malformed == 4
        assert streams.views.malformed_last(Topic.FILES, 1) == [1, 2, 3, 4]
        assert streams.views.resolve(writer.space_id, "forged") is None
        assert await other.wait_caught_up(WAIT_S)
        assert digests(other) == digests(streams)
    finally:
        await other.stop()
        await streams.stop()


async def test_an_event_of_a_newer_type_stops_its_partition_only(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        await writer.write(writer.commit("before"))
        value, key = newer(writer, "govault.files.something_new.v1"), writer.space_id.encode()
        at = await send_raw(
            settings, Topic.FILES, 1, value, key=key, headers=headers_of(Topic.FILES, 1, key, value, MAC_KEY)
        )
        await writer.append_only(writer.commit("behind"))
        elsewhere = Writer(streams, writer.space_id, partition=0)
        outcome = await elsewhere.write(writer.commit("elsewhere"))
        assert outcome.reason == "space-unknown"
        row = next(row for row in streams.views.status() if (row.topic, row.partition) == (Topic.FILES, 1))
        assert row.applied == at - 1
        assert "something_new" in row.stopped
        assert streams.views.resolve(writer.space_id, "before") is not None
        assert streams.views.resolve(writer.space_id, "behind") is None
        assert not streams.crashed.done()
    finally:
        await streams.stop()


async def test_a_stopped_partition_with_a_long_tail_does_not_hold_up_a_start(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "LAG_FOR_BULK_MIN", 3)
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    value, key = newer(writer, "govault.files.something_new.v1"), writer.space_id.encode()
    headers = headers_of(Topic.FILES, 1, key, value, MAC_KEY)
    await send_raw(settings, Topic.FILES, 1, value, key=key, headers=headers)
    await streams.stop()
    streams = await Streams.start(settings)
    for number in range(20):
        await streams.log.append(event(writer.commit(f"f{number}"), writer.space_id), 1)
    await streams.stop()
    streams = await Streams.start(settings)
    try:
        row = next(row for row in streams.views.status() if (row.topic, row.partition) == (Topic.FILES, 1))
        assert row.applied == 0
        assert row.stopped
    finally:
        await streams.stop()


async def test_rules_that_this_program_does_not_know_stop_the_partition(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        for rules in range(2, RULES_LATEST + 1):
            await writer.write(RulesActivated(rules=rules))
        await writer.append_only(RulesActivated(rules=RULES_LATEST + 1))
        await Writer(streams, writer.space_id, partition=0).write(writer.commit("elsewhere"))
        await writer.append_only(writer.commit("behind"))
        restarted_before = digests(streams)
    finally:
        await streams.stop()
    streams = await Streams.start(settings)
    try:
        await Writer(streams, writer.space_id, partition=0).write(writer.commit("elsewhere again"))
        stopped = [row for row in streams.views.status() if row.stopped]
        assert [(row.topic, row.partition, row.applied) for row in stopped] == [(Topic.FILES, 1, RULES_LATEST - 1)]
        assert [row for row in digests(streams) if row[1] == 1] == [row for row in restarted_before if row[1] == 1]
    finally:
        await streams.stop()


async def test_views_that_a_program_of_newer_rules_folded_are_not_folded_on_by_an_older_one(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        for rules in range(2, RULES_LATEST + 1):
            await writer.write(RulesActivated(rules=rules))
        await writer.write(writer.commit("by the newer"))
        before = digests(streams)
    finally:
        await streams.stop()
    monkeypatch.setattr(rules_module, "RULES_LATEST", RULES_LATEST - 1)
    streams = await Streams.start(settings)
    try:
        older = Writer(streams, writer.space_id)
        await older.append_only(older.commit("behind"))
        await Writer(streams, writer.space_id, partition=0).write(writer.commit("elsewhere"))
        assert streams.views.stopped() == {(Topic.FILES, 1)}
        assert [row for row in digests(streams) if row[1] == 1] == [row for row in before if row[1] == 1]
        assert streams.views.resolve(writer.space_id, "by the newer") is not None
    finally:
        await streams.stop()
    monkeypatch.undo()
    streams = await Streams.start(settings)
    try:
        last = await Writer(streams, writer.space_id).write(writer.commit("after"))
        assert last.verdict is Verdict.ACCEPTED
        assert streams.views.resolve(writer.space_id, "behind") is not None
    finally:
        await streams.stop()
