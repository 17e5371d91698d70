"""Power loss of a whole node: log, packs, index and views together, in every state that a crash may leave them.

The node and its log run under a shim that records their writes, fsyncs and renames. Then folders are made as a crash
at many points may leave them; each must open, fold, and hold what had been acknowledged.
"""

import asyncio
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from aiokafka.record import MemoryRecords

from govault.domain.rows import FileRow
from govault.node.folder import DataFolder
from govault.node.identity import load_vault
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from schemas.topics import Topic
from streams.broker.disk import RealDisk
from streams.broker.recovery import open_store
from streams.broker.segment import Segment
from streams.broker.store import LogStore
from streams.records import Record, record_of
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity
from streams.views.generations import GenerationsFolder
from streams.views.opening import open_serving
from streams.views.views import RocksViews
from tests.e2e.node_process import NodeProcess
from tests.powerloss.load import drive
from tests.powerloss.trace import CrashModel, Op, materialise, read_trace

POINTS = int(os.environ.get("GOVAULT_POWERLOSS_POINTS", "60"))
TORN = 3
STEPS = 40
pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        if os.environ.get("CI"):
            pytest.fail("gcc is missing, and CI must not skip this")
        pytest.skip("recording writes needs gcc (Debian: gcc libc6-dev)")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


@pytest.fixture(scope="module")
def recorded(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Op], Path]:
    """The operations of one run, and the folder as it ended (for the files that were there before)."""
    base = tmp_path_factory.mktemp("recorded")
    root, trace = base / "vault", base / "trace"
    root.mkdir()
    node = NodeProcess(root, {"LD_PRELOAD": str(shim), "GV_TRACE": str(trace), "GV_TRACE_ROOT": str(root)})
    node.start()
    try:
        asyncio.run(drive(node, trace, STEPS))
    finally:
        node.kill()
    return read_trace(trace), root


def expected(marks: list[str]) -> dict[str, set[str | None]]:
    """path → the contents that may be there: what was acknowledged last, or what is under way."""
    allowed: dict[str, set[str | None]] = {}
    for text in marks:
        said = json.loads(text)
        if "done" in said:
            allowed[said["done"]] = {said["to"]}
        else:
            allowed.setdefault(said["begin"], {None}).add(said["to"])
    return allowed


def logged(store: LogStore, topic: Topic, partition: int) -> Iterator[Record]:
    """The durable records of a partition, straight from the recovered log."""
    log = store.partition(f"govault.{topic.value}", partition)
    offset = 0
    while log is not None and len(batches := log.read(offset, 1 << 20)):
        records = MemoryRecords(bytes(batches))
        while records.has_next():
            for one in records.next_batch():
                offset = one.offset + 1
                yield record_of(topic, partition, one.offset, one.timestamp, one.key, one.value, one.headers)


def sync_segments(segments: list[Segment], disk: RealDisk) -> None:
    for segment in segments:
        segment.writer(disk).sync()


def fold_all(views: RocksViews, store: LogStore) -> None:
    """Fold what the views lack, as a start does; the log must reach as far as they do."""
    for (topic, partition), applied in views.applied().items():
        records = list(logged(store, topic, partition))
        assert applied < len(records), f"the views have {topic}/{partition}@{applied}, the log ends at {len(records)}"
        views.stage((topic, partition), records[applied + 1 :])
        views.write((topic, partition), logged=True)
        assert views.applied()[topic, partition] == len(records) - 1


Digests = dict[tuple[Topic, int, int], tuple[str, str]]
"""(topic, partition, offset) → history and view digest."""


def digests_of(views: RocksViews) -> Digests:
    return {(row.topic, row.partition, row.applied): (row.history, row.view) for row in views.status()}


async def leave_empty(_: Path) -> None:
    """A fresh generation is folded by the test itself."""


async def digests_along_the_log(root: Path, scratch: Path) -> Digests:
    """The digests at every offset, folded record by record from the log as it ended."""
    folder = DataFolder.open(root)
    disk = RealDisk(folder.log)
    log, _ = open_store(disk, partial(sync_segments, disk=disk))
    views = RocksViews(await open_serving(GenerationsFolder(scratch), owner(folder), leave_empty), owner(folder))
    found = digests_of(views)
    for topic, partition in views.applied():
        for record in logged(log, topic, partition):
            views.stage((topic, partition), [record])
            views.write((topic, partition), logged=True)
            found |= digests_of(views)
    views.close()
    log.close()
    folder.close()
    return found


def owner(folder: DataFolder) -> VaultIdentity:
    keyring = Keyring.open(folder.keys)
    vault = load_vault(folder, "embedded", "govault", 8)
    return VaultIdentity(vault.vault_id, vault.partitions, FoldKeys(keyring.event_mac_key, keyring.digest_key))


async def open_and_check(root: Path, allowed: dict[str, set[str | None]], digests: Digests) -> None:
    """Recover every part as the node does, and compare."""
    folder = DataFolder.open(root)
    identity = owner(folder)
    disk = RealDisk(folder.log)
    log, _ = open_store(disk, partial(sync_segments, disk=disk))
    views = RocksViews(await open_serving(GenerationsFolder(folder.views), identity, leave_empty), identity)
    store = await PackChunkStore.open(folder.store, Keyring.open(folder.keys), StoreOptions(reserve_bytes=0))
    try:
        fold_all(views, log)
        assert not any(row.malformed for row in views.status())
        assert digests_of(views).items() <= digests.items()
        space = views.space_named("main")
        assert space is not None
        for path, contents in allowed.items():
            file = views.resolve(space.space_id, path)
            assert file is None or isinstance(file, FileRow)
            found = None if file is None else file.current.sha256
            assert found in contents, f"{path}: {found} is there, one of {contents} was acknowledged"
            if file is not None:
                digest = hashlib.sha256()
                async for block in store.read_run(views.manifest(space.space_id, file.current)):
                    digest.update(block)
                assert digest.hexdigest() == found, path
    finally:
        await store.close()
        views.close()
        log.close()
        folder.close()


@pytest.fixture
def fast_folder() -> Iterator[Path]:
    """In memory where there is such a place: states are written out by the hundred."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def test_every_state_after_a_power_loss_holds_what_was_acknowledged(
    recorded: tuple[list[Op], Path], fast_folder: Path
) -> None:
    ops, ended = recorded
    digests = asyncio.run(digests_along_the_log(ended, fast_folder / "views-of-the-log"))
    seed = int(os.environ.get("GOVAULT_POWERLOSS_SEED", "1"))
    randomness = random.Random(seed)
    first_mark = next(index for index, op in enumerate(ops) if op.kind == "a")
    points = sorted(randomness.sample(range(first_mark, len(ops)), min(POINTS, len(ops) - first_mark)))
    model, at, states = CrashModel(), 0, 0
    for point in points:
        while at <= point:
            model.take(ops[at])
            at += 1
        for number, state in enumerate(model.states(randomness, torn=TORN)):
            root = fast_folder / f"{point}-{number}"
            materialise(state, model.folders, root)
            try:
                asyncio.run(open_and_check(root, expected(model.marks), digests))
            except BaseException as error:
                raise AssertionError(f"seed {seed}, after operation {point} of {len(ops)}, state {number}") from error
            shutil.rmtree(root)
            states += 1
    print(f"{states} states of {len(ops)} operations held")
    assert states >= 4 * len(points)
