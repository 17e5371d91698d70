"""Whether two logs hold the same records of a partition."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from blake3 import blake3

from govault.errors import EventLog
from streams.migration.places import ExactRecord, Place, PlaceReader


async def compare(source: PlaceReader, target: PlaceReader, place: Place, start: int, end: int) -> str:
    """Compare [start, end) of a partition record by record; the digest of what both hold, hex.

    Raises:
        EventLog: They differ (``event-log.foreign``), or one cannot be read.
    """
    digest = blake3()
    async with (
        aclosing(_one_by_one(source, place, start, end)) as wanted,
        aclosing(_one_by_one(target, place, start, end)) as there,
    ):
        async for record in wanted:
            found = await anext(there, None)
            if found is None or found.hash() != record.hash():
                raise _differ(place, record.offset)
            digest.update(record.hash())
        surplus = await anext(there, None)
        if surplus is not None:
            raise _differ(place, surplus.offset)
    return digest.hexdigest()


async def _one_by_one(reader: PlaceReader, place: Place, start: int, end: int) -> AsyncGenerator[ExactRecord]:
    async for records in reader.read(place, start, end):
        for record in records:
            if not record.is_filler:
                yield record


def _differ(place: Place, offset: int) -> EventLog:
    topic, partition = place
    return EventLog(
        f"the target holds other records: {topic.value}/{partition} differs at offset {offset}. It belongs to "
        "another vault or was written to meanwhile. Migrate to another cluster, or remove those topics there first if "
        "nobody needs them",
        code="event-log.foreign",
    )
