"""The write-ahead log: one fsync makes a whole commit cycle durable, whatever it touches.

Two preallocated files are used in turn. Each turn has an epoch, one higher than the last; a
frame carries its epoch, so what an earlier turn left in the file ends a scan. A file is taken
for a new turn only after a checkpoint made everything in it durable elsewhere.

Frame: CRC32C u32 (of what follows) · payload length u32 · epoch u64 · kind u8 · payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from crc32c import crc32c

from streams.broker.disk import Disk, File
from streams.broker.limits import MIB, WAL_FILE_BYTES

FOLDER: Final = "wal"
KIND_BATCH: Final = 1
KIND_OFFSETS: Final = 2

_FRAME = Struct(">IIQB")
_UNSUMMED = 4
_CLEARED_AT_ONCE_BYTES = 1 * MIB
_PLACE = Struct(">16si")  # topic id, partition

Buffer = bytes | bytearray | memoryview


@dataclass(slots=True, frozen=True)
class Frame:
    """One thing to be made durable: its kind and its payload in pieces."""

    kind: int
    payload: tuple[Buffer, ...]
    size: int

    @classmethod
    def batch(cls, topic_id: bytes, partition: int, batch: Buffer) -> Frame:
        return cls(KIND_BATCH, (_PLACE.pack(topic_id, partition), batch), _PLACE.size + len(batch))

    @classmethod
    def offsets(cls, change: bytes) -> Frame:
        return cls(KIND_OFFSETS, (change,), len(change))


@dataclass(slots=True, frozen=True)
class ReplayedBatch:
    """A batch found in the write-ahead log."""

    topic_id: bytes
    partition: int
    batch: memoryview


class WriteAheadLog:
    """The file of this turn. `write` may run in another thread than `begin_turn`, never at once."""

    def __init__(self, disk: Disk, epoch: int, file_bytes: int = WAL_FILE_BYTES) -> None:
        self._disk = disk
        self._files: list[File | None] = [None, None]
        self._file_bytes = file_bytes
        self._position = 0
        self.epoch = epoch
        """The turn that is being written; the file is `epoch % 2`."""

    def has_room(self, frames: list[Frame]) -> bool:
        """Whether the frames fit into this turn's file."""
        return self._position + framed_size(frames) <= self._file_bytes

    @property
    def half_full(self) -> bool:
        return self._position * 2 > self._file_bytes

    def begin_turn(self) -> None:
        """Go on in the other file, which the caller knows to be free."""
        self.epoch += 1
        self._position = 0

    def write(self, frames: list[Frame]) -> None:
        """Make the frames durable, all or (after a crash) a prefix of them."""
        if not frames:
            return
        file = self._file()
        buffers: list[Buffer] = []
        for frame in frames:
            rest = _FRAME.pack(0, frame.size, self.epoch, frame.kind)[_UNSUMMED:]
            crc = crc32c(rest)
            for piece in frame.payload:
                crc = crc32c(piece, crc)
            buffers.append(crc.to_bytes(4, "big") + rest)
            buffers.extend(frame.payload)
        data = b"".join(buffers)
        file.pwrite([data], self._position)
        file.sync()
        self._position += len(data)

    def clear(self, epoch: int) -> None:
        """Overwrite the file of a turn that a checkpoint made free, and before another turn takes it.

        What was deleted must not be found there until chance overwrites it. Blocks.
        """
        which = epoch % 2
        file = self._files[which]
        if file is None:
            if not self._disk.exists(_path(which)):
                return
            file = self._files[which] = self._disk.open(_path(which))
        size = file.size()
        for position in range(0, size, _CLEARED_AT_ONCE_BYTES):
            file.pwrite([bytes(min(_CLEARED_AT_ONCE_BYTES, size - position))], position)
        file.sync()

    def _file(self) -> File:
        which = self.epoch % 2
        file = self._files[which]
        if file is None:
            self._disk.make_dir(FOLDER)
            file = self._disk.open(_path(which), create=True)
            if file.size() < self._file_bytes:
                # Writing inside reserved blocks keeps the file system's journal out of the fsync.
                file.allocate(self._file_bytes)
                file.sync()
            self._disk.sync_dir(FOLDER)
            self._disk.sync_dir("")
            self._files[which] = file
        return file

    def close(self) -> None:
        for file in self._files:
            if file is not None:
                file.close()
        self._files = [None, None]


def framed_size(frames: list[Frame]) -> int:
    """Bytes that frames take in the file."""
    return sum(frame.size for frame in frames) + len(frames) * _FRAME.size


def read_turns(disk: Disk, after_epoch: int = 0) -> list[tuple[int, list[Frame]]]:
    """The sound frames of the turns after an epoch: (epoch, frames), older turn first."""
    turns = []
    for which in (0, 1):
        if disk.exists(_path(which)):
            file = disk.open(_path(which))
            try:
                head = file.pread(_FRAME.size, 0)
                if len(head) < _FRAME.size or _FRAME.unpack(head)[2] <= after_epoch:
                    continue
                data = memoryview(file.pread(file.size(), 0))
            finally:
                file.close()
            frames = list(_sound_frames(data))
            if frames:
                turns.append((frames[0][0], [frame for _, frame in frames]))
    return sorted(turns, key=lambda turn: turn[0])


def _sound_frames(data: memoryview) -> Iterator[tuple[int, Frame]]:
    at, first_epoch = 0, None
    while len(data) - at >= _FRAME.size:
        crc, size, epoch, kind = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + size
        if epoch == 0 or end > len(data) or (first_epoch is not None and epoch != first_epoch):
            return
        if crc32c(data[at + _UNSUMMED : end]) != crc:
            return
        first_epoch = epoch
        yield epoch, Frame(kind, (data[at + _FRAME.size : end],), size)
        at = end


def replayed_batch(frame: Frame) -> ReplayedBatch:
    """Take a batch frame apart."""
    payload = memoryview(frame.payload[0])
    topic_id, partition = _PLACE.unpack_from(payload)
    return ReplayedBatch(topic_id, partition, payload[_PLACE.size :])


def _path(which: int) -> str:
    return f"{FOLDER}/{which}.wal"
