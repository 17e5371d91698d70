"""Payloads of the calls between peers: chunk ids, sealed chunks, slots, digests, gossip. Sans-I/O, bounded.

Numbers are big-endian. Decoders raise ``FrameError`` for anything that an encoder here does not make.
"""

import struct
from collections.abc import Sequence
from typing import Any

from govault.limits import GOSSIP_BYTES_MAX, PEER_BATCH_CHUNKS_MAX, PEER_IDS_MAX, SLOTS
from govault.peering.frames import FrameError
from govault.ports import SealedChunk
from schemas.ids import ChunkId

ID_BYTES = 32
DIGEST_BYTES = 16
_EPOCH = struct.Struct(">Q")
_COUNT = struct.Struct(">I")
_CHUNK = struct.Struct(">32sII")
_RANGE = struct.Struct(">HIB")
_PING_FOR = struct.Struct(">32sI")
Raw = bytes | bytearray | memoryview


def encode_ids(ids: Sequence[bytes]) -> bytes:
    """Chunk ids, one behind the other."""
    return b"".join(ids)


def decode_ids(raw: Raw, limit: int = PEER_IDS_MAX) -> list[ChunkId]:
    """The ids that ``encode_ids`` joined."""
    if len(raw) % ID_BYTES or len(raw) > limit * ID_BYTES:
        raise FrameError(f"{len(raw)} bytes are no list of up to {limit} chunk ids")
    joined = bytes(raw)
    return [ChunkId(joined[start : start + ID_BYTES]) for start in range(0, len(joined), ID_BYTES)]


def encode_confirm(ids: Sequence[bytes], epoch: int) -> bytes:
    """An epoch, then chunk ids."""
    return _EPOCH.pack(epoch) + encode_ids(ids)


def decode_confirm(raw: Raw) -> tuple[list[ChunkId], int]:
    """Ids and epoch."""
    view = memoryview(raw)
    (epoch,) = _unpack(_EPOCH, view, 0)
    return decode_ids(view[_EPOCH.size :], PEER_BATCH_CHUNKS_MAX), epoch


def encode_chunks(chunks: Sequence[SealedChunk], epoch: int) -> list[bytes]:
    """An epoch and sealed chunks as pieces to write one behind the other; no record is copied."""
    table = b"".join(_CHUNK.pack(chunk.chunk_id, chunk.size_bytes, len(chunk.sealed)) for chunk in chunks)
    return [_EPOCH.pack(epoch) + _COUNT.pack(len(chunks)) + table, *(chunk.sealed for chunk in chunks)]


def decode_chunks(raw: Raw) -> tuple[list[SealedChunk], int]:
    """Sealed chunks and epoch; the records are copies, so that the buffer can go."""
    view = memoryview(raw)
    (epoch,), (count,) = _unpack(_EPOCH, view, 0), _unpack(_COUNT, view, _EPOCH.size)
    begin = _EPOCH.size + _COUNT.size
    end = begin + count * _CHUNK.size
    if count > PEER_BATCH_CHUNKS_MAX or end > len(view):
        raise FrameError(f"{count} chunks are announced in {len(view)} bytes")
    chunks = []
    position = end
    for chunk_id, size_bytes, sealed_bytes in _CHUNK.iter_unpack(view[begin:end]):
        sealed = bytes(view[position : position + sealed_bytes])
        if len(sealed) != sealed_bytes:
            raise FrameError("a sealed chunk ends early")
        position += sealed_bytes
        chunks.append(SealedChunk(ChunkId(chunk_id), size_bytes, sealed))
    if position != len(view):
        raise FrameError(f"{len(view) - position} bytes follow the last chunk")
    return chunks, epoch


def encode_slots(slots: Sequence[int]) -> bytes:
    """Slot numbers."""
    return struct.pack(f">{len(slots)}H", *slots)


def decode_slots(raw: Raw) -> list[int]:
    """Slot numbers, each below SLOTS."""
    if len(raw) % 2 or len(raw) > 2 * SLOTS:
        raise FrameError(f"{len(raw)} bytes are no list of slots")
    slots = list(struct.unpack(f">{len(raw) // 2}H", raw))
    if any(slot >= SLOTS for slot in slots):
        raise FrameError(f"a slot is beyond {SLOTS - 1}")
    return slots


def encode_digests(digests: Sequence[bytes]) -> bytes:
    """Digests of 16 bytes."""
    return b"".join(digests)


def decode_digests(raw: Raw, count: int) -> list[bytes]:
    """Exactly so many digests as were asked for."""
    if len(raw) != count * DIGEST_BYTES:
        raise FrameError(f"{len(raw)} bytes are not {count} digests")
    joined = bytes(raw)
    return [joined[start : start + DIGEST_BYTES] for start in range(0, len(joined), DIGEST_BYTES)]


def encode_range(slot: int, after: bytes, limit: int) -> bytes:
    """A slot, where to begin in it, and how many ids to give."""
    return _RANGE.pack(slot, limit, len(after)) + after


def decode_range(raw: Raw) -> tuple[int, bytes, int]:
    """Slot, begin, limit."""
    view = memoryview(raw)
    slot, limit, after_bytes = _unpack(_RANGE, view, 0)
    after = bytes(view[_RANGE.size :])
    if len(after) != after_bytes or after_bytes > ID_BYTES or slot >= SLOTS or not 1 <= limit <= PEER_IDS_MAX:
        raise FrameError("no range of chunks in a slot")
    return slot, after, limit


def encode_ping_for(peer: str, gossip: bytes, timeout_s: float) -> bytes:
    """Whom to ping, how long to wait, and what to say."""
    return _PING_FOR.pack(bytes.fromhex(peer), int(timeout_s * 1000)) + gossip


def decode_ping_for(raw: Raw) -> tuple[str, bytes, float]:
    """Peer, gossip, seconds."""
    view = memoryview(raw)
    peer, timeout_ms = _unpack(_PING_FOR, view, 0)
    return peer.hex(), decode_gossip(view[_PING_FOR.size :]), timeout_ms / 1000


def decode_gossip(raw: Raw) -> bytes:
    """Opaque, bounded."""
    if len(raw) > GOSSIP_BYTES_MAX:
        raise FrameError(f"{len(raw)} bytes of gossip are more than {GOSSIP_BYTES_MAX}")
    return bytes(raw)


def _unpack(form: struct.Struct, view: memoryview, offset: int) -> tuple[Any, ...]:
    try:
        return form.unpack_from(view, offset)
    except struct.error as error:
        raise FrameError("a payload ends early") from error
