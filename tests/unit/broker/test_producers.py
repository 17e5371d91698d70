import pytest

from streams.broker.batches import parse_header
from streams.broker.limits import PRODUCER_BATCHES_REMEMBERED, PRODUCER_EXPIRY_MS, PRODUCER_ID_BLOCK
from streams.broker.producers import DuplicateForgotten, OutOfOrder, ProducerFenced, ProducerIds, ProducerStates
from tests.unit.broker.made import batch
from tests.unit.broker.memory_disk import MemoryDisk


def header(sequence: int, count: int = 1, epoch: int = 0, producer: int = 7):
    return parse_header(batch(*[b"x"] * count, producer=producer, epoch=epoch, sequence=sequence))


def states(*sequences: int) -> ProducerStates:
    out = ProducerStates()
    for offset, sequence in enumerate(sequences):
        assert out.check(header(sequence)) is None
        out.note(header(sequence), offset, 1000 + offset)
    return out


def test_a_sequence_continues_and_a_gap_is_refused() -> None:
    known = states(0, 1, 2)
    assert known.check(header(3)) is None
    with pytest.raises(OutOfOrder):
        known.check(header(4))


def test_a_repeat_is_answered_with_where_it_is() -> None:
    known = states(0, 1, 2)
    earlier = known.check(header(1))
    assert earlier is not None
    assert (earlier.base_offset, earlier.time_ms) == (1, 1001)


def test_a_repeat_with_other_bounds_is_no_repeat() -> None:
    with pytest.raises(OutOfOrder):
        states(0, 1, 2).check(header(1, count=2))


def test_a_repeat_from_long_ago_is_told_apart_from_a_gap() -> None:
    known = states(*range(PRODUCER_BATCHES_REMEMBERED + 5))
    with pytest.raises(DuplicateForgotten):
        known.check(header(2))


def test_what_came_before_the_first_known_batch_is_not_told_to_be_written() -> None:
    # The topic was made between the two: the first was refused, and is sent again.
    known = states(1, 2)
    with pytest.raises(OutOfOrder):
        known.check(header(0))


def test_sequences_wrap_around() -> None:
    known = states(2**31 - 1)
    assert known.check(header(0)) is None


def test_a_gap_just_behind_the_wrap_is_no_repeat_from_long_ago() -> None:
    # Told "duplicate", a producer counts the batch as written: it would be lost.
    known = states(2**31 - 2, 2**31 - 1, 0, 1)
    with pytest.raises(OutOfOrder):
        known.check(header(5))


def test_a_repeat_from_before_the_wrap_is_told_apart_from_a_gap() -> None:
    known = states(*(sequence % 2**31 for sequence in range(2**31 - 3, 2**31 + PRODUCER_BATCHES_REMEMBERED)))
    with pytest.raises(DuplicateForgotten):
        known.check(header(2**31 - 3))


def test_a_newer_epoch_begins_at_zero_and_fences_the_older() -> None:
    known = states(0, 1)
    with pytest.raises(OutOfOrder):
        known.check(header(2, epoch=1))
    assert known.check(header(0, epoch=1)) is None
    known.note(header(0, epoch=1), 2, 5)
    with pytest.raises(ProducerFenced):
        known.check(header(2, epoch=0))


def test_an_unknown_producer_may_begin_anywhere() -> None:
    assert ProducerStates().check(header(500)) is None


def test_a_snapshot_holds_only_what_is_durable() -> None:
    known = states(0, 1, 2)
    restored = ProducerStates()
    restored.restore(known.snapshot(durable_offset=2))
    assert restored.check(header(2)) is None
    assert restored.check(header(1)) is not None


def test_silent_producers_are_forgotten() -> None:
    known = states(0)
    known.note(header(0, producer=8), 1, 1000 + PRODUCER_EXPIRY_MS)
    known.expire(1002 + PRODUCER_EXPIRY_MS)
    assert len(known) == 1


def test_producer_ids_are_never_given_out_twice_whatever_happens() -> None:
    disk = MemoryDisk()
    seen: set[int] = set()
    for _ in range(5):
        ids = ProducerIds(disk)
        for _ in range(PRODUCER_ID_BLOCK + 3):
            one = ids.take()
            assert one not in seen
            seen.add(one)
        disk = disk.after_crash(__import__("random").Random(1), 0.0)
