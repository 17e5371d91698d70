"""Chunker, compression, records, sealing, scanner: each alone."""

import random
import struct
from pathlib import Path

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import Config
from govault.storage.chunker import make_chunker
from govault.storage.compression import Codec, Compressor, decompress, sampled_ratio
from govault.storage.disk import RealDisk, replace_file
from govault.storage.index import Entry, Index, IndexBatch, entries_of
from govault.storage.keyring import Keyring
from govault.storage.record import (
    RECORD_HEADER_BYTES,
    TAG_BYTES,
    RecordHeader,
    chunks_of,
    decode_header,
    decode_pack_header,
    encode_pack_header,
    encode_table,
    pack_name,
    pack_number,
)
from govault.storage.scanner import scan
from govault.storage.sealing import SealBroken, Sealer, SealingRootMissing
from schemas.ids import ChunkId
from tests.simulation.storage.recording import RecordingDatabase, RecordingDisk


def _noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def _sealer(seed: int = 0) -> Sealer:
    return Sealer(Keyring(bytes([seed]) * 32), Compressor("zstd", None))


# --- chunker -----------------------------------------------------------------------------------------------------


def test_content_chunks_keep_their_bounds() -> None:
    lengths = make_chunker("content", 8192, 1).cut(_noise(2_000_000), last=True)
    assert sum(lengths) == 2_000_000
    assert all(2048 <= length <= 32_768 for length in lengths[:-1])
    assert 6000 < sum(lengths) / len(lengths) < 14_000


def test_fixed_chunks_have_one_size() -> None:
    chunker = make_chunker("fixed", 4096, 1)
    assert chunker.cut(bytes(10_000), last=True) == [4096, 4096, 1808]
    assert chunker.cut(bytes(10_000), last=False) == [4096, 4096]
    assert chunker.cut(b"", last=True) == []


def test_two_vaults_cut_the_same_content_in_different_places() -> None:
    content = _noise(500_000)
    one, other = Keyring(bytes(32)), Keyring(b"\x01" * 32)
    cuts = [make_chunker("content", 8192, keyring.cutting_seed).cut(content, last=True) for keyring in (one, other)]
    assert cuts[0] != cuts[1]


@pytest.mark.parametrize(("chunking", "size"), [("content", 100), ("content", 4 << 20), ("fixed", 16 << 20)])
def test_sizes_out_of_bounds_are_refused(chunking: str, size: int) -> None:
    with pytest.raises(Config, match=str(size)):
        make_chunker(chunking, size, 1)  # type: ignore[arg-type]


# --- compression -------------------------------------------------------------------------------------------------


def test_noise_is_stored_as_it_is_and_text_is_not() -> None:
    for name in ("auto", "zstd", "lz4", "gzip"):
        compressor = Compressor(name, None)  # type: ignore[arg-type]
        assert compressor.compress(memoryview(_noise(200_000)))[0] is Codec.NONE
        codec, packed = compressor.compress(memoryview(b"a line of text\n" * 10_000))
        assert codec is not Codec.NONE
        assert len(packed) < 15_000


def test_auto_takes_the_fast_codec_where_little_can_be_won() -> None:
    little = b"".join(_noise(4000, seed) + bytes(700) for seed in range(50))
    assert 0.80 < sampled_ratio(memoryview(little)) <= 0.95
    assert Compressor("auto", None).compress(memoryview(little))[0] in (Codec.LZ4, Codec.NONE)
    assert Compressor("auto", None).compress(memoryview(b"text " * 50_000))[0] is Codec.ZSTD


@pytest.mark.parametrize(("name", "level"), [("zstd", 20), ("zstd", 0), ("gzip", 9), ("none", 1), ("lz4", 17)])
def test_levels_that_a_codec_lacks_are_refused(name: str, level: int) -> None:
    with pytest.raises(Config, match=str(level)):
        Compressor(name, level)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", [Codec.ZSTD, Codec.LZ4, Codec.GZIP, 77])
def test_what_a_codec_did_not_make_is_refused(codec: int) -> None:
    with pytest.raises(ValueError):
        decompress(codec, b"\xff\x00garbage" * 9, 100)


def test_a_wrong_length_is_refused() -> None:
    codec, packed = Compressor("zstd", 1).compress(memoryview(bytes(1000)))
    with pytest.raises(ValueError):
        decompress(codec, packed, 999)
    with pytest.raises(ValueError):
        decompress(codec, packed, 1001)
    with pytest.raises(ValueError):
        decompress(Codec.NONE, b"abc", 4)


# --- records -----------------------------------------------------------------------------------------------------


def test_a_header_reads_back_and_any_changed_bit_is_noticed() -> None:
    header = RecordHeader(1, 2, 300, 200, ChunkId(_noise(32)), _noise(12))
    raw = header.encode()
    assert len(raw) == RECORD_HEADER_BYTES
    assert decode_header(raw) == header
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert decode_header(changed) is None
    assert decode_header(raw[:-1]) is None


def test_a_pack_header_names_its_pack_and_its_keys() -> None:
    raw = encode_pack_header(7, b"12345678")
    assert decode_pack_header(raw) == (7, b"12345678")
    assert decode_pack_header(raw[:-1]) is None
    assert decode_pack_header(bytes(24)) is None


def test_pack_names_read_back_and_others_are_not_packs() -> None:
    assert pack_number(pack_name(42)) == 42
    for name in ("0000042.pack", "00000042.pack.new", "00000042", "0000004x.pack", "٠٠٠٠٠٠٤٢.pack"):
        assert pack_number(name) is None


# --- sealing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [b"", b"x", b"text " * 5000, _noise(70_000)])
def test_a_sealed_chunk_opens_to_its_plaintext(plain: bytes) -> None:
    sealer = _sealer()
    record = sealer.seal(sealer.chunk_id(plain), memoryview(plain)).raw
    header = decode_header(record)
    assert header is not None
    assert sealer.open(header, record) == plain


def test_no_two_sealings_of_a_chunk_are_alike() -> None:
    sealer = _sealer()
    chunk_id = sealer.chunk_id(b"same")
    assert sealer.seal(chunk_id, memoryview(b"same")).raw != sealer.seal(chunk_id, memoryview(b"same")).raw


def test_the_plaintext_does_not_show_in_a_record() -> None:
    plain = _noise(5000)
    sealer = _sealer()
    record = bytes(sealer.seal(sealer.chunk_id(plain), memoryview(plain)).raw)
    assert plain[100:116] not in record


def test_any_changed_byte_of_the_sealed_content_breaks_the_seal() -> None:
    sealer = _sealer()
    record = bytearray(sealer.seal(sealer.chunk_id(b"content"), memoryview(b"content")).raw)
    header = decode_header(record)
    assert header is not None
    for position in range(RECORD_HEADER_BYTES, len(record)):
        record[position] ^= 0x10
        with pytest.raises(SealBroken):
            sealer.open(header, record)
        record[position] ^= 0x10
    with pytest.raises(SealBroken):
        sealer.open(header, record[:-1])


def test_a_record_sealed_under_another_chunks_name_is_refused() -> None:
    sealer = _sealer()
    record = sealer.seal(sealer.chunk_id(b"one"), memoryview(b"other")).raw
    header = decode_header(record)
    assert header is not None
    with pytest.raises(SealBroken, match="id"):
        sealer.open(header, record)


def _bundle(sealer: Sealer, plains: list[bytes]) -> tuple[list[ChunkRef], bytearray, RecordHeader]:
    chunks = [ChunkRef(sealer.chunk_id(plain), len(plain)) for plain in plains]
    record = bytearray(sealer.seal_bundle(chunks, plains).raw)
    header = decode_header(record)
    assert header is not None
    return chunks, record, header


@pytest.mark.parametrize("plains", [[b"one", b"text " * 999], [_noise(5000, seed) for seed in range(9)]])
def test_a_bundle_opens_to_its_chunks_in_order(plains: list[bytes]) -> None:
    sealer = _sealer()
    chunks, record, header = _bundle(sealer, plains)
    assert header.is_bundle
    assert header.record_bytes == len(record)
    assert chunks_of(header, record) == chunks
    assert [(chunk, bytes(plain)) for chunk, plain in sealer.open_all(header, record)] == list(
        zip(chunks, plains, strict=True)
    )
    with pytest.raises(SealBroken, match="bundle"):
        sealer.open(header, record)


def test_a_bundle_of_one_chunk_is_the_record_of_that_chunk() -> None:
    sealer = _sealer()
    chunks, record, header = _bundle(sealer, [b"alone"])
    assert not header.is_bundle
    assert chunks_of(header, record) == chunks
    assert sealer.open(header, record) == b"alone"


def test_any_changed_byte_of_a_bundle_breaks_its_seal() -> None:
    sealer = _sealer()
    _, record, header = _bundle(sealer, [b"one", b"other"])
    for position in range(RECORD_HEADER_BYTES, len(record)):
        record[position] ^= 0x10
        with pytest.raises(SealBroken):
            sealer.open_all(header, record)
        record[position] ^= 0x10
    with pytest.raises(SealBroken):
        sealer.open_all(header, record[:-1])
    with pytest.raises(SealBroken):
        sealer.unseal(header._replace(stored_bytes=TAG_BYTES), record[: RECORD_HEADER_BYTES + TAG_BYTES])


def test_a_damaged_table_names_no_chunks() -> None:
    chunks, record, header = _bundle(_sealer(), [b"one", b"other"])
    for position in range(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + len(encode_table(chunks))):
        record[position] ^= 0x10
        assert chunks_of(header, record) == []
        record[position] ^= 0x10
    assert chunks_of(header, record[: RECORD_HEADER_BYTES + 1]) == []


def test_a_bundle_that_names_a_chunk_it_does_not_hold_is_refused() -> None:
    sealer = _sealer()
    chunks = [ChunkRef(sealer.chunk_id(b"one"), 3), ChunkRef(sealer.chunk_id(b"two"), 3)]
    record = sealer.seal_bundle(chunks, [b"one", b"oops"[:3]]).raw
    header = decode_header(record)
    assert header is not None
    with pytest.raises(SealBroken, match="id"):
        sealer.open_all(header, record)


# --- places ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1], [3, 5], [1] * 1000, [8, 500_000, 1]])
@pytest.mark.parametrize("record_bytes", [90, 12_345])
def test_the_shares_of_a_record_are_the_whole_record(sizes: list[int], record_bytes: int) -> None:
    chunks = [ChunkRef(ChunkId(number.to_bytes(32, "big")), size) for number, size in enumerate(sizes)]
    entries = [entry for _, entry in entries_of(7, 24, record_bytes, chunks, 3)]
    assert sum(entry.record_bytes for entry in entries) == record_bytes
    assert [entry.extent_bytes for entry in entries] == [record_bytes] * len(sizes)
    assert [entry.start for entry in entries] == [sum(sizes[:number]) for number in range(len(sizes))]


def test_places_read_back_from_the_index_and_so_do_those_of_before_bundles() -> None:
    database = RecordingDatabase()
    index = Index(database)
    alone, bundled = Entry(1, 24, 100, 50, 9), Entry(1, 124, 40, 50, 8, 400, 60)
    batch = IndexBatch()
    batch.put_entry(ChunkId(b"a" * 32), alone)
    batch.put_entry(ChunkId(b"b" * 32), bundled)
    index.write(batch)
    database.write([(b"c" + b"o" * 32, struct.pack(">IIIII", *alone[:5]))])
    assert dict(index.entries()) == {b"a" * 32: alone, b"b" * 32: bundled, b"o" * 32: alone}
    assert [index.stamp(ChunkId(letter * 32)) for letter in (b"a", b"b", b"o", b"x")] == [9, 8, 9, None]


# --- sealing with other keys -------------------------------------------------------------------------------------


def test_another_vaults_keys_open_nothing() -> None:
    record = _sealer(1).seal(_sealer(1).chunk_id(b"x"), memoryview(b"x")).raw
    header = decode_header(record)
    assert header is not None
    with pytest.raises(SealBroken):
        _sealer(2).open(header, record)


def test_a_missing_sealing_root_is_not_taken_for_damage() -> None:
    keyring = Keyring(bytes(32))
    keyring.rotate()
    sealer = Sealer(keyring, Compressor("none", None))
    record = sealer.seal(sealer.chunk_id(b"x"), memoryview(b"x")).raw
    header = decode_header(record)
    assert header is not None
    with pytest.raises(SealingRootMissing):
        _sealer().open(header, record)


# --- scanner -----------------------------------------------------------------------------------------------------


def _records(count: int) -> list[bytes]:
    sealer = _sealer()
    plains = [_noise(100 + 37 * number, number) for number in range(count)]
    return [bytes(sealer.seal(sealer.chunk_id(plain), memoryview(plain)).raw) for plain in plains]


def _scanned(raw: bytes) -> list[int]:
    file = RecordingDisk({"p": raw}).open("p")
    return [found.offset for found in scan(file, 0, len(raw))]


def test_a_scan_finds_every_record() -> None:
    records = _records(20)
    starts = [sum(map(len, records[:number])) for number in range(20)]
    assert _scanned(b"".join(records)) == starts


def test_a_scan_goes_on_behind_a_damaged_header() -> None:
    records = _records(5)
    raw = bytearray(b"".join(records))
    raw[len(records[0]) + 10] ^= 1
    starts = [0, *(sum(map(len, records[:number])) for number in (2, 3, 4))]
    assert _scanned(bytes(raw)) == starts


def test_a_scan_goes_on_behind_a_gap_of_any_size() -> None:
    records = _records(2)
    for gap in (1, 3, 1024 * 1024 - 2, 1024 * 1024, 3_000_001):
        assert _scanned(records[0] + bytes(gap) + records[1]) == [0, len(records[0]) + gap]


def test_a_scan_leaves_out_a_record_that_ends_too_late() -> None:
    records = _records(2)
    assert _scanned((records[0] + records[1])[:-1]) == [0]


# --- disk --------------------------------------------------------------------------------------------------------


def test_replacing_a_file_leaves_one_whole_file(tmp_path: Path) -> None:
    disk = RealDisk(tmp_path)
    for content in (b"first", b"second, longer", b"3"):
        replace_file(disk, "name", content)
        assert (tmp_path / "name").read_bytes() == content
    (tmp_path / "name.new").write_bytes(b"left by a crash")
    replace_file(disk, "name", b"fourth")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_new_pack_never_overwrites_a_file(tmp_path: Path) -> None:
    disk = RealDisk(tmp_path)
    disk.open("x", create=True).close()
    with pytest.raises(FileExistsError):
        disk.open("x", create=True)


def test_many_buffers_land_one_after_the_other(tmp_path: Path) -> None:
    disk = RealDisk(tmp_path)
    file = disk.open("x", create=True)
    buffers = [_noise(number % 7 + 1, number) for number in range(1500)]
    file.pwrite(buffers, 5)
    whole = b"".join(buffers)
    assert file.size() == 5 + len(whole)
    assert file.pread(len(whole) + 100, 5) == whole
    file.close()
    file.close()
