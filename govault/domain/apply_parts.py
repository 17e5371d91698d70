"""Manifest parts: added before the commit that lists them, released when nothing has listed them for two epochs."""

import binascii

from blake3 import blake3

from govault.domain.contents import run_of
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import PartRow
from govault.limits import BATCH_OPERATIONS_MAX, EPOCHS_OF_GRACE, PART_CHUNKS_MAX, PARTS_PER_EVENT_MAX
from schemas.events.files import ManifestPartsAdded, PartsReleased


def part_id_of(packed: bytes) -> str:
    """The id of a part: BLAKE3 of its bytes, hex."""
    return blake3(packed).hexdigest()


def add_parts(draft: Draft, data: ManifestPartsAdded) -> Decision:
    """Take new parts in, which references their chunks; begin the grace of known idle ones anew."""
    if not 1 <= len(data.parts) <= PARTS_PER_EVENT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="too many parts", most=PARTS_PER_EVENT_MAX)
    epoch = draft.partition.epoch
    if data.epoch < epoch - 1:
        raise Refusal(Reason.STALE_EPOCH, epoch=epoch)
    added = touched = 0
    for packed in dict.fromkeys(data.parts):
        run = run_of(packed)
        if run.length > PART_CHUNKS_MAX:
            raise Refusal(Reason.EVENT_INVALID, detail="a part is too long")
        part_id = part_id_of(binascii.a2b_base64(packed))
        row = draft.part(part_id)
        if row is None:
            draft.add_part(PartRow(draft.space_id, part_id, 0, epoch, run.size_bytes), packed)
            for chunk_id in run.chunk_ids:
                draft.count_chunk(chunk_id, 1)
            added += 1
        elif row.references == 0 and row.idle_since_epoch != epoch:
            draft.put_part(row._replace(idle_since_epoch=epoch))
            touched += 1
    return accepted(added=added, touched=touched) if added or touched else unchanged(added=0, touched=0)


def release_parts(draft: Draft, data: PartsReleased) -> Decision:
    """Remove the parts among these that are idle for long enough; the others are left alone, silently."""
    if len(data.part_ids) > BATCH_OPERATIONS_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="too many operations", most=BATCH_OPERATIONS_MAX)
    released = 0
    for part_id in dict.fromkeys(data.part_ids):
        row = draft.part(part_id)
        if row is None or row.references or draft.partition.epoch < row.idle_since_epoch + EPOCHS_OF_GRACE:
            continue
        for chunk_id in run_of(draft.reader.packed_part(draft.space_id, part_id) or "").chunk_ids:
            draft.count_chunk(chunk_id, -1)
        draft.delete_part(row)
        released += 1
    return accepted(released=released) if released else unchanged(released=0)
