"""From an append to a visible outcome, and back after restarts."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from govault.domain.position import Verdict
from govault.errors import Config, EventLog
from schemas.topics import Topic
from streams import streams as streams_module
from streams.broker.supervisor import EmbeddedBroker
from streams.records import Record
from streams.streams import Streams
from streams.views import rebuild as rebuild_module
from tests.integration.streams.vault_log import WAIT_S, Writer, digests, event, settings_for


async def test_a_write_is_visible_once_its_outcome_is_known(broker: EmbeddedBroker, tmp_path: Path) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        outcome = await writer.write(writer.commit("docs/a.txt", "hello"))
        assert outcome.verdict is Verdict.ACCEPTED
        found = streams.views.resolve(writer.space_id, "docs/a.txt")
        assert found is not None
        assert streams.views.path_of(found) == "docs/a.txt"
        await streams.views.wait_for_token(streams.views.position_token(), 1.0)
    finally:
        await streams.stop()


async def test_a_restart_reads_on_where_the_views_are(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    for number in range(20):
        await writer.write(writer.commit(f"f{number}", str(number)))
    before = digests(streams)
    await streams.stop()

    streams = await Streams.start(settings)
    try:
        assert digests(streams) == before
        writer = Writer(streams, writer.space_id)
        assert (await writer.write(writer.commit("f20", "20"))).verdict is Verdict.ACCEPTED
    finally:
        await streams.stop()


async def test_views_folded_again_from_the_log_have_equal_digests(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    for number in range(50):
        await writer.write(writer.commit(f"d{number % 3}/f{number % 20}", str(number)))
    before = digests(streams)
    await streams.stop()

    shutil.rmtree(settings.views_root)
    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        assert digests(streams) == before
    finally:
        await streams.stop()


async def test_a_rebuild_serves_and_takes_writes_meanwhile_and_ends_with_equal_digests(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    try:
        writer = await Writer.with_space(streams)
        for number in range(300):
            await writer.append_only(writer.commit(f"f{number}", str(number)))
        await writer.write(writer.commit("last"))
        before = digests(streams)
        told: list[tuple[int, int]] = []
        await streams.views.rebuild(lambda done, total: told.append((done, total)))
        assert digests(streams) == before
        assert told[-1] == (303, 303)
        assert (await writer.write(writer.commit("after"))).verdict is Verdict.ACCEPTED
        assert streams.views.resolve(writer.space_id, "f7") is not None
        assert [path.name for path in settings.views_root.iterdir() if path.is_dir()] == ["g00000002"]
    finally:
        await streams.stop()


async def test_what_a_rebuild_folds_before_those_who_follow_is_told_and_answered_all_the_same(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "_LAG_AT_SWAP_MAX", 0)
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        first = event(writer.commit("a", "one"), writer.space_id)
        await writer.outcome(first, writer.partition)
        heard: list[bytes] = []
        streams.views.on_referenced(lambda chunks, _: heard.extend(chunks))
        go_on, follow = asyncio.Event(), streams.views.follow

        async def lag(place: tuple[Topic, int], records: Sequence[Record]) -> None:
            await go_on.wait()
            await follow(place, records)

        streams.views.follow = lag  # type: ignore[method-assign]
        commit = writer.commit("b", "two")
        await writer.append_only(commit)
        other = first._replace(request_hash="another")
        position = await streams.log.append(other, writer.partition)
        await streams.views.rebuild(lambda *_: None)
        assert heard == [bytes.fromhex(commit.content.sha256)]
        outcome = await streams.views.wait_outcome(position, other.id, WAIT_S)
        assert outcome.reason == "idempotency-mismatch"
        go_on.set()
        assert (await writer.write(writer.commit("c"))).verdict is Verdict.ACCEPTED
    finally:
        await streams.stop()


async def test_a_log_that_was_replaced_is_refused(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    await Writer.with_space(streams)
    await streams.stop()

    other = EmbeddedBroker(tmp_path / "other-log", port=0)
    await other.start()
    try:
        moved = settings_for(other, tmp_path)
        with pytest.raises(EventLog, match="has no topic"):
            await Streams.start(moved)
        stranger = await Streams.start(settings_for(other, tmp_path / "stranger"))
        await Writer.with_space(stranger, "another")
        await stranger.stop()
        with pytest.raises(EventLog, match="replaced or rewritten"):
            await Streams.start(moved)
    finally:
        await other.stop()


async def test_a_log_older_than_the_views_is_refused(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    await streams.stop()
    await broker.stop()
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    await broker.start()
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = Writer(streams, writer.space_id)
    await writer.write(writer.commit("later"))
    await streams.stop()

    restored = EmbeddedBroker(tmp_path / "backup", port=0)
    await restored.start()
    try:
        with pytest.raises(EventLog, match="older than the views"):
            await Streams.start(settings_for(restored, tmp_path))
    finally:
        await restored.stop()


async def test_views_of_another_vault_are_refused(broker: EmbeddedBroker, tmp_path: Path) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    await streams.stop()
    with pytest.raises(Config, match="belong to vault"):
        await Streams.start(settings_for(broker, tmp_path, vault_id="another"))


async def test_damaged_views_are_folded_again(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)
    await writer.write(writer.commit("a"))
    before = digests(streams)
    await streams.stop()
    (settings.views_root / "g00000001" / "shard-1" / "rows" / "CURRENT").write_text("nonsense")

    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        assert digests(streams) == before
    finally:
        await streams.stop()


async def test_a_long_lag_is_folded_in_bulk_while_faust_goes_on(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "LAG_FOR_BULK_MIN", 0)
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await Writer.with_space(streams)
        async with streams.views.folding_paused():
            for number in range(200):
                await writer.append_only(writer.commit(f"f{number}", str(number)))
        await streams._catch_up()
        assert (await writer.write(writer.commit("after"))).verdict is Verdict.ACCEPTED
        live = digests(streams)
        await streams.views.rebuild(lambda *_: None)
        assert digests(streams) == live
    finally:
        await streams.stop()


async def test_a_fold_that_fails_crashes_the_streams_and_loses_nothing(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await Writer.with_space(streams)

    async def fail(place: object, records: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(streams.views, "follow", fail)
    await writer.append_only(writer.commit("a"))
    reason = await asyncio.wait_for(asyncio.shield(streams.crashed), WAIT_S)
    assert "no space left" in str(reason)
    await streams.stop()

    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        assert streams.views.resolve(writer.space_id, "a") is not None
    finally:
        await streams.stop()
