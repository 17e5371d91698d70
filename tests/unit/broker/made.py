"""Record batches as clients make them."""

from __future__ import annotations

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.broker.batches import parse_header


def batch(
    *values: bytes, producer: int = -1, epoch: int = -1, sequence: int = -1, codec: int = 0, key: bytes | None = None
) -> bytes:
    """One record batch with these values, as a producer sends it."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=False,
        producer_id=producer,
        producer_epoch=epoch,
        base_sequence=sequence,
        batch_size=1 << 20,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp=1_000, key=key, value=value, headers=[])
    return bytes(builder.build())


def split(data: bytes | memoryview) -> list[bytes]:
    """The whole batches in fetched bytes."""
    out, at, data = [], 0, bytes(data)
    while len(data) - at >= 61:
        size = parse_header(data, at).size
        if at + size > len(data):
            break
        out.append(data[at : at + size])
        at += size
    return out
