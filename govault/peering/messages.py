"""Chunk ids and sealed chunks as bodies of frames. Decoding is total: garbage is an InvalidRequest, nothing else."""

from collections.abc import Sequence
from struct import Struct
from typing import Any

from govault.errors import InvalidRequest
from govault.limits import CHUNK_BYTES_MAX, PEER_BATCH_CHUNKS_MAX, SLOTS
from govault.ports import SealedChunk
from schemas.ids import ChunkId

ID_BYTES = 32
DIGEST_BYTES = 16
SLOTS_PER_CALL_MAX = SLOTS
GOSSIP_BYTES_MAX = 64 * 1024
_PLACE = Struct(">32sII")
Body = bytes | bytearray


def pack_ids(chunks: Sequence[bytes]) -> bytes:
    """Chunk ids, one after the other."""
    return b"".join(chunks)


def unpack_ids(body: Body, count_max: int = PEER_BATCH_CHUNKS_MAX) -> list[ChunkId]:
    """The ids in a body.

    Raises:
        InvalidRequest: They are none, or too many.
    """
    count, rest = divmod(len(body), ID_BYTES)
    if rest or count > count_max:
        raise InvalidRequest(f"a body of {len(body)} bytes is not a list of at most {count_max} chunk ids", rule="ids")
    ids = bytes(body)
    return [ChunkId(ids[at : at + ID_BYTES]) for at in range(0, len(ids), ID_BYTES)]


def pack_chunks(chunks: Sequence[SealedChunk]) -> list[bytes]:
    """Sealed chunks: a table of them, then their bytes."""
    table = b"".join(_PLACE.pack(chunk.chunk_id, chunk.size_bytes, len(chunk.sealed)) for chunk in chunks)
    return [len(chunks).to_bytes(4, "big") + table, *(chunk.sealed for chunk in chunks)]


def unpack_chunks(body: Body) -> list[SealedChunk]:
    """The sealed chunks in a body, copied out of it; what they hold is not looked at.

    Raises:
        InvalidRequest: They are none.
    """
    count = int.from_bytes(body[:4], "big")
    at = 4 + count * _PLACE.size
    if len(body) < at or count > PEER_BATCH_CHUNKS_MAX:
        raise InvalidRequest("a body is not a list of sealed chunks", rule="chunks")
    chunks: list[SealedChunk] = []
    view = memoryview(body)
    for chunk_id, size_bytes, sealed_bytes in _PLACE.iter_unpack(view[4:at]):
        end = at + sealed_bytes
        if end > len(body) or size_bytes > CHUNK_BYTES_MAX:
            raise InvalidRequest("a sealed chunk is cut short or too large", rule="chunks")
        chunks.append(SealedChunk(ChunkId(chunk_id), size_bytes, bytes(view[at:end])))
        at = end
    if at != len(body):
        raise InvalidRequest("something stands behind the last sealed chunk", rule="chunks")
    return chunks


def unpack_digests(body: Body, count: int) -> list[bytes]:
    """So many digests.

    Raises:
        InvalidRequest: They are not so many.
    """
    if len(body) != count * DIGEST_BYTES:
        raise InvalidRequest(f"a body of {len(body)} bytes is not {count} digests", rule="digests")
    digests = bytes(body)
    return [digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)]


def whole(header: dict[str, Any], name: str, at_most: int) -> int:
    """A whole number of a header, 0 … ``at_most``.

    Raises:
        InvalidRequest: It is none.
    """
    value = header.get(name)
    if type(value) is not int or not 0 <= value <= at_most:
        raise InvalidRequest(f"{name} in a peer's request is not a number from 0 to {at_most}", rule=name)
    return value


def slots(header: dict[str, Any]) -> list[int]:
    """The slots of a header.

    Raises:
        InvalidRequest: They are none.
    """
    value = header.get("slots")
    if not isinstance(value, list) or len(value) > SLOTS_PER_CALL_MAX:
        raise InvalidRequest("slots in a peer's request is not a list of slots", rule="slots")
    if any(type(slot) is not int or not 0 <= slot < SLOTS for slot in value):
        raise InvalidRequest(f"a slot in a peer's request is not a number below {SLOTS}", rule="slots")
    return value
