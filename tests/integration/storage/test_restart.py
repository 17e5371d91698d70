"""What a start makes of what an end, clean or not, left behind."""

import random
import shutil
from pathlib import Path

import pytest

from govault.errors import Config, Storage
from govault.storage.keyring import Keyring
from govault.storage.store import PackChunkStore
from tests.contract.storage.conformance import noise, put
from tests.integration.storage.vault import OPTIONS, Contents, opened, packs


async def test_contents_and_stamps_survive_a_clean_restart(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        store.note_epoch(3)
        await contents.put_many(store, 20)
        stamped = store.stamped(b"", 10_000)
        stats = await store.stats()
    async with opened(tmp_path) as store:
        await contents.check(store)
        assert store.stamped(b"", 10_000) == stamped
        assert (await store.stats())._replace(free_disk_bytes=0) == stats._replace(free_disk_bytes=0)
        assert store.recovered.adopted == store.recovered.torn_bytes == 0


async def test_a_restart_goes_on_with_the_newest_pack(tmp_path: Path) -> None:
    contents = Contents()
    for number in range(5):
        async with opened(tmp_path) as store:
            await contents.put(store, noise(2000, number))
    assert len(packs(tmp_path)) == 1
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_the_index_is_made_again_when_it_is_gone(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        stats = await store.stats()
    shutil.rmtree(tmp_path / "store" / "index")
    async with opened(tmp_path) as store:
        await contents.check(store)
        assert (await store.stats())._replace(free_disk_bytes=0) == stats._replace(free_disk_bytes=0)
        again, _ = await put(store, contents.kept[0][0])
        assert again.new_bytes == 0


async def test_the_index_is_made_again_when_it_is_damaged(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 5)
    for manifest in (tmp_path / "store" / "index").glob("MANIFEST-*"):
        manifest.write_bytes(b"nonsense")
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_rebuilding_the_index_of_an_open_store_changes_nothing_but_stamps(tmp_path: Path) -> None:
    contents = Contents()
    said: list[tuple[int, int]] = []
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        store.note_epoch(9)
        stats = await store.stats()
        chunks = await store.rebuild_index(lambda done, total: said.append((done, total)))
        assert chunks == stats.chunks
        assert (await store.stats())._replace(free_disk_bytes=0) == stats._replace(free_disk_bytes=0)
        assert {chunk.epoch for chunk in store.stamped(b"", 10_000)} == {9}
        await contents.check(store)
        await contents.put_many(store, 3, seed=100)
        await contents.check(store)
    assert said[-1][0] == said[-1][1] > 0
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_a_torn_tail_is_cut_off_and_the_next_upload_takes_its_place(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put(store, noise(5000))
        size = packs(tmp_path)[0].stat().st_size
    with packs(tmp_path)[0].open("ab") as pack:
        pack.write(noise(777))
    async with opened(tmp_path) as store:
        assert store.recovered.torn_bytes == 777
        assert packs(tmp_path)[0].stat().st_size == size
        await contents.put(store, noise(5000, 1))
        await contents.check(store)


async def test_whole_records_behind_the_watermark_are_adopted(tmp_path: Path) -> None:
    """As after a power loss that took the index's last batches."""
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put(store, noise(5000))
    shutil.copytree(tmp_path / "store" / "index", tmp_path / "older")
    async with opened(tmp_path) as store:
        await contents.put_many(store, 10, seed=50)
    shutil.rmtree(tmp_path / "store" / "index")
    (tmp_path / "older").rename(tmp_path / "store" / "index")
    async with opened(tmp_path) as store:
        assert store.recovered.adopted > 0
        await contents.check(store)


async def test_after_an_unclean_end_stamps_count_as_the_epoch_that_was_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, noise(100))
        store.note_epoch(8)
        await put(store, noise(100, 1))
        shutil.copytree(tmp_path, tmp_path.with_name("crashed"))
    async with opened(tmp_path) as store:
        assert sorted(chunk.epoch for chunk in store.stamped(b"", 10)) == [0, 8]
    async with opened(tmp_path.with_name("crashed")) as store:
        assert [chunk.epoch for chunk in store.stamped(b"", 10)] == [8, 8]
        assert await store.remove([chunk.chunk_id for chunk in store.stamped(b"", 10)], 7) == []


async def test_a_lost_pack_is_said_and_its_chunks_are_stored_anew(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
    assert len(packs(tmp_path)) > 2
    packs(tmp_path)[0].unlink()
    async with opened(tmp_path) as store:
        assert store.recovered.lost_packs == [1]
        assert (await store.stats()).quarantined > 0
        for content, _ in contents.kept:
            await put(store, content)
        await contents.check(store)
        assert (await store.stats()).quarantined == 0


async def test_a_shortened_pack_is_never_appended_to(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put(store, noise(3000))
        await contents.put(store, noise(3000, 1))
    size = packs(tmp_path)[0].stat().st_size
    with packs(tmp_path)[0].open("r+b") as pack:
        pack.truncate(size - 10)
    async with opened(tmp_path) as store:
        assert list(store.recovered.short_sizes) == [1]
        assert [found.reason for found in store.quarantined(10)] != []
        for content, _ in contents.kept:
            await put(store, content)
        await contents.check(store)
    assert len(packs(tmp_path)) == 2
    assert packs(tmp_path)[0].stat().st_size == size - 10


async def test_another_vaults_keys_are_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, noise(3000))
    with packs(tmp_path)[0].open("ab") as pack:
        pack.write(b"a tail to look at")
    before = packs(tmp_path)[0].read_bytes()
    for index_too in (False, True):
        if index_too:
            shutil.rmtree(tmp_path / "store" / "index")
        with pytest.raises(Config, match="another root secret"):
            await PackChunkStore.open(tmp_path / "store", Keyring(bytes(32)), OPTIONS)
    assert packs(tmp_path)[0].read_bytes() == before


async def test_a_store_that_is_open_cannot_be_opened_again(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(Config, match="another process"):
            await PackChunkStore.open(tmp_path / "store", Keyring.open(tmp_path / "keys"), OPTIONS)


async def test_every_sealing_epoch_stays_readable(tmp_path: Path) -> None:
    contents = Contents()
    for number in range(3):
        async with opened(tmp_path) as store:
            await contents.put_many(store, 3, seed=10 * number)
        Keyring.open(tmp_path / "keys").rotate()
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_the_root_secret_and_the_packs_suffice_to_read_every_epoch(tmp_path: Path) -> None:
    contents = Contents()
    Keyring.open(tmp_path / "keys").rotate()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20)
        # One more in the middle: the growing pack has to get the new root too.
    keys = Keyring.open(tmp_path / "keys")
    keys.rotate()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 20, seed=500)
    Keyring.restore(tmp_path / "restored" / "keys", keys.recovery_key())
    shutil.copytree(tmp_path / "store" / "packs", tmp_path / "restored" / "store" / "packs")
    async with opened(tmp_path / "restored") as store:
        await contents.check(store)
    assert Keyring.open(tmp_path / "restored" / "keys").sealing_epochs == [1, 2, 3]


async def test_a_lost_keyring_file_is_made_again_from_the_packs_before_a_new_epoch_opens(tmp_path: Path) -> None:
    contents = Contents()
    for number in range(3):
        async with opened(tmp_path) as store:
            await contents.put_many(store, 3, seed=10 * number)
        Keyring.open(tmp_path / "keys").rotate()
    (tmp_path / "keys" / "keyring.json").unlink()
    Keyring.open(tmp_path / "keys")
    keyring = Keyring.open(tmp_path / "keys")
    assert keyring.sealing_epochs == [1]
    with pytest.raises(Config, match="lost its sealing roots"):
        keyring.rotate()
    store = await PackChunkStore.open(tmp_path / "store", keyring, OPTIONS)
    try:
        # The fourth epoch sealed nothing yet, so that nobody misses it.
        assert keyring.sealing_epochs == [1, 2, 3]
        assert keyring.rotate() == 4
        await contents.put_many(store, 3, seed=90)
        await contents.check(store)
    finally:
        await store.close()
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_an_interrupted_rebuild_is_done_again(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 5)
    (tmp_path / "store" / "index").rename(tmp_path / "store" / "index.old")
    (tmp_path / "store" / "index.new").mkdir()
    async with opened(tmp_path) as store:
        await contents.check(store)
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["index", "packs", "quarantine"]


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happened_to_the_packs_nothing_wrong_is_served(tmp_path: Path, seed: int) -> None:
    contents = Contents()
    async with opened(tmp_path) as store:
        await contents.put_many(store, 12, seed=seed * 100)
    rng = random.Random(seed)
    for _ in range(3):
        pack = rng.choice(packs(tmp_path))
        raw = bytearray(pack.read_bytes())
        start, size = rng.randrange(len(raw)), rng.randrange(1, 20_000)
        match rng.randrange(5):
            case 0:
                raw[start : start + size] = rng.randbytes(size)
            case 1:
                del raw[start : start + size]
            case 2:
                raw[start:start] = raw[:size]
            case 3:
                del raw[start:]
            case _:
                raw = bytearray(rng.choice(packs(tmp_path)).read_bytes())
        pack.write_bytes(raw)
    if rng.random() < 0.5:
        shutil.rmtree(tmp_path / "store" / "index")
    async with opened(tmp_path) as store:
        right = 0
        for content, manifest in contents.kept:
            start = 0
            for chunk in manifest:
                plain = content[start : start + chunk.size_bytes]
                start += chunk.size_bytes
                if await store.verify(chunk.chunk_id):
                    assert await store.read(chunk) == plain
                    right += 1
        assert right > 0
        for content, _ in contents.kept:
            await put(store, content)
        await contents.check(store)
        while await store.compact(0.01):
            pass
        await contents.check(store)
    async with opened(tmp_path) as store:
        await contents.check(store)


async def test_a_closed_store_refuses_everything(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        ingest = store.begin()
        await ingest.write(b"x")
        _, manifest = await put(store, noise(10))
    for attempt in (store.begin, lambda: store.stamped(b"", 1), lambda: store.read_run(iter(manifest))):
        with pytest.raises(Storage, match="closed"):
            attempt()
    with pytest.raises(Storage, match="closed"):
        await ingest.finish()
    with pytest.raises(Storage, match="closed"):
        await store.compact(0.1)
    await store.close()
