"""States after a power loss, opened as a whole store with a real RocksDB and real files."""

import random
from pathlib import Path

import pytest

from govault.domain.manifest import ChunkRef
from govault.storage.database import RocksDatabase
from govault.storage.keyring import Keyring
from govault.storage.store import PackChunkStore
from schemas.ids import ChunkId
from tests.contract.storage.conformance import get, noise, put
from tests.simulation.storage.recording import Note, PowerLoss, Wreck
from tests.simulation.storage.test_power_loss import OPTIONS, Expectation, busy_store


def _materialise(wreck: Wreck, root: Path) -> None:
    (root / "packs").mkdir(parents=True)
    for path, content in wreck.files.items():
        (root / path).write_bytes(content)
    if wreck.rows:
        database = RocksDatabase(root / "index")
        database.write(list(wreck.rows.items()))
        database.close()


@pytest.mark.parametrize("seed", range(12))
async def test_a_wrecked_store_opens_and_works(tmp_path: Path, seed: int) -> None:
    keyring = Keyring(bytes(32))
    journal = await busy_store(seed, keyring)
    rng = random.Random(seed)
    power, expectation = PowerLoss(), Expectation()
    for operation in journal.operations[: rng.randrange(len(journal.operations))]:
        power.advance(operation)
        if isinstance(operation, Note):
            expectation.advance(operation)
    _materialise(power.wreck(rng), tmp_path)
    store = await PackChunkStore.open(tmp_path, keyring, OPTIONS)
    try:
        for chunk_id, plain in expectation.acknowledged.items():
            assert await store.read(ChunkRef(ChunkId(chunk_id), len(plain))) == plain
        content = noise(50_000, seed)
        _, manifest = await put(store, content)
        while await store.compact(0.01):
            pass
        assert await get(store, manifest) == content
        for chunk in store.stamped(b"", 100_000):
            assert await store.verify(chunk.chunk_id)
        assert store.quarantined(10) == []
    finally:
        await store.close()
