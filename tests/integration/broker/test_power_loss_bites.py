"""The power-loss test finds every step of the write order that is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from streams.broker import checkpoint as checkpoint_module
from streams.broker import cycle as cycle_module
from streams.broker import store as store_module
from streams.broker.batches import BatchInvalid
from streams.broker.disk import Disk
from streams.broker.failures import LogDamaged
from streams.broker.producers import ProducerStates
from streams.broker.wal import WriteAheadLog
from tests.integration.broker.test_power_loss import run
from tests.unit.broker.memory_disk import MemoryDisk, MemoryFile

Plant = Callable[[pytest.MonkeyPatch], None]


def no_sync_of_the_write_ahead_log(patch: pytest.MonkeyPatch) -> None:
    class NeverSynced(MemoryFile):
        def sync(self) -> None:
            pass

    original = WriteAheadLog._file

    def file(wal: WriteAheadLog) -> MemoryFile:
        real = original(wal)
        assert isinstance(real, MemoryFile)
        return NeverSynced(real._disk, real._inode)

    patch.setattr(WriteAheadLog, "_file", file)


def no_sync_in_a_large_cycle(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cycle_module, "sync_segments", lambda *_: None)


def no_sync_of_segments_in_a_checkpoint(patch: pytest.MonkeyPatch) -> None:
    original = checkpoint_module.sync_segments
    patch.setattr(checkpoint_module, "sync_segments", lambda disk, rows, _: original(disk, rows, lambda _: None))


def no_sync_of_partition_folders(patch: pytest.MonkeyPatch) -> None:
    original = MemoryDisk.sync_dir
    patch.setattr(
        MemoryDisk, "sync_dir", lambda disk, path: None if path.startswith("partitions") else original(disk, path)
    )


def producers_ahead_of_what_is_durable(patch: pytest.MonkeyPatch) -> None:
    original = ProducerStates.snapshot
    patch.setattr(ProducerStates, "snapshot", lambda states, _: original(states, 1 << 60))


def a_checkpoint_written_in_place(patch: pytest.MonkeyPatch) -> None:
    def in_place(disk: Disk, path: str, content: bytes) -> None:
        file = disk.open(path, create=True)
        file.truncate(0)
        file.pwrite([content], 0)
        file.sync()
        disk.sync_dir("")

    patch.setattr(checkpoint_module, "replace_file", in_place)


def a_turn_of_the_write_ahead_log_taken_before_the_checkpoint(patch: pytest.MonkeyPatch) -> None:
    original = WriteAheadLog.begin_turn

    def too_early(wal: WriteAheadLog) -> None:
        # The same file again, whose frames are not in the segments durably yet.
        original(wal)
        original(wal)

    patch.setattr(WriteAheadLog, "begin_turn", too_early)


PLANTED: Iterable[Plant] = (
    no_sync_of_the_write_ahead_log,
    no_sync_in_a_large_cycle,
    no_sync_of_segments_in_a_checkpoint,
    no_sync_of_partition_folders,
    producers_ahead_of_what_is_durable,
    a_checkpoint_written_in_place,
    a_turn_of_the_write_ahead_log_taken_before_the_checkpoint,
)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_it_finds(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle_module, "WAL_CYCLE_BYTES_MAX", 1200)
    monkeypatch.setattr(store_module, "DIRECT_BYTES_BETWEEN_CHECKPOINTS", 4000)
    plant(monkeypatch)
    with pytest.raises((AssertionError, LogDamaged, BatchInvalid)):
        run_seeds(4)


def run_seeds(count: int) -> None:
    for seed in range(count):
        run(seed, steps=40)
