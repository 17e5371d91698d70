"""Notices that something lacks a replica, on their way into the repair queue."""

import pytest

from govault.domain.healing import Urgency
from govault.errors import StorageFull
from govault.services.healing.counts import RepairTally
from govault.services.healing.notices import Notices
from govault.storage.repair_queue import StoredRepairQueue
from tests.fakes.database import MemoryDatabase
from tests.fakes.peer_stores import PeerStore

CHUNK = bytes(range(32))


class EverythingIsOurs:
    """Duties of a node that should hold everything."""

    asked_beyond = False

    def wants(self, slot: int) -> bool:
        return True

    def wants_chunk(self, chunk_id: bytes) -> bool:
        return True

    def urgency(self, slot: int) -> Urgency:
        return Urgency.FEW


class FullDisk(MemoryDatabase):
    """Takes nothing."""

    def write(self, changes: object) -> None:
        raise StorageFull("no room: free some")


def notices(database: MemoryDatabase) -> Notices:
    queue = StoredRepairQueue(database, lambda: 0.0)
    return Notices(EverythingIsOurs(), PeerStore(), queue, RepairTally(lambda: 0.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["damaged", "missed", "referenced"])
async def test_what_could_not_be_queued_is_found_by_a_walk(kind: str) -> None:
    made = notices(FullDisk())
    if kind == "damaged":
        made.damaged(CHUNK, "a flipped bit")
    elif kind == "missed":
        made.missed([CHUNK])
    else:
        made.referenced([CHUNK], 1)
    with pytest.raises(StorageFull):
        await made.work()
    assert made.take_overflow()


async def test_what_was_queued_needs_no_walk() -> None:
    made = notices(MemoryDatabase())
    made.missed([CHUNK])
    assert not await made.work()
    assert not made.take_overflow()
