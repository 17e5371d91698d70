"""The write side against a broker that works, one that is gone, and events that do not fit."""

import asyncio
from pathlib import Path

import pytest

from govault.errors import EventLog, InvalidRequest, OutcomePending, TooLarge, ViewsLagging
from govault.limits import EVENT_BYTES_MAX
from schemas.events.files import ManifestPartsAdded
from schemas.topics import Topic
from streams import log as log_module
from streams.broker.supervisor import EmbeddedBroker
from streams.log import KafkaEventLog
from streams.streams import Streams
from streams.views.tokens import make_token
from tests.integration.streams.vault_log import MAC_KEY, PARTITIONS, Writer, event, settings_for


async def test_appends_of_many_tasks_get_positions_without_gaps(broker: EmbeddedBroker, tmp_path: Path) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        written = await asyncio.gather(*(writer.append_only(writer.commit(f"f{number}")) for number in range(100)))
        assert sorted(position.offset for _, position in written) == list(range(1, 101))
        outcomes = [await streams.views.wait_outcome(position, event_id, 20) for event_id, position in written]
        assert {outcome.position for outcome in outcomes} == {position for _, position in written}
        assert (await streams.log.end_offsets(Topic.FILES)) == {0: 0, 1: 101}
    finally:
        await streams.stop()


async def test_an_event_that_does_not_fit_is_refused_before_it_is_sent(broker: EmbeddedBroker, tmp_path: Path) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        large = ManifestPartsAdded(space_id="s", parts=("A" * EVENT_BYTES_MAX,), epoch=0)
        with pytest.raises(TooLarge):
            await streams.log.append(event(large, "s"), 0)
        assert (await streams.log.end_offsets(Topic.FILES))[0] == 0
    finally:
        await streams.stop()


async def test_a_write_while_the_log_is_away_is_not_called_written_and_the_next_one_goes_on(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "APPEND_TIMEOUT_S", 1.0)
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        assert broker.pid is not None
        broker._process.kill()  # type: ignore[union-attr]
        await broker.died.wait()
        with pytest.raises(EventLog):
            await streams.log.append(event(writer.commit("lost"), writer.space_id), 1)
        await broker.start()
        monkeypatch.setattr(log_module, "APPEND_TIMEOUT_S", 20.0)
        outcome = await writer.write(writer.commit("after"))
        assert outcome.fact("created") is True
        assert not streams.crashed.done()
    finally:
        await streams.stop()


async def test_waiting_for_what_is_not_applied_ends_in_time(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        event_id, position = await writer.append_only(writer.commit("a"))
        with pytest.raises(OutcomePending):
            await streams.views.wait_outcome(position._replace(offset=position.offset + 5), event_id, 0.05)
        ahead = {place: offset + 10 for place, offset in streams.views.applied().items()}
        token = make_token(settings.vault.vault_id, settings.vault.places(), ahead)
        with pytest.raises(ViewsLagging):
            await streams.views.wait_for_token(token, 0.05)
        foreign = make_token("another vault", settings.vault.places(), ahead)
        for bad in (foreign, "", "1.", "1.!!", token[:-2], "2." + token[2:], "1." + "A" * 9000):
            with pytest.raises(InvalidRequest):
                await streams.views.wait_for_token(bad, 0.05)
    finally:
        await streams.stop()


async def test_a_log_that_is_not_there_is_named(tmp_path: Path, broker: EmbeddedBroker) -> None:
    settings = settings_for(broker, tmp_path)
    await broker.stop()
    log = KafkaEventLog(settings.connection, MAC_KEY, PARTITIONS)
    with pytest.raises(EventLog, match="cannot be reached"):
        await log.start()
    with pytest.raises(EventLog):
        await Streams.start(settings)
