from streams.broker.wal import (
    KIND_BATCH,
    KIND_OFFSETS,
    Frame,
    WriteAheadLog,
    framed_size,
    read_turns,
    replayed_batch,
)
from tests.unit.broker.memory_disk import MemoryDisk

ID = bytes(range(16))


def payloads(frames: list[Frame]) -> list[bytes]:
    return [b"".join(map(bytes, frame.payload)) for frame in frames]


def test_what_was_written_is_read_back_in_order_with_its_turn() -> None:
    disk = MemoryDisk()
    wal = WriteAheadLog(disk, 5, 4096)
    wal.write([Frame.batch(ID, 3, b"batch"), Frame.offsets(b"change")])
    wal.write([Frame.offsets(b"another")])
    ((epoch, frames),) = read_turns(disk)
    assert epoch == 5
    assert [frame.kind for frame in frames] == [KIND_BATCH, KIND_OFFSETS, KIND_OFFSETS]
    replayed = replayed_batch(frames[0])
    assert (replayed.topic_id, replayed.partition, bytes(replayed.batch)) == (ID, 3, b"batch")
    assert payloads(frames)[1:] == [b"change", b"another"]


def test_turns_alternate_and_come_back_older_first() -> None:
    disk = MemoryDisk()
    wal = WriteAheadLog(disk, 1, 4096)
    for turn in range(4):
        wal.write([Frame.offsets(b"turn %d" % turn)])
        wal.begin_turn()
    assert [(epoch, payloads(frames)) for epoch, frames in read_turns(disk)] == [(3, [b"turn 2"]), (4, [b"turn 3"])]


def test_what_an_earlier_turn_left_in_the_file_ends_the_scan() -> None:
    disk = MemoryDisk()
    wal = WriteAheadLog(disk, 1, 4096)
    for n in range(5):
        wal.write([Frame.offsets(b"long and old %d" % n)])
    wal.begin_turn()
    wal.begin_turn()
    wal.write([Frame.offsets(b"long and new 0")])
    assert [(epoch, payloads(frames)) for epoch, frames in read_turns(disk)] == [(3, [b"long and new 0"])]


def test_room_is_counted_with_the_frames_own_bytes() -> None:
    wal = WriteAheadLog(MemoryDisk(), 1, 100)
    fits, not_fits = [Frame.offsets(b"x" * (100 - 17))], [Frame.offsets(b"x" * (101 - 17))]
    assert framed_size(fits) == 100
    assert wal.has_room(fits)
    assert not wal.has_room(not_fits)


def test_any_damaged_byte_ends_the_scan_before_its_frame() -> None:
    disk = MemoryDisk()
    wal = WriteAheadLog(disk, 1, 200)
    wal.write([Frame.offsets(b"first")])
    end = framed_size([Frame.offsets(b"first")])
    wal.write([Frame.offsets(b"second")])
    file = disk.open("wal/1.wal")
    for at in range(end, end + framed_size([Frame.offsets(b"second")])):
        original = file.pread(1, at)
        file.pwrite([bytes([original[0] ^ 0x41])], at)
        assert [payloads(frames) for _, frames in read_turns(disk)] == [[b"first"]], at
        file.pwrite([original], at)
    assert [payloads(frames) for _, frames in read_turns(disk)] == [[b"first", b"second"]]
