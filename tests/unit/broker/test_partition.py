"""Places, times, reading and waiting of one partition, on a memory disk."""

from __future__ import annotations

import pytest

from streams.broker.batches import BatchCorrupt, BatchInvalid, parse_header
from streams.broker.cycle import write_appends
from streams.broker.partition import Append, BatchTooLarge, Duplicate, OffsetOutOfRange, Partition
from streams.broker.segment import OpenFiles
from streams.broker.topics import TopicConfig
from tests.unit.broker.made import batch, split
from tests.unit.broker.memory_disk import MemoryDisk, MemoryFile


class Log:
    """A partition whose batches become durable when the test says so."""

    def __init__(self, **settings: str) -> None:
        self.disk = MemoryDisk()
        config = TopicConfig.of({name.replace("_", "."): value for name, value in settings.items()})
        self.partition = Partition(b"i" * 16, "t", 0, config, OpenFiles(self.disk), "partitions/t-0")
        self.waiting: list[Append] = []

    def append(self, *values: bytes, now: int = 1000, **producer: int) -> Append | Duplicate:
        made = self.partition.append(batch(*values, **producer), now)
        if isinstance(made, Append):
            self.waiting.append(made)
        return made

    def commit(self) -> None:
        write_appends(self.disk, self.waiting)  # type: ignore[arg-type]
        for append in self.waiting:
            self.partition.made_durable(append)
        self.waiting.clear()


def test_offsets_follow_one_another_over_segments() -> None:
    log = Log(segment_bytes="1024")
    for n in range(30):
        made = log.append(b"x" * 100, b"y")
        assert made.base_offset == 2 * n
    log.commit()
    assert len(log.partition.segments) > 3
    assert [s.base_offset for s in log.partition.segments] == sorted({s.base_offset for s in log.partition.segments})
    for offset in range(60):
        first = parse_header(log.partition.read(offset, 1))
        assert first.base_offset == offset - offset % 2


def test_nothing_is_read_before_it_is_durable() -> None:
    log = Log()
    log.append(b"a")
    log.commit()
    log.append(b"b")
    assert log.partition.next_offset == 2
    assert log.partition.durable_offset == 1
    assert len(split(log.partition.read(0, 10_000))) == 1
    assert len(log.partition.read(1, 10_000)) == 0
    with pytest.raises(OffsetOutOfRange):
        log.partition.read(2, 10_000)
    log.commit()
    assert len(split(log.partition.read(0, 10_000))) == 2


def test_append_times_never_fall_even_when_the_clock_does() -> None:
    log = Log()
    times = [log.append(b"x", now=now).time_ms for now in (5, 9, 3, 1, 10)]
    assert times == [5, 9, 9, 9, 10]


def test_time_finds_the_first_record_at_or_after_it() -> None:
    log = Log(segment_bytes="1024")
    for n in range(40):
        log.append(b"x" * 90, now=100 + 10 * n)
    log.commit()
    assert log.partition.offset_at_time(0) == (100, 0)
    assert log.partition.offset_at_time(255) == (260, 16)
    assert log.partition.offset_at_time(490) == (490, 39)
    assert log.partition.offset_at_time(491) is None


def test_the_first_batch_is_given_whole_even_when_it_is_larger_than_asked() -> None:
    log = Log()
    log.append(b"x" * 50_000)
    log.append(b"y")
    log.commit()
    assert len(split(log.partition.read(0, 10))) == 1


def test_as_much_is_given_as_asked() -> None:
    log = Log()
    for _ in range(200):
        log.append(b"x" * 1000)
    log.commit()
    data = log.partition.read(50, 20_000)
    assert len(data) == 20_000
    assert parse_header(data).base_offset == 50


def test_a_batch_after_a_very_large_one_is_found() -> None:
    log = Log()
    log.append(b"small")
    log.append(b"x" * 100_000)
    log.append(b"wanted")
    log.commit()
    assert parse_header(log.partition.read(2, 10)).base_offset == 2


def test_a_repeat_is_answered_with_its_first_place_and_not_stored() -> None:
    log = Log()
    first = log.append(b"a", producer=1, epoch=0, sequence=0)
    again = log.append(b"a", producer=1, epoch=0, sequence=0)
    assert isinstance(again, Duplicate)
    assert (again.base_offset, again.time_ms) == (first.base_offset, first.time_ms)
    assert log.partition.is_repeat(batch(b"a", producer=1, epoch=0, sequence=0))
    assert not log.partition.is_repeat(batch(b"b", producer=1, epoch=0, sequence=1))
    assert not log.partition.is_repeat(batch(b"a"))
    assert log.partition.next_offset == 1


def test_what_is_refused_changes_nothing() -> None:
    log = Log(max_message_bytes="1024")
    with pytest.raises(BatchTooLarge):
        log.append(b"x" * 2000)
    with pytest.raises(BatchInvalid):
        log.partition.append(b"no batch at all" * 10, 1)
    assert log.partition.next_offset == 0
    assert log.partition.segments == []


def test_watchers_hear_of_every_durable_batch_until_they_stop() -> None:
    log = Log()
    heard: list[int] = []

    def wake() -> None:
        heard.append(log.partition.durable_offset)

    log.partition.watch(wake)
    log.append(b"a")
    assert heard == []
    log.commit()
    log.partition.unwatch(wake)
    log.append(b"b")
    log.commit()
    assert heard == [1]


def test_a_segment_rolls_when_its_time_is_over() -> None:
    log = Log(segment_ms="100")
    log.append(b"a", now=1000)
    log.append(b"b", now=1050)
    log.append(b"c", now=1200)
    assert [s.base_offset for s in log.partition.segments] == [0, 2]


@pytest.mark.parametrize("left", [0, 10, 40])
def test_a_segment_that_lost_its_end_is_damage_and_is_not_looked_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    log = Log()
    log.append(b"one")
    log.append(b"x" * 200)
    log.commit()
    path = log.partition.segments[0].path
    second = len(batch(b"one"))
    log.disk.open(path).truncate(second + left)
    reads: list[int] = []
    pread = MemoryFile.pread

    def counted(file: MemoryFile, size: int, position: int) -> bytes:
        reads.append(position)
        assert len(reads) < 100, "reads the same place again and again"
        return pread(file, size, position)

    monkeypatch.setattr(MemoryFile, "pread", counted)
    with pytest.raises(BatchCorrupt, match="no whole batch at byte"):
        log.partition.read(1, 1 << 20)
