"""Laws of the store's pure parts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from govault.storage import recovery_key
from govault.storage.chunker import Chunker, make_chunker
from govault.storage.compression import Compressor, decompress
from govault.storage.keyring import Keyring
from govault.storage.record import CHUNK_BYTES_MAX, STORED_BYTES_MAX, TAG_BYTES, RecordHeader, decode_header
from govault.storage.sealing import Sealer
from schemas.ids import ChunkId

CONTENT = make_chunker("content", 4096, 12345)
FIXED = make_chunker("fixed", 4096, 0)
SEALER = Sealer(Keyring(bytes(32)), Compressor("auto", None))

pieces = st.lists(
    st.one_of(
        st.binary(max_size=3000),
        st.builds(lambda byte, times: bytes([byte]) * times, st.integers(0, 255), st.integers(0, 30_000)),
        st.builds(lambda seed, size: seed.to_bytes(8, "big") * size, st.integers(0, 2**63), st.integers(0, 4000)),
    ),
    max_size=12,
)


def _cut_in_pieces(chunker: Chunker, stretches: list[bytes]) -> list[bytes]:
    """As the pipeline does it: the uncut end of a buffer goes in front of the next."""
    chunks: list[bytes] = []
    tail = b""
    for number, stretch in enumerate(stretches):
        buffer = tail + stretch
        start = 0
        for length in chunker.cut(buffer, last=number == len(stretches) - 1):
            chunks.append(buffer[start : start + length])
            start += length
        tail = buffer[start:]
    return chunks


@given(pieces)
@settings(max_examples=200, deadline=None)
def test_cutting_in_pieces_is_cutting_the_whole(stretches: list[bytes]) -> None:
    whole = b"".join(stretches)
    for chunker in (CONTENT, FIXED):
        lengths = chunker.cut(whole, last=True)
        assert sum(lengths) == len(whole)
        assert all(0 < length <= chunker.chunk_bytes_max for length in lengths)
        if stretches:
            chunks = _cut_in_pieces(chunker, stretches)
            assert b"".join(chunks) == whole
            assert [len(chunk) for chunk in chunks] == lengths


@given(pieces, st.sampled_from(["auto", "zstd", "lz4", "gzip", "none"]))
@settings(max_examples=200, deadline=None)
def test_every_codec_gives_the_plaintext_back_and_never_grows_it(stretches: list[bytes], name: str) -> None:
    plain = b"".join(stretches)
    codec, stored = Compressor(name, None).compress(memoryview(plain))  # type: ignore[arg-type]
    assert len(stored) <= len(plain)
    assert bytes(decompress(codec, stored, len(plain))) == plain


@given(pieces)
@settings(max_examples=100, deadline=None)
def test_a_sealed_chunk_opens_to_its_plaintext(stretches: list[bytes]) -> None:
    plain = b"".join(stretches)
    record = SEALER.seal(SEALER.chunk_id(plain), memoryview(plain)).raw
    header = decode_header(record)
    assert header is not None
    assert header.record_bytes == len(record)
    assert SEALER.open(header, record) == plain


@given(
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.integers(0, CHUNK_BYTES_MAX),
    st.integers(TAG_BYTES, STORED_BYTES_MAX),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=12, max_size=12),
)
def test_record_headers_read_back(
    codec: int, epoch: int, plain: int, stored: int, chunk_id: bytes, nonce: bytes
) -> None:
    header = RecordHeader(codec, epoch, plain, stored, ChunkId(chunk_id), nonce)
    assert decode_header(header.encode()) == header


@given(st.binary(min_size=0, max_size=200))
def test_no_bytes_make_the_header_decoder_fail(raw: bytes) -> None:
    decode_header(raw)


@given(st.binary(min_size=32, max_size=32))
def test_recovery_keys_read_back(secret: bytes) -> None:
    assert recovery_key.decode(recovery_key.encode(secret)) == secret
