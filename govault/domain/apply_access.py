"""``AccessGranted``, ``AccessRevoked``, ``OwnerChanged``: who may do what, decided in log order."""

from govault.domain.access import ENTITY_LEVELS, SPACE_ROLES
from govault.domain.actor import ADMIN_ROLE
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import AccessRow, Entity, FileRow
from govault.limits import GRANTS_PER_TARGET_MAX
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.ids import is_account_id, is_group_id

ACCESS_RULES = 2
"""Rules from which on access is decided in the log."""
_EVERYBODY = frozenset(("public", "users", ADMIN_ROLE))


def grant(draft: Draft, data: AccessGranted) -> Decision:
    """Set what a principal has at a target, instead of what it had there."""
    _check_rules(draft)
    _check_target(draft, data.target_id)
    if data.level not in (SPACE_ROLES if data.target_id == draft.space_id else ENTITY_LEVELS):
        raise Refusal(Reason.EVENT_INVALID, detail="roles are granted at spaces, levels at files and folders")
    if not (is_account_id(data.principal) or is_group_id(data.principal) or data.principal in _EVERYBODY):
        raise Refusal(Reason.EVENT_INVALID, detail="not a principal")
    row = _row_of(draft, data.target_id, data.base_revision)
    others = tuple(pair for pair in row.grants if pair[0] != data.principal)
    if len(others) >= GRANTS_PER_TARGET_MAX:
        raise Refusal(Reason.TOO_MANY_GRANTS, most=GRANTS_PER_TARGET_MAX)
    return _settled(draft, row, tuple(sorted((*others, (data.principal, data.level)))))


def revoke(draft: Draft, data: AccessRevoked) -> Decision:
    """Take back what a principal has at a target; nothing there is fine."""
    _check_rules(draft)
    _check_target(draft, data.target_id)
    row = _row_of(draft, data.target_id, data.base_revision)
    return _settled(draft, row, tuple(pair for pair in row.grants if pair[0] != data.principal))


def change_owner(draft: Draft, data: OwnerChanged) -> Decision:
    """Give a file or folder to another account."""
    _check_rules(draft)
    entity = _entity(draft, data.entity_id)
    if not is_account_id(data.owner):
        raise Refusal(Reason.EVENT_INVALID, detail="only an account owns")
    row = _row_of(draft, data.entity_id, data.base_revision)
    if entity.owner == data.owner:
        return unchanged(target_id=data.entity_id, revision=row.revision)
    draft.put_entity(entity._replace(owner=data.owner))
    if type(entity) is FileRow:
        draft.own_file(entity.owner, entity, -1)
        draft.own_file(data.owner, entity, 1)
    draft.put_access(row._replace(revision=row.revision + 1))
    return accepted(target_id=data.entity_id, revision=row.revision + 1)


def open_with_manager(draft: Draft, actor: str) -> None:
    """Whoever opens a space manages it; administrators and the node need no role."""
    if draft.partition.rules >= ACCESS_RULES and is_account_id(actor):
        draft.put_access(AccessRow(draft.space_id, draft.space_id, ((actor, "manager"),), 0))


def _settled(draft: Draft, row: AccessRow, grants: tuple[tuple[str, str], ...]) -> Decision:
    if grants == row.grants:
        return unchanged(target_id=row.target_id, revision=row.revision)
    # A row without grants stays while its target does: a revision is never used twice.
    draft.put_access(row._replace(grants=grants, revision=row.revision + 1))
    return accepted(target_id=row.target_id, revision=row.revision + 1)


def _row_of(draft: Draft, target_id: str, base_revision: int | None) -> AccessRow:
    row = draft.reader.access(target_id) or AccessRow(target_id, draft.space_id)
    if base_revision is not None and base_revision != row.revision:
        raise Refusal(Reason.REVISION_MISMATCH, revision=row.revision)
    return row


def _check_rules(draft: Draft) -> None:
    if draft.partition.rules < ACCESS_RULES:
        raise Refusal(Reason.EVENT_INVALID, detail="access is decided from rules 2 on; upgrade every node first")


def _check_target(draft: Draft, target_id: str) -> None:
    if target_id != draft.space_id:
        _entity(draft, target_id)


def _entity(draft: Draft, entity_id: str) -> Entity:
    entity = draft.entity(entity_id)
    if entity is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    return entity
