import pytest

from streams.broker.batches import BatchCorrupt, check_produced, parse_header
from streams.broker.records import (
    GZIP,
    LZ4,
    SNAPPY,
    ZSTD,
    CodecUnsupported,
    compressed,
    decompressed,
    records_of,
    with_records,
)
from tests.unit.broker.made import batch


def compressed_batch(codec: int) -> bytes:
    """A batch as a client with this codec makes it."""
    plain = batch(b"a" * 50, b"b" * 50, b"c" * 50, key=b"k")
    header = parse_header(plain)
    marked = bytearray(with_records(header, plain, records_of(header, plain)))
    marked[22] |= codec
    return with_records(parse_header(marked), bytes(marked), records_of(header, plain))


@pytest.mark.parametrize("codec", [0, GZIP, LZ4, ZSTD])
def test_records_come_out_and_a_part_of_them_makes_a_sound_batch(codec: int) -> None:
    data = compressed_batch(codec)
    header = check_produced(data)
    assert header.codec == codec
    records = records_of(header, data)
    assert [(r.offset_delta, r.key, r.is_tombstone) for r in records] == [(n, b"k", False) for n in range(3)]
    some = with_records(header, data, [records[0], records[2]])
    again = parse_header(some)
    assert (again.record_count, again.last_offset_delta, again.size) == (2, 2, len(some))
    assert [r.offset_delta for r in records_of(again, some)] == [0, 2]


def test_null_keys_and_tombstones_are_told_apart() -> None:
    data = batch(b"v")
    assert records_of(parse_header(data), data)[0].key is None
    tombstone = batch(None, key=b"k")  # type: ignore[arg-type]
    assert records_of(parse_header(tombstone), tombstone)[0].is_tombstone


def test_snappy_is_named_as_what_cannot_be_read() -> None:
    with pytest.raises(CodecUnsupported):
        decompressed(SNAPPY, b"x")


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_damaged_and_exploding_content_is_refused(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BatchCorrupt):
        decompressed(codec, b"this is not compressed")
    monkeypatch.setattr("streams.broker.records.UNCOMPRESSED_BYTES_MAX", 1000)
    with pytest.raises(BatchCorrupt, match="more than"):
        decompressed(codec, compressed(codec, bytes(1_000_000)))


def test_cut_records_are_corrupt() -> None:
    data = batch(b"value", key=b"key")
    header = parse_header(data)
    for end in range(62, len(data)):
        with pytest.raises(BatchCorrupt):
            records_of(header, data[:end])
