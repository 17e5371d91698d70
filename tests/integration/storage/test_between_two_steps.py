"""What happens in the store between two steps of something else: each of these left it wrong, or stuck."""

import asyncio
import errno
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from govault.errors import ChunkDamaged, Storage, StorageFull
from govault.services.maintenance.backup_files import link_file
from govault.storage.database import Change
from govault.storage.keyring import Keyring
from govault.storage.memory import MemoryChunkStore
from govault.storage.pack import NewRecord
from govault.storage.store import PackChunkStore
from schemas.ids import ChunkId
from tests.contract.storage.conformance import get, noise, put
from tests.integration.storage.disks import FullDatabase, HeldWrite, on, somebody_waits, wait_for
from tests.integration.storage.vault import opened, packs
from tests.simulation.storage.recording import RecordingDatabase, RecordingDisk, RecordingFile


class WatchedFile(RecordingFile):
    """Cannot read one byte of the pack, as a disk cannot read a sector."""

    bad_at = -1

    def pread(self, size: int, position: int) -> bytes:
        if position <= self.bad_at < position + size:
            raise OSError(errno.EIO, "a sector is unreadable")
        return super().pread(size, position)


class WatchedDisk(RecordingDisk):
    """Tells of what happens to names, and keeps the files that were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.before_unlink: Callable[[], None] = lambda: None
        self.before_list: Callable[[], None] = lambda: None
        self.bad: dict[str, int] = {}
        self.opened: dict[str, list[WatchedFile]] = {}

    def open(self, path: str, *, create: bool = False) -> WatchedFile:
        super().open(path, create=create)
        file = WatchedFile(self, self.names[path])
        file.bad_at = self.bad.get(path, -1)
        self.opened.setdefault(path, []).append(file)
        return file

    def unlink(self, path: str) -> None:
        self.before_unlink()
        super().unlink(path)

    def list_dir(self, path: str) -> list[str]:
        self.before_list()
        return super().list_dir(path)


class HeldAppend:
    """Holds the next append between the claim of its chunks and their bytes."""

    def __init__(self, store: PackChunkStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.release, self.done = threading.Event(), threading.Event(), threading.Event()
        append = store._writer.append

        def held(records: Sequence[NewRecord], *, spare: bool = False) -> None:
            self.reached.set()
            wait_for(self.release)
            append(records, spare=spare)
            self.done.set()

        monkeypatch.setattr(store._writer, "append", held)

    def go_while_listing(self, disk: WatchedDisk, then: Callable[[], None] = lambda: None) -> None:
        """Let it go on when a folder is next listed, and be done before that list is made."""

        def go() -> None:
            disk.before_list = lambda: None
            then()
            self.release.set()
            wait_for(self.done)

        disk.before_list = go


def _silent(done: int, total: int) -> None:
    pass


# --- compaction --------------------------------------------------------------------------------------------------


async def test_a_chunk_that_is_quarantined_while_compaction_copies_it_is_so_until_it_is_whole_again() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        _, manifest = await put(store, noise(60_000, 1))
        _, gone = await put(store, noise(50_000, 2))
        await store.remove([chunk.chunk_id for chunk in gone], 0)
        chunk_id = manifest[0].chunk_id
        entry = store._ledger.index.get(chunk_id)
        assert entry is not None

        def damage() -> None:
            disk.before_sync = lambda: None
            store._quarantine.put(chunk_id, entry, "found by the scrub")

        disk.before_sync = damage
        assert await store.compact(0.01) > 0
        assert (await store.stats()).quarantined == 1
        assert [found.chunk_id for found in store.quarantined(10)] == [chunk_id]
        await put(store, noise(60_000, 1))
        assert (await store.stats()).quarantined == 0
        assert store.quarantined(10) == []


async def test_a_reader_that_comes_just_before_a_pack_is_unlinked_does_not_keep_it_open() -> None:
    disk = WatchedDisk()
    async with on(disk) as store:
        await put(store, noise(60_000, 1))
        _, gone = await put(store, noise(50_000, 2))
        await store.remove([chunk.chunk_id for chunk in gone], 0)

        def read() -> None:
            with store._files.use(1) as file:
                file.pread(10, 0)

        disk.before_unlink = read
        assert await store.compact(0.01) > 0
        assert disk.list_dir("packs") == ["00000002.pack"]
        assert [file for file in disk.opened["packs/00000001.pack"] if not file._closed] == []


async def test_a_pack_that_was_compacted_is_not_listed_again_for_what_the_index_had_no_space_for() -> None:
    disk, database = RecordingDisk(), FullDatabase()
    async with on(disk, database=database) as store:
        _, manifest = await put(store, noise(3000, 1))
        database.full = True
        with pytest.raises(StorageFull):
            await put(store, noise(3000, 2))
        database.full = False
        await store.remove([chunk.chunk_id for chunk in manifest], 0)
        assert await store.compact(0.01) > 0
        await put(store, noise(3000, 3))
        names = [pack.path.name for pack in await store.pack_files()]
        assert names == disk.list_dir("packs") == ["00000002.pack"]


@pytest.mark.parametrize("bad_byte", [10, 40_000], ids=["header", "content"])
async def test_a_pack_with_an_unreadable_sector_stays_and_others_are_compacted(bad_byte: int) -> None:
    disk = WatchedDisk()
    contents = [noise(200_000, seed) for seed in range(4)]
    async with on(disk, chunk_bytes_mean=1 << 20, compression="none", pack_bytes_max=500_000) as store:
        manifests = []
        for content, gone_bytes in zip(contents, (90_000, 0, 60_000, 0), strict=True):
            manifests.append((await put(store, content))[1])
            if gone_bytes:
                _, gone = await put(store, noise(gone_bytes, 9))
                await store.remove([chunk.chunk_id for chunk in gone], 0)
        entry = store._ledger.index.get(manifests[1][0].chunk_id)
        assert entry is not None
        disk.bad["packs/00000001.pack"] = entry.offset + bad_byte
        assert await store.compact(0.01) > 0
        assert await store.compact(0.01) == 0
        assert disk.list_dir("packs") == ["00000001.pack", "00000003.pack"]
        disk.bad.clear()
        store._files.forget(1)
        for manifest, content in zip(manifests, contents, strict=True):
            assert await get(store, manifest) == content


class NoQuarantine(RecordingDatabase):
    """Has no space for what quarantine writes."""

    full = True

    def write(self, changes: Sequence[Change]) -> None:
        if self.full and any(key.startswith(b"q") for key, _ in changes):
            raise StorageFull("no space left for the index")
        super().write(changes)


async def test_a_pack_stays_while_the_index_points_into_it() -> None:
    disk, database = RecordingDisk(), NoQuarantine()
    async with on(disk, database=database) as store:
        _, manifest = await put(store, noise(60_000, 1))
        _, gone = await put(store, noise(50_000, 2))
        await store.remove([chunk.chunk_id for chunk in gone], 0)
        entry = store._ledger.index.get(manifest[0].chunk_id)
        assert entry is not None
        disk.contents[disk.names["packs/00000001.pack"]][entry.offset + 1000] ^= 1
        with pytest.raises(Storage, match="free space"):
            await store.compact(0.01)
        with pytest.raises(ChunkDamaged):
            await store.read(manifest[0])
        database.full = False
        assert await store.compact(0.01) > 0
        with pytest.raises(ChunkDamaged):
            await store.read(manifest[0])
        assert (await store.stats()).chunks == 0


async def test_nothing_is_let_in_beside_a_compaction_that_was_cancelled_twice() -> None:
    disk = RecordingDisk()
    in_sync, release = threading.Event(), threading.Event()
    async with on(disk) as store:
        await put(store, noise(60_000, 1))
        _, gone = await put(store, noise(50_000, 2))
        await store.remove([chunk.chunk_id for chunk in gone], 0)

        def hold() -> None:
            in_sync.set()
            wait_for(release)

        disk.before_sync = hold
        compaction = asyncio.ensure_future(store.compact(0.01))
        await asyncio.to_thread(wait_for, in_sync)
        for _ in range(2):
            compaction.cancel()
            await asyncio.wait([compaction], timeout=0.05)
        assert not compaction.done()
        release.set()
        await asyncio.wait([compaction], timeout=30)
        assert compaction.cancelled()


# --- rebuilding the index of an open store -----------------------------------------------------------------------


async def test_a_rebuild_does_not_index_what_is_not_durable_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = WatchedDisk()
    async with on(disk, tmp_path) as store:
        await put(store, noise(3000, 1))
        held = HeldAppend(store, monkeypatch)
        upload = asyncio.ensure_future(put(store, noise(200_000, 2)))
        await asyncio.to_thread(wait_for, held.reached)

        def broken() -> None:
            raise OSError(errno.EIO, "the disk did not take it")

        held.go_while_listing(disk, lambda: setattr(disk, "before_sync", broken))
        assert await store.rebuild_index(_silent) == 1
        with pytest.raises(Storage, match="durable"):
            await upload
        assert len(store.stamped(b"", 10)) == 1


async def test_a_rebuild_counts_what_is_appended_meanwhile_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = WatchedDisk()
    async with on(disk, tmp_path) as store:
        await put(store, noise(3000, 1))
        held = HeldAppend(store, monkeypatch)
        upload = asyncio.ensure_future(put(store, noise(200_000, 2)))
        await asyncio.to_thread(wait_for, held.reached)

        held.go_while_listing(disk)
        await store.rebuild_index(_silent)
        await upload
        stats = await store.stats()
        assert (stats.plain_bytes, stats.dead_bytes) == (203_000, 0)
        assert stats.chunks == len(store.stamped(b"", 100))


async def test_a_removed_chunk_that_a_rebuild_finds_again_while_it_is_uploaded_anew_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = WatchedDisk()
    content = noise(200_000, 2)
    async with on(disk, tmp_path) as store:
        _, manifest = await put(store, content)
        await store.remove([chunk.chunk_id for chunk in manifest], 0)
        held = HeldAppend(store, monkeypatch)
        upload = asyncio.ensure_future(put(store, content))
        await asyncio.to_thread(wait_for, held.reached)
        await store.rebuild_index(_silent)
        held.release.set()
        await upload
        stats = await store.stats()
        assert (stats.chunks, stats.plain_bytes) == (len(store.stamped(b"", 100)), len(content))
        assert stats.dead_bytes == stats.stored_bytes
        while await store.compact(0.01):
            pass
        assert await get(store, manifest) == content


async def test_a_rebuild_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    disk = RecordingDisk()
    async with on(disk, tmp_path) as store:
        _, manifest = await put(store, noise(3000, 1))
        disk.unreadable = True
        with pytest.raises(Storage, match="goes on with the one it has"):
            await store.rebuild_index(_silent)
        disk.unreadable = False
        assert await get(store, manifest) == noise(3000, 1)
        _, second = await put(store, noise(3000, 2))
        assert await get(store, second) == noise(3000, 2)
        assert await store.rebuild_index(_silent) == 2


# --- chunks in flight --------------------------------------------------------------------------------------------


async def test_a_peers_chunk_gets_the_peers_stamp_where_the_upload_it_waited_for_failed() -> None:
    disk = RecordingDisk()
    content = noise(3000)
    peer = MemoryChunkStore(Keyring(bytes(32)))
    _, manifest = await put(peer, content)
    sealed = await peer.sealed([ChunkId(manifest[0].chunk_id)])
    async with on(disk) as store:
        await put(store, b"the pack is there")
        write = HeldWrite(disk)
        upload = asyncio.ensure_future(put(store, content))
        await write.reached()
        replica = asyncio.ensure_future(store.store_sealed(sealed, 5))
        await somebody_waits(store)
        write.fail()
        with pytest.raises(StorageFull):
            await upload
        await replica
        assert [chunk.epoch for chunk in store.stamped(b"", 10) if chunk.chunk_id == manifest[0].chunk_id] == [5]


async def test_an_upload_that_waits_for_one_that_fails_while_the_store_closes_ends() -> None:
    disk = RecordingDisk()
    async with on(disk) as store:
        await put(store, b"the pack is there")
        write = HeldWrite(disk)
        content = noise(200_000)
        first = asyncio.ensure_future(put(store, content))
        await write.reached()
        second = asyncio.ensure_future(put(store, content))
        await somebody_waits(store)
        closing = asyncio.ensure_future(store.close())
        while not store._work_threads._shutdown:  # noqa: ASYNC110 (a thread sets it)
            await asyncio.sleep(0.001)
        write.fail()
        _, pending = await asyncio.wait([first, second, closing], timeout=10)
        for task in pending:
            task.cancel()
        assert not pending
        for task in (first, second):
            assert isinstance(task.exception(), Storage | StorageFull)


# --- a pack that a backup has too --------------------------------------------------------------------------------


async def test_a_pack_that_a_backup_links_to_grows_no_more_though_it_is_the_newest_at_a_start(tmp_path: Path) -> None:
    first = noise(100_000, 1)
    async with opened(tmp_path) as store:
        _, manifest = await put(store, first)
        _, gone = await put(store, noise(250_000, 2))
        [full, growing] = await store.pack_files()
        assert (full.growing, growing.growing) == (False, True)
        link_file(full.path, full.size_bytes, tmp_path / "backup", full.path.name)
        await store.remove([chunk.chunk_id for chunk in gone], 0)
        assert await store.compact(0.01) > 0
        assert packs(tmp_path) == [full.path]
    async with opened(tmp_path) as store:
        _, second = await put(store, noise(50_000, 3))
        assert (tmp_path / "backup" / full.path.name).stat().st_size == full.size_bytes
        assert await get(store, manifest) == first
        assert await get(store, second) == noise(50_000, 3)
