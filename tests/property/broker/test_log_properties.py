"""Random histories: crashes at any byte, retries in any order, look-ups anywhere."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.broker.batches import parse_header
from streams.broker.frames import Frames, FrameTooLarge
from streams.broker.index import SparseIndex
from streams.broker.partition import Append, Duplicate
from streams.broker.producers import DuplicateForgotten, OutOfOrder
from streams.broker.recovery import open_store
from streams.broker.segment import sound_batches
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.unit.broker.log_driver import WAL_FILE_BYTES, LogDriver, syncer
from tests.unit.broker.made import batch, split
from tests.unit.broker.memory_disk import MemoryDisk


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=12), cut=st.floats(0, 1), garbage=st.binary(max_size=80)
)
def test_a_segment_cut_at_any_byte_gives_exactly_the_whole_batches_before_it(
    sizes: list[int], cut: float, garbage: bytes
) -> None:
    disk = MemoryDisk()
    file = disk.open("segment", create=True)
    position, ends = 0, []
    for offset, size in enumerate(sizes):
        data = bytearray(batch(bytes(size)))
        data[:8] = offset.to_bytes(8, "big")
        file.pwrite([data], position)
        position += len(data)
        ends.append(position)
    at = int(cut * position)
    file.truncate(at)
    file.pwrite([garbage], at)
    found = [header.base_offset for _, header, _ in sound_batches(file, 0, 0)]
    assert found == list(range(sum(end <= at for end in ends)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 40), cut=st.floats(0, 1))
def test_a_log_killed_at_any_byte_of_its_tail_keeps_every_acknowledged_batch(seed: int, steps: int, cut: float) -> None:
    """The tail of the active segment is lost from any byte on; the write-ahead log brings it back."""
    disk = MemoryDisk()
    driver = LogDriver(disk, random.Random(seed))
    driver.open()
    driver.create_topic("a", 1)
    for _ in range(steps):
        driver.append()
        driver.commit()
    partition = driver.store.partition("a", 0)
    assert partition is not None
    active = partition.segments[-1]
    durable_by_itself = active.synced_size
    file = disk.open(active.path)
    file.truncate(durable_by_itself + int(cut * (file.size() - durable_by_itself)))
    store, _ = open_store(disk, syncer(disk), wal_file_bytes=WAL_FILE_BYTES)
    again = store.partition("a", 0)
    assert again is not None
    found: list[bytes] = []
    offset = 0
    while offset < again.durable_offset:
        found += split(again.read(offset, 1 << 20))
        offset = parse_header(found[-1]).next_offset
    assert found == driver.told.records["a", 0]


class IdempotentProducer(RuleBasedStateMachine):
    """A producer that loses answers, sends again, skips and restarts with its broker, against a plain list."""

    @initialize()
    def begin(self) -> None:
        self.disk = MemoryDisk()
        self.store, _ = open_store(self.disk, syncer(self.disk), wal_file_bytes=WAL_FILE_BYTES)
        topic = Topic("t", new_topic_id(), 1, TopicConfig.of({"segment.bytes": "1024"}))
        store_topics(self.disk, {"t": topic})
        self.store.add_topic(topic)
        self.sent: list[tuple[int, int, bytes]] = []
        """First sequence, first offset, batch: in the order the log has them."""
        self.sequence = 0
        self.driver = LogDriver(self.disk, random.Random(0))
        self.driver.store = self.store

    @property
    def partition(self):  # type: ignore[no-untyped-def]
        found = self.store.partition("t", 0)
        assert found is not None
        return found

    @rule(count=st.integers(1, 4), fill=st.integers(0, 255))
    def send_next(self, count: int, fill: int) -> None:
        values = [bytes([fill, n]) for n in range(count)]
        data = batch(*values, producer=1, epoch=0, sequence=self.sequence)
        made = self.store.append(self.partition, data, 1)
        assert isinstance(made, Append)
        assert made.base_offset == self.sequence, "one producer: offsets and sequences run together"
        self.sent.append((self.sequence, made.base_offset, data))
        self.sequence += count

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 25))
    def send_again(self, back: int) -> None:
        _, offset, data = self.sent[max(len(self.sent) - 1 - back, 0)]
        try:
            made = self.store.append(self.partition, data, 1)
        except DuplicateForgotten:
            assert back >= 5, "the last five must be remembered"
            return
        assert isinstance(made, Duplicate)
        assert made.base_offset == offset

    @rule(gap=st.integers(1, 5))
    def skip(self, gap: int) -> None:
        data = batch(b"x", producer=1, epoch=0, sequence=self.sequence + gap)
        if not self.sent:
            return  # A producer without history may begin anywhere.
        try:
            self.store.append(self.partition, data, 1)
        except OutOfOrder:
            return
        raise AssertionError("a gap was accepted")

    @rule()
    def commit(self) -> None:
        self.driver.commit()

    @rule()
    def checkpoint(self) -> None:
        self.driver.checkpoint()

    @rule(survival=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 1000))
    def crash(self, survival: float, seed: int) -> None:
        durable = self.partition.durable_offset
        self.disk = self.disk.after_crash(random.Random(seed), survival)
        self.store, _ = open_store(self.disk, syncer(self.disk), wal_file_bytes=WAL_FILE_BYTES)
        assert self.partition.durable_offset >= durable
        self.sent = [row for row in self.sent if row[1] < self.partition.durable_offset]
        self.sequence = self.partition.durable_offset
        self.driver = LogDriver(self.disk, random.Random(seed))
        self.driver.store = self.store

    @invariant()
    def the_log_is_what_was_sent(self) -> None:
        if hasattr(self, "sent"):
            assert self.partition.next_offset == self.sequence


TestIdempotentProducer = IdempotentProducer.TestCase
TestIdempotentProducer.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(61, 6000), min_size=1, max_size=60), data=st.data())
def test_an_index_leads_to_a_batch_at_or_before_what_is_wanted(sizes: list[int], data: st.DataObject) -> None:
    index = SparseIndex()
    starts, times, position, time = [], [], 0, 100
    for offset, size in enumerate(sizes):
        time += offset % 3
        index.add(offset, position, time, size)
        starts.append(position)
        times.append(time)
        position += size
    index = SparseIndex.decoded(index.encoded()) or index
    offset = data.draw(st.integers(0, len(sizes) - 1))
    found = index.position_of(offset)
    assert found in starts
    assert found <= starts[offset]
    assert starts[offset] - found < 4096 + max(sizes)
    first = next(n for n, t in enumerate(times) if t >= times[offset])
    by_time = index.position_of_time(times[offset])
    assert by_time in starts
    assert by_time <= starts[first]
    cut = data.draw(st.integers(0, position))
    index.cut(cut)
    assert index.covered == cut
    assert index.position_of(10**9) <= max(cut - 1, 0)


@settings(max_examples=200, deadline=None)
@given(frames=st.lists(st.binary(min_size=2, max_size=200), max_size=20), cuts=st.lists(st.integers(1, 50)))
def test_frames_come_out_whole_however_the_stream_was_cut(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    reader, out, at = Frames(), [], 0
    for size in [*cuts, len(stream) or 1]:
        reader.feed(stream[at : at + size], lambda key: 1000)
        out += reader.take()
        at += size
    assert out == frames
    assert not reader.is_partial


@given(size=st.integers(201, 2**31 - 1), key=st.integers(0, 100))
def test_a_frame_beyond_its_bound_is_refused_at_its_head(size: int, key: int) -> None:
    reader = Frames()
    try:
        reader.feed(size.to_bytes(4, "big") + key.to_bytes(2, "big"), lambda key: 200)
    except FrameTooLarge:
        return
    raise AssertionError("it was accepted")
