"""Power loss at every write of a busy store: nothing acknowledged is lost, nothing wrong is served.

A failure prints the seed and the operation; both make the same state again.
"""

import asyncio
import random
from pathlib import Path

import pytest

from govault.domain.manifest import ChunkRef, unpack
from govault.storage.compression import Compressor
from govault.storage.index import Index
from govault.storage.keyring import Keyring
from govault.storage.ledger import Ledger
from govault.storage.memory import MemoryChunkStore
from govault.storage.options import StoreOptions
from govault.storage.pack import PackFiles
from govault.storage.quarantine import Quarantine
from govault.storage.reading import Reader
from govault.storage.rebuild import fill_index
from govault.storage.recovery import recover
from govault.storage.sealing import Sealer
from govault.storage.store import PackChunkStore
from schemas.ids import ChunkId
from tests.simulation.storage.recording import (
    Batch,
    Journal,
    Note,
    Operation,
    PowerLoss,
    RecordingDatabase,
    RecordingDisk,
    Wreck,
)

PACK_BYTES_MAX = 20_000
OPTIONS = StoreOptions(chunk_bytes_mean=4096, pack_bytes_max=PACK_BYTES_MAX, reserve_bytes=0, workers=2, readers=1)


class Expectation:
    """What the store promised so far."""

    def __init__(self) -> None:
        self.acknowledged: dict[bytes, bytes] = {}

    def advance(self, note: Note) -> None:
        for chunk_id, plain in note.chunks:
            if note.what == "stored":
                self.acknowledged[chunk_id] = plain
            else:
                self.acknowledged.pop(chunk_id, None)


async def busy_store(seed: int, keyring: Keyring) -> Journal:
    """Uploads and chunks of a peer side by side, removals, compactions, a new sealing epoch: all recorded."""
    rng = random.Random(seed)
    journal = Journal()
    disk, database = RecordingDisk(journal=journal), RecordingDatabase(journal=journal)
    store = await PackChunkStore.open(
        Path("/nowhere"), keyring, OPTIONS, disk=disk, open_database=lambda folder: database
    )
    live: list[bytes] = []

    async def upload(content: bytes) -> None:
        ingest = store.begin()
        await ingest.write(content)
        ingested = await ingest.finish()
        chunks = list(unpack(b"".join(ingest.take_parts()) + ingested.packed))
        plains = [(bytes(chunk.chunk_id), await store.read(chunk)) for chunk in chunks]
        journal.add(Note("stored", tuple(plains)))
        live.extend(chunk_id for chunk_id, _ in plains)

    async def from_peer(content: bytes) -> None:
        peer = MemoryChunkStore(keyring, 4096)
        told: list[ChunkRef] = []
        ingest = peer.begin()
        ingest.on_durable(told.extend)
        await ingest.write(content)
        await ingest.finish()
        await store.store_sealed(await peer.sealed([chunk.chunk_id for chunk in told]), 0)
        plains = [(bytes(chunk.chunk_id), await peer.read(chunk)) for chunk in told]
        journal.add(Note("stored", tuple(plains)))
        live.extend(chunk_id for chunk_id, _ in plains)

    def content() -> bytes:
        size = rng.choice((10, 700, 3000, 9000, 70_000))
        return rng.randbytes(size) if rng.random() < 0.7 else bytes([rng.randrange(4)]) * size

    for round_number in range(12):
        store.note_epoch(round_number)
        ways = [rng.choice((upload, upload, from_peer)) for _ in range(rng.randint(1, 4))]
        await asyncio.gather(*(way(content()) for way in ways))
        if round_number % 3 == 2:
            gone = rng.sample(sorted(set(live)), len(set(live)) // 2)
            journal.add(Note("removing", tuple((chunk_id, b"") for chunk_id in gone)))
            live = [chunk_id for chunk_id in live if chunk_id not in gone]
            await store.remove(gone, round_number)
            while await store.compact(0.3):
                pass
        if round_number == 5:
            await asyncio.to_thread(keyring.rotate)
    await store.close()
    return journal


class Survivor:
    """A store's state after a power loss, recovered without its threads."""

    def __init__(self, wreck: Wreck, keyring: Keyring, *, from_packs: bool = False) -> None:
        self.journal = Journal()
        self.disk = RecordingDisk(wreck.files, self.journal)
        self.before_recovery = len(self.journal.operations)
        self._sealer = Sealer(keyring, Compressor("none", None))
        self.database = RecordingDatabase(None if from_packs else wreck.rows, self.journal)
        if from_packs:
            fill_index(Index(self.database), self.disk, self._sealer, 0, 0, lambda done, total: None)
        self.ledger = Ledger(Index(self.database))
        self.recovered = recover(self.disk, self.ledger, self._sealer, PACK_BYTES_MAX)

    def check(self, expectation: Expectation) -> None:
        """Everything acknowledged is there, and everything in the index can be read."""
        assert not self.recovered.lost_packs
        assert not self.recovered.short_sizes
        files = PackFiles(self.disk)
        quarantine = Quarantine(self.ledger, self.disk, lambda: 0)
        reader = Reader(self.ledger, files, self._sealer, quarantine, None)  # type: ignore[arg-type]
        indexed = dict(self.ledger.index.entries())
        for chunk_id, plain in expectation.acknowledged.items():
            assert reader.read_now(ChunkId(chunk_id)) == plain
        for chunk_id in indexed.keys() - expectation.acknowledged.keys():
            reader.read_now(chunk_id)
        for number, row in self.ledger.rows.items():
            of_pack = [entry for entry in indexed.values() if entry.pack == number]
            assert row.live_chunks == len(of_pack)
            assert row.live_bytes == sum(entry.record_bytes for entry in of_pack)
            assert row.durable_bytes == len(self.disk.read(f"packs/{number:08d}.pack"))
            assert row.frame_bytes + row.live_bytes <= row.durable_bytes


async def _run(seed: int, states_per_operation: int) -> int:
    keyring = Keyring(bytes(32))
    journal = await busy_store(seed, keyring)
    assert any(_bundled(operation) for operation in journal.operations), "no chunks were sealed together"
    power, expectation = PowerLoss(), Expectation()
    states = 0
    for number, operation in enumerate(journal.operations):
        power.advance(operation)
        if isinstance(operation, Note):
            expectation.advance(operation)
        for attempt in range(states_per_operation):
            rng = random.Random(f"{seed} {number} {attempt}")
            wreck = power.wreck(rng)
            try:
                survivor = Survivor(wreck, keyring, from_packs=rng.random() < 0.2)
                survivor.check(expectation)
                states += 1
                if rng.random() < 0.2:
                    states += _lose_power_again(survivor, keyring, expectation, rng)
            except BaseException as error:
                error.add_note(f"seed {seed}, operation {number} ({type(operation).__name__}), attempt {attempt}")
                raise
    return states


def _bundled(operation: Operation) -> bool:
    changes = operation.changes if isinstance(operation, Batch) else ()
    rows = {key: value for key, value in changes if value is not None}
    return any(entry.bundle_bytes for _, entry in Index(RecordingDatabase(rows)).entries())


def _lose_power_again(survivor: Survivor, keyring: Keyring, expectation: Expectation, rng: random.Random) -> int:
    """Power loss while the recovery from the first one was at work."""
    again = PowerLoss()
    operations = survivor.journal.operations
    for operation in operations[: rng.randint(survivor.before_recovery, len(operations))]:
        again.advance(operation)
    wreck = again.wreck(rng)
    Survivor(wreck, keyring, from_packs=True).check(expectation)
    return 1


@pytest.mark.parametrize("seed", range(8))
async def test_no_power_loss_loses_what_was_acknowledged(seed: int) -> None:
    assert await _run(seed, states_per_operation=6) > 1000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 110))
async def test_no_power_loss_loses_what_was_acknowledged_in_many_states(seed: int) -> None:
    assert await _run(seed, states_per_operation=12) > 2000
