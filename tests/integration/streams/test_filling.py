"""Filling a generation with processes: equal to folding one by one, and harmless where one of them dies."""

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from govault.errors import Conflict, EventLog, Storage, StorageFull
from govault.ports import SearchQuery
from schemas.events.files import EntityTrashed, EpochOpened, TrashPurged
from schemas.topics import Topic
from streams.broker.supervisor import EmbeddedBroker
from streams.streams import Streams
from streams.views import filling, shard_process
from streams.views.database import unwritten
from streams.views.shard import shard_of
from streams.views.views import RocksViews
from tests.integration.streams.vault_log import WAIT_S, Writer, digests, settings_for

FILES = 400


@pytest.fixture(autouse=True)
def processes_for_few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "RECORDS_FOR_PROCESSES_MIN", 1)


async def with_files(streams: Streams) -> Writer:
    writer = await Writer.with_space(streams)
    await asyncio.gather(*(writer.append_only(writer.commit(f"d{n % 9}/f{n}", str(n))) for n in range(FILES)))
    await writer.write(writer.commit("last"))
    return writer


async def test_a_generation_filled_by_processes_equals_one_folded_live(broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    writer = await with_files(streams)
    live = digests(streams)
    told: list[tuple[int, int]] = []
    await streams.views.rebuild(lambda done, total: told.append((done, total)))
    assert digests(streams) == live
    assert told[-1] == (FILES + 3, FILES + 3)
    assert not streams.views.serving.pending_documents()
    found = streams.views.search(SearchQuery(name="f39?", limit=50))
    assert {row.name for row, _ in found.files} == {f"f39{digit}" for digit in range(10)}
    assert (await writer.write(writer.commit("after"))).fact("created") is True
    await streams.stop()

    shutil.rmtree(settings.views_root)
    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        assert streams.views.resolve(writer.space_id, "d3/f3") is not None
    finally:
        await streams.stop()


async def test_a_process_that_is_killed_fails_the_rebuild_and_the_old_views_serve_on(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await with_files(streams)
        live = digests(streams)
        _kill_each(monkeypatch, lambda process: os.kill(process.pid, signal.SIGKILL))
        with pytest.raises(EventLog, match="exit code -9"):
            await streams.views.rebuild(lambda *_: None)
        assert digests(streams) == live
        assert (await writer.write(writer.commit("after"))).fact("created") is True
        assert [path.name for path in (tmp_path / "views").iterdir() if path.is_dir()] == ["g00000001"]
    finally:
        await streams.stop()


async def test_a_rebuild_that_cannot_be_written_says_so_and_the_old_views_serve_on(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        writer = await with_files(streams)
        live = digests(streams)
        # A file stands where a shard's folder is to be made.
        monkeypatch.setattr(filling, "shard_path", lambda path, number: tmp_path / "file" / str(number))
        (tmp_path / "file").touch()
        with pytest.raises(Storage, match=r"cannot be written: .*Not a directory"):
            await streams.views.rebuild(lambda *_: None)
        assert digests(streams) == live
        assert (await writer.write(writer.commit("after"))).fact("created") is True
    finally:
        await streams.stop()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "no room"), True),
        (OSError(errno.EDQUOT, "no more for you"), True),
        (Exception("IO error: No space left on device: While appending to file: rows/000009.sst"), True),
        (OSError(errno.EIO, "the medium is damaged"), False),
        (Exception("Corruption: block checksum mismatch"), False),
    ],
)
def test_a_full_disk_is_told_from_others(error: Exception, full: bool) -> None:
    assert isinstance(unwritten(Path("views"), error), StorageFull) is full


async def test_a_rebuild_that_is_cancelled_leaves_no_process_and_no_folder(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = await Streams.start(settings_for(broker, tmp_path))
    try:
        await with_files(streams)
        started: list[asyncio.subprocess.Process] = []
        one_runs = asyncio.Event()

        def hold(process: asyncio.subprocess.Process) -> None:
            os.kill(process.pid, signal.SIGSTOP)
            started.append(process)
            one_runs.set()

        _kill_each(monkeypatch, hold)
        rebuilding = asyncio.create_task(streams.views.rebuild(lambda *_: None))
        await one_runs.wait()
        with pytest.raises(Conflict):
            await streams.views.rebuild(lambda *_: None)
        rebuilding.cancel()
        await asyncio.gather(rebuilding, return_exceptions=True)
        assert all(process.returncode == -signal.SIGKILL for process in started)
        assert [path.name for path in (tmp_path / "views").iterdir() if path.is_dir()] == ["g00000001"]
    finally:
        await streams.stop()


def _kill_each(monkeypatch: pytest.MonkeyPatch, act: Callable[[asyncio.subprocess.Process], object]) -> None:
    genuine = asyncio.create_subprocess_exec

    async def start(*command: str, **settings: object) -> asyncio.subprocess.Process:
        process = await genuine(*command, **settings)  # type: ignore[arg-type]
        act(process)
        return process

    monkeypatch.setattr(filling.asyncio, "create_subprocess_exec", start)


async def test_a_long_backlog_is_folded_by_processes_and_callbacks_hear_of_it(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    settings = settings_for(broker, tmp_path)
    streams = await Streams.start(settings)
    ahead = await Streams.start(replace(settings_for(broker, tmp_path / "ahead"), node_id="node-ahead"))
    writer = await with_files(ahead)
    assert await streams.wait_caught_up(WAIT_S)
    await streams.stop()
    purged = ahead.views.resolve(writer.space_id, "d3/f3")
    assert purged is not None
    await writer.write(EntityTrashed(space_id=writer.space_id, entity_id=purged.entity_id))
    await writer.write(TrashPurged(space_id=writer.space_id, entity_ids=(purged.entity_id,)))
    await writer.write(EpochOpened(epoch=1))
    live = digests(ahead)
    await ahead.stop()

    heard: list[tuple[int, int]] = []
    epochs: list[int] = []

    def listen(views: RocksViews) -> None:
        views.on_dereferenced(lambda chunk_ids, epoch: heard.append((len(chunk_ids), epoch)))
        views.on_epoch(epochs.append)

    streams = await Streams.start(settings, on_open=listen)
    try:
        assert digests(streams) == live
        assert heard == [(1, 1)]
        assert epochs == [1]
        again = Writer(streams, writer.space_id)
        assert (await again.write(again.commit("after"))).fact("created") is True
    finally:
        await streams.stop()


async def test_a_backlog_whose_folding_breaks_off_in_a_shard_that_was_empty_still_answers_repeats(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(broker, tmp_path)
    await (await Streams.start(settings)).stop()
    ahead = await Streams.start(replace(settings_for(broker, tmp_path / "ahead"), node_id="node-ahead"))
    writer = await with_files(ahead)
    answered, position = await writer.append_only(writer.commit("asked twice"))
    outcome = await ahead.views.wait_outcome(position, answered, WAIT_S)
    await ahead.stop()

    async def break_off(self: shard_process.Filling) -> None:
        raise EventLog("the process is gone")

    async def fill_here(order: shard_process.Order, *_: object) -> None:
        if order.number == shard_of((Topic.FILES, writer.partition)):
            await shard_process.fill(shard_process.Order.from_json(order.to_json()))

    with monkeypatch.context() as broken:
        broken.setattr(shard_process.Filling, "finish", break_off)
        broken.setattr(shard_process, "_say", lambda line: None)
        broken.setattr(filling, "_run", fill_here)
        with pytest.raises(EventLog, match="the process is gone"):
            await Streams.start(settings)

    streams = await Streams.start(settings)
    try:
        assert await streams.wait_caught_up(WAIT_S)
        kept = streams.views.files(writer.partition).outcome(answered)
        assert kept is not None
        assert kept.facts == outcome.facts
    finally:
        await streams.stop()
