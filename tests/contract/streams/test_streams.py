"""What the node relies on, whichever log it stands on: ``EventLog``, ``Views`` and their upkeep together."""

import asyncio
import shutil
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from govault.domain.position import Verdict
from govault.errors import Config, TooLarge
from govault.limits import EVENT_BYTES_MAX
from schemas.events.files import EpochOpened, ManifestPartsAdded
from schemas.topics import Topic
from streams.connection import Connection
from streams.streams import Streams, StreamsSettings
from streams.topics import ensure_topics
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity
from tests.integration.streams.vault_log import DIGEST_KEY, MAC_KEY, PARTITIONS, WAIT_S, Writer, digests, event


def settings_on(connection: Connection, root: Path) -> StreamsSettings:
    vault = VaultIdentity("vault-of-the-test", PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))
    return StreamsSettings(connection, root / "views", "node-of-the-test", vault)


async def test_appended_events_are_decided_in_log_order_and_their_outcomes_told(
    connection: Connection, tmp_path: Path
) -> None:
    streams = await Streams.start(settings_on(connection, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        racing = [writer.append_only(writer.commit("same", str(number))) for number in range(20)]
        written = sorted(await asyncio.gather(*racing), key=lambda one: one[1].offset)
        outcomes = [await streams.views.wait_outcome(position, event_id, WAIT_S) for event_id, position in written]
        assert [outcome.fact("version") for outcome in outcomes] == list(range(1, 21))
        assert [position.offset for _, position in written] == list(range(1, 21))
        assert (await streams.log.end_offsets(Topic.FILES))[writer.partition] == 21
        token = streams.views.position_token()
        await streams.views.wait_for_token(token, 1.0)
    finally:
        await streams.stop()


async def test_a_repeat_gets_the_first_outcome(connection: Connection, tmp_path: Path) -> None:
    streams = await Streams.start(settings_on(connection, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        first = event(writer.commit("a", "one"), writer.space_id)
        outcome = await writer.outcome(first, writer.partition)
        again = await writer.outcome(first, writer.partition)
        other = await writer.outcome(first._replace(request_hash="another"), writer.partition)
        assert again == outcome
        assert (other.verdict, other.reason) == (Verdict.REFUSED, "idempotency-mismatch")
        row = streams.views.find_outcome(first.id)
        assert row is not None
        assert row.offset == outcome.position.offset
    finally:
        await streams.stop()


async def test_views_are_equal_after_restart_rebuild_and_cold_start(connection: Connection, tmp_path: Path) -> None:
    settings = settings_on(connection, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    for number in range(60):
        await writer.append_only(writer.commit(f"d{number % 7}/f{number % 30}", str(number)))
    await writer.write(writer.commit("last"))
    live = digests(streams)
    await streams.views.rebuild(lambda *_: None)
    assert digests(streams) == live
    await streams.stop()
    streams = await Streams.start(settings)
    assert digests(streams) == live
    await streams.stop()
    shutil.rmtree(settings.views_root)
    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        assert digests(streams) == live
    finally:
        await streams.stop()


async def test_callbacks_hear_of_epochs_before_the_writer_does(connection: Connection, tmp_path: Path) -> None:
    heard: list[int] = []
    settings = settings_on(connection, tmp_path)
    streams = await Streams.start(settings, on_open=lambda views: views.on_epoch(heard.append))
    try:
        writer = Writer(streams, await _space(streams))
        assert heard == []
        await writer.write(EpochOpened(epoch=1))
        assert heard == [1]
        assert streams.views.partition_row(writer.partition).epoch == 1
    finally:
        await streams.stop()


async def _space(streams: Streams):  # type: ignore[no-untyped-def]
    return (await Writer.with_space(streams)).space_id


async def test_events_up_to_the_limit_fit_and_larger_ones_are_refused(connection: Connection, tmp_path: Path) -> None:
    streams = await Streams.start(settings_on(connection, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        fits = ManifestPartsAdded(space_id=writer.space_id, parts=("A" * (EVENT_BYTES_MAX - 2048),), epoch=0)
        outcome = await writer.write(fits)
        assert outcome.verdict is Verdict.REFUSED
        with pytest.raises(TooLarge):
            await writer.write(fits.model_copy(update={"parts": ("A" * EVENT_BYTES_MAX,)}))
    finally:
        await streams.stop()


async def test_topics_that_are_not_as_they_must_be_are_refused_with_the_way_out(
    connection: Connection, tmp_path: Path
) -> None:
    settings = settings_on(connection, tmp_path)
    await ensure_topics(connection, PARTITIONS, {})
    await ensure_topics(connection, PARTITIONS, {})
    with pytest.raises(Config, match="files has 2 partitions, this vault was made with 5"):
        await ensure_topics(connection, PARTITIONS + 3, {})
    admin = AIOKafkaAdminClient(**connection.client_settings("test"))
    await admin.start()
    try:
        name = connection.topic_name(Topic.FILES)
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1000", "cleanup.policy": "delete"})]
        )
    finally:
        await admin.close()
    with pytest.raises(Config, match=r"files has retention.ms=1000, it must be -1: `kafka-configs.sh"):
        await Streams.start(settings)
