import pytest

from streams.broker.batches import (
    BatchCorrupt,
    BatchFormatUnsupported,
    BatchInvalid,
    check_produced,
    crc_is_right,
    next_sequence,
    parse_header,
    read_last_offset,
    read_prefix,
    stamped,
)
from tests.unit.broker.made import batch


def test_a_clients_batch_is_accepted_with_its_fields() -> None:
    header = check_produced(batch(b"a", b"b", b"c", producer=9, epoch=2, sequence=5))
    assert (header.record_count, header.last_offset_delta, header.producer_id) == (3, 2, 9)
    assert (header.producer_epoch, header.base_sequence, header.last_sequence) == (2, 5, 7)


def test_stamping_sets_place_and_time_and_keeps_the_records() -> None:
    original = batch(b"a", b"b")
    out = stamped(original, 1_000_000_007, 123_456)
    header = parse_header(out)
    assert (header.base_offset, header.next_offset, header.max_timestamp) == (1_000_000_007, 1_000_000_009, 123_456)
    assert header.attributes & 0x08, "the timestamp type is append time"
    assert crc_is_right(out)
    assert out[61:] == original[61:]
    assert read_prefix(bytes(out), 0) == (1_000_000_007, len(out))
    assert read_last_offset(bytes(out), 0) == 1_000_000_008


@pytest.mark.parametrize("at", [*range(12, 17), *range(17, 30), 61, 70, -1])
def test_any_flipped_bit_is_noticed(at: int) -> None:
    data = bytearray(batch(b"some value", b"another"))
    data[at] ^= 0x10
    if at in range(12, 16):
        check_produced(bytes(data))  # The leader epoch is the broker's to set.
        return
    with pytest.raises(BatchInvalid):
        check_produced(bytes(data))


@pytest.mark.parametrize("magic", [0, 1])
def test_older_formats_are_named_as_such(magic: int) -> None:
    data = bytearray(batch(b"x"))
    data[16] = magic
    with pytest.raises(BatchFormatUnsupported):
        check_produced(bytes(data))
    with pytest.raises(BatchFormatUnsupported):
        check_produced(bytes(data[:40]))


def test_cut_batches_are_corrupt() -> None:
    data = batch(b"x" * 100)
    for size in (0, 10, 60, 61, len(data) - 1):
        with pytest.raises(BatchCorrupt):
            check_produced(data[:size])


def test_two_batches_in_one_request_are_refused() -> None:
    with pytest.raises(BatchInvalid, match="exactly one"):
        check_produced(batch(b"a") + batch(b"b"))


def test_sequences_wrap() -> None:
    assert next_sequence(5) == 6
    assert next_sequence(2**31 - 1) == 0
