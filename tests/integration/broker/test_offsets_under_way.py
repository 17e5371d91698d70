"""Offsets that are still being committed while something is decided about their topic or their group."""

from __future__ import annotations

import asyncio
import datetime
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.broker.apis.membership import join_group
from streams.broker.apis.positions import offset_commit
from streams.broker.apis.topics_admin import delete_topics
from streams.broker.auth import Principal
from streams.broker.disk import File, RealDisk
from streams.broker.protocol import Head, Request
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.integration.broker.in_process import Served, serving

GROUP = "g"


class HeldFile:
    def __init__(self, file: File, disk: HeldSyncs) -> None:
        self._file = file
        self._disk = disk

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._file, name)

    def sync(self) -> None:
        self._disk.pass_through()
        self._file.sync()


class HeldSyncs(RealDisk):
    """Holds the syncs of the write-ahead log back until the test lets them go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.go.wait(10)

    def open(self, path: str, *, create: bool = False) -> File:  # type: ignore[override]
        file = super().open(path, create=create)
        return HeldFile(file, self) if path.startswith("wal/") else file  # type: ignore[return-value]

    def hold(self) -> None:
        self.reached.clear()
        self.go.clear()


def add_topic(served: Served) -> None:
    store = served.broker.store
    topic = Topic("t", new_topic_id(), 1, TopicConfig.of({}))
    store_topics(store.disk, {"t": topic})
    store.add_topic(topic)


def request(api_key: int, version: int, principal: Principal, **body: object) -> Request:
    return Request(Head(api_key, version, 1, "c", 0), SimpleNamespace(**body), principal)


def commit_of(principal: Principal, offset: int) -> Request:
    row = SimpleNamespace(partition_index=0, committed_offset=offset, committed_metadata="")
    topics = (SimpleNamespace(name="t", partitions=(row,)),)
    return request(8, 5, principal, group_id=GROUP, generation_id_or_member_epoch=-1, member_id="", topics=topics)


@pytest.fixture
async def held(tmp_path: Path):  # type: ignore[no-untyped-def]
    disk = HeldSyncs(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        add_topic(served)
        # Cycles run beside the loop from here on.
        served.broker.committer._usual_s = 1.0
        try:
            yield served, disk
        finally:
            disk.go.set()
    assert not served.failures


async def being_synced(served: Served, disk: HeldSyncs, asked: Request) -> asyncio.Task[object]:
    """A commit of offsets whose fsync is held back."""
    disk.hold()
    task = asyncio.create_task(offset_commit(served.broker, asked))
    assert await asyncio.to_thread(disk.reached.wait, 10)
    return task


async def test_a_commit_that_is_being_synced_does_not_outlive_the_topic_that_is_deleted(held) -> None:  # type: ignore[no-untyped-def]
    served, disk = held
    committing = await being_synced(served, disk, commit_of(Principal.FULL, 7))
    removed = asyncio.Event()
    partition = served.broker.store.partition("t", 0)
    assert partition is not None
    partition.watch(removed.set)
    deleting = asyncio.create_task(delete_topics(served.broker, request(20, 4, Principal.FULL, topic_names=("t",))))
    await asyncio.wait_for(removed.wait(), 10)
    disk.go.set()
    await committing
    await deleting
    add_topic(served)
    group = served.broker.store.offsets.get(GROUP)
    assert group is not None
    assert group.offsets == {}, "a new topic of the same name would be read from the old one's offset"


async def test_who_takes_a_group_over_undoes_what_a_reader_is_just_committing(held) -> None:  # type: ignore[no-untyped-def]
    served, disk = held
    committing = await being_synced(served, disk, commit_of(Principal.READER, 7))
    taking = asyncio.create_task(served.broker.take_over(served.broker.make_group(GROUP)))
    await asyncio.sleep(0)
    disk.go.set()
    await committing
    await taking
    assert served.broker.store.offsets.get(GROUP) is None


async def test_who_takes_a_group_over_keeps_what_a_full_principal_is_just_committing(held) -> None:  # type: ignore[no-untyped-def]
    served, disk = held
    committing = await being_synced(served, disk, commit_of(Principal.FULL, 7))
    taking = asyncio.create_task(served.broker.take_over(served.broker.make_group(GROUP)))
    await asyncio.sleep(0)
    disk.go.set()
    await committing
    await taking
    group = served.broker.store.offsets.get(GROUP)
    assert group is not None
    assert group.offsets["t", 0].offset == 7


async def test_who_is_gone_while_it_takes_a_group_over_leaves_no_group_behind(held) -> None:  # type: ignore[no-untyped-def]
    served, disk = held
    committing = await being_synced(served, disk, commit_of(Principal.READER, 7))
    session = datetime.timedelta(seconds=30)
    asked = request(11, 5, Principal.FULL, group_id=GROUP, session_timeout=session, member_id="")
    joining = asyncio.create_task(join_group(served.broker, asked))
    await asyncio.sleep(0)
    assert GROUP in served.broker.groups
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    assert GROUP not in served.broker.groups
    disk.go.set()
    await committing
