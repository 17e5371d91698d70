"""Which spaces there are and where (``.directory``)."""

from govault.domain.folding import DirectoryReader
from govault.domain.outcomes import Decision, Refusal, accepted
from govault.domain.reasons import Reason
from govault.domain.rows import Change, Delete, DirectoryRow, Put, SpaceNameRow
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.ids import is_space_id

_INT_MAX = 2**31


def create_space(reader: DirectoryReader, data: SpaceCreated, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Take a name for a space, unless another has it."""
    if not is_space_id(data.space_id) or data.partition >= _INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a space's id or partition")
    other = reader.space_named(data.name) or reader.space(data.space_id)
    if other is not None:
        raise Refusal(Reason.SPACE_EXISTS, space_id=other.space_id)
    changes.append(Put(DirectoryRow(data.space_id, data.name, data.partition, vault_time_ms)))
    changes.append(Put(SpaceNameRow(data.name, data.space_id)))
    return accepted(space_id=data.space_id, name=data.name, partition=data.partition)


def remove_space(reader: DirectoryReader, data: SpaceRemoved, changes: list[Change]) -> Decision:
    """Free a space's name."""
    row = reader.space(data.space_id)
    if row is None:
        raise Refusal(Reason.SPACE_UNKNOWN)
    changes.append(Delete(row))
    changes.append(Delete(SpaceNameRow(row.name, row.space_id)))
    return accepted(space_id=row.space_id, name=row.name)
