"""The events that end things for ever: trash purged, versions pruned.

Both say which, one by one; time decides nothing.
"""

from collections.abc import Iterable

from govault.domain.apply_access import ACCESS_RULES
from govault.domain.contents import let_go
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Facts, Refusal
from govault.domain.position import Verdict
from govault.domain.reasons import Reason
from govault.domain.rows import FileRow, FolderRow
from govault.domain.tree import in_trash
from govault.limits import BATCH_OPERATIONS_MAX, VERSIONS_PER_PURGE_MAX
from schemas.events.files import TrashPurged, VersionsPruned
from schemas.ids import is_entity_id

_NUMBER_MAX = 2**31


def purge(draft: Draft, data: TrashPurged) -> Decision:
    """End entities inside trash, in the order given (children before their folder), each decided alone.

    Facts: ``purged``, how many; and for each that was refused its id and the reason.
    """
    if len(data.entity_ids) > BATCH_OPERATIONS_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="too many operations", most=BATCH_OPERATIONS_MAX)
    purged = 0
    refusals: list[tuple[str, Reason]] = []
    for entity_id in dict.fromkeys(data.entity_ids):
        try:
            _purge_one(draft, entity_id)
            purged += 1
        except Refusal as refusal:
            refusals.append((entity_id, refusal.reason))
    named = [(entity_id, reason) for entity_id, reason in refusals if is_entity_id(entity_id)]
    facts: Facts = (("purged", purged), ("refused", len(refusals)))
    return _summed_up(purged, [reason for _, reason in refusals], facts + _reasons(named))


def prune(draft: Draft, data: VersionsPruned) -> Decision:
    """End versions of a file, live or trash; never the current one.

    Facts: ``file_id``; ``pruned``, how many; and for each that was refused its number and the reason.
    """
    if len(data.versions) > BATCH_OPERATIONS_MAX:
        raise Refusal(Reason.TOO_MANY_VERSIONS, most=BATCH_OPERATIONS_MAX)
    file = draft.entity(data.file_id)
    if file is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if type(file) is not FileRow:
        raise Refusal(Reason.NOT_A_FILE)
    asked = frozenset(data.versions)
    ended = {number for number in asked if number in file.older}
    refusals = [
        (number, Reason.VERSION_CURRENT if number == file.current.number else Reason.VERSION_UNKNOWN)
        for number in sorted(asked - ended)
    ]
    named = [(str(number), reason) for number, reason in refusals if 0 <= number < _NUMBER_MAX]
    ended_bytes = _end_versions(draft, file, sorted(ended))
    if ended:
        older_bytes = file.older_bytes - ended_bytes
        draft.put_entity(file._replace(older=file.older.without(ended), older_bytes=older_bytes))
        draft.own(file.owner, -ended_bytes, 0)
    facts: Facts = (("file_id", file.entity_id), ("pruned", len(ended)), ("refused", len(refusals)))
    return _summed_up(len(ended), [reason for _, reason in refusals], facts + _reasons(named))


def _purge_one(draft: Draft, entity_id: str) -> None:
    entity = draft.entity(entity_id)
    if entity is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if not in_trash(draft, entity):
        raise Refusal(Reason.NOT_TRASH)
    if type(entity) is FileRow:
        if len(entity.older) > VERSIONS_PER_PURGE_MAX:
            raise Refusal(Reason.TOO_MANY_VERSIONS)
        _end_versions(draft, entity, entity.older)
        let_go(draft, entity.current)
        draft.files -= 1
        draft.own_file(entity.owner, entity, -1)
    else:
        if draft.has_entries(entity_id):
            raise Refusal(Reason.FOLDER_NOT_EMPTY)
        draft.folders -= 1
    if entity.trashed_ms is None:
        draft.delete_entry(entity, type(entity) is FolderRow)
    draft.delete_entity(entity)
    if draft.partition.rules >= ACCESS_RULES:
        draft.delete_access(entity_id)
        draft.delete_shares(entity_id)


def _end_versions(draft: Draft, file: FileRow, numbers: Iterable[int]) -> int:
    """The sum of their sizes."""
    size_bytes = 0
    for number in numbers:
        row = draft.reader.version(file.entity_id, number)
        # A file's row names what is retained, so None would be a view that lost rows: the digests tell on it.
        if row is not None:
            draft.delete_version(row)
            let_go(draft, row.content)
            size_bytes += row.content.size_bytes
    return size_bytes


def _reasons(named: list[tuple[str, Reason]]) -> Facts:
    """A fact for each that was refused. Callers leave out what is no id or number: facts repeat nothing unchecked."""
    return tuple((name, reason.value) for name, reason in named)


def _summed_up(done: int, refusals: list[Reason], facts: Facts) -> Decision:
    """One decision over many: refused only where all were."""
    if done or not refusals:
        return Decision(Verdict.ACCEPTED if done else Verdict.UNCHANGED, "", facts)
    return Decision(Verdict.REFUSED, refusals[0].value, facts)
