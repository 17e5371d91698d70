"""One store out of the packs of several: each chunk once, checked, whatever its packs are called."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from govault.errors import Config, Storage
from govault.ports import TakenPack
from govault.storage.disk import RealFile
from govault.storage.gathering import StoreFromPacks
from govault.storage.keyring import Keyring
from tests.contract.storage.conformance import noise
from tests.integration.storage.test_quarantine import flip
from tests.integration.storage.vault import OPTIONS, Contents, opened, packs


def gather(root: Path, keyring: Keyring, sources: list[Path]) -> list[TakenPack]:
    """Take packs into the store of a folder; what became of each."""
    store = StoreFromPacks(root / "store", keyring, OPTIONS)
    try:
        for pack in sources:
            store.learn(pack)
        taken = [store.take(pack, pack.stat().st_size) for pack in sources]
        store.finish()
        return taken
    finally:
        store.close()


def keys_for(root: Path, of: Path) -> Keyring:
    """A data folder with the keys of another's, that knows none of its sealing roots."""
    return Keyring.restore(root / "keys", Keyring.open(of / "keys").recovery_key())


async def two_nodes(tmp_path: Path) -> tuple[Contents, list[Path]]:
    """Two stores of one vault that share some contents, large and small; the second seals by a later root."""
    contents = Contents()
    keys_for(tmp_path / "two", tmp_path / "one")
    for number, name in enumerate(("one", "two")):
        if number:
            keyring = Keyring.open(tmp_path / name / "keys")
            keyring.roots_learned()
            keyring.rotate()
        async with opened(tmp_path / name) as store:
            await contents.put_many(store, 6)
            await contents.put_many(store, 6, seed=100 * (number + 1))
            smalls = [f"small {n} ".encode() * 20 for n in range(30 * number, 30 * number + 50)]
            await asyncio.gather(*(contents.put(store, small) for small in smalls))
    return contents, [tmp_path / "one", tmp_path / "two"]


async def test_all_chunks_of_two_stores_come_together_once(tmp_path: Path) -> None:
    contents, nodes = await two_nodes(tmp_path)
    sources = [pack for node in nodes for pack in packs(node)]
    assert len({pack.name for pack in sources}) < len(sources)
    taken = gather(tmp_path / "all", keys_for(tmp_path / "all", nodes[0]), sources)
    assert sum(pack.damaged for pack in taken) == 0
    ids = contents.chunk_ids()
    assert sum(pack.chunks for pack in taken) == len(ids)
    async with opened(tmp_path / "all") as store:
        assert (await store.stats()).chunks == len(ids)
        assert not store.recovered.adopted
        await contents.check(store)
        assert all([await store.verify(chunk_id) for chunk_id in ids])
        # What was gathered knows its packs as if it had written them.
        assert await store.rebuild_index(lambda done, total: None) == len(ids)
        await contents.check(store)


@pytest.mark.parametrize("order", [1, -1])
async def test_damage_in_one_store_is_left_out_and_comes_from_the_other(tmp_path: Path, order: int) -> None:
    contents, nodes = await two_nodes(tmp_path)
    async with opened(nodes[1]) as store:
        for content, _ in list(contents.kept):
            await contents.put(store, content)
    for pack in packs(nodes[0]):
        for position in range(500, pack.stat().st_size, 20_000):
            flip(pack, position)
    with packs(nodes[0])[-1].open("r+b") as cut:
        cut.truncate(packs(nodes[0])[-1].stat().st_size // 2)
    sources = [pack for node in nodes[::order] for pack in packs(node)]
    taken = gather(tmp_path / "all", keys_for(tmp_path / "all", nodes[0]), sources)
    if order == 1:
        assert sum(pack.damaged for pack in taken) > 0
    async with opened(tmp_path / "all") as store:
        await contents.check(store)
        assert store.quarantined(1) == []


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "storage-full"), (errno.EIO, "storage.write-failed")])
async def test_packs_that_cannot_be_made_durable_are_told_with_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    _, nodes = await two_nodes(tmp_path)
    keyring = keys_for(tmp_path / "all", nodes[0])

    def refuse(_: RealFile) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(RealFile, "sync", refuse)
    with pytest.raises(Storage) as refused:
        gather(tmp_path / "all", keyring, packs(nodes[0]))
    assert refused.value.specific_code == code


async def test_what_is_damaged_everywhere_is_not_there_rather_than_wrong(tmp_path: Path) -> None:
    contents = Contents()
    async with opened(tmp_path / "one") as store:
        await contents.put(store, noise(5000))
    (pack,) = packs(tmp_path / "one")
    flip(pack, 2000)
    (taken,) = gather(tmp_path / "all", keys_for(tmp_path / "all", tmp_path / "one"), [pack])
    assert taken == TakenPack(0, 1)
    async with opened(tmp_path / "all") as store:
        assert store.missing(contents.chunk_ids()) == contents.chunk_ids()


async def test_packs_of_another_vault_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as store:
        await Contents().put(store, noise(5000))
    (pack,) = packs(tmp_path / "one")
    with pytest.raises(Config, match="sealed with other keys"):
        gather(tmp_path / "all", Keyring(b"x" * 32), [pack])
