"""Spaces in their own partition: opened, changed, closed."""

from govault.domain.annotations import checked_description
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.quotas import QUOTA_RULES, quota_row
from govault.domain.reasons import Reason
from govault.domain.rows import SpaceRow
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.limits import EXACT_INT_MAX
from schemas.events.files import Quota, Replication, Retention, SpaceChanged, SpaceClosed, SpaceOpened
from schemas.ids import is_space_id, is_space_name


def open_space(draft: Draft, data: SpaceOpened) -> Decision:
    """Begin a space. A closed one's id is never used again."""
    if not is_space_id(data.space_id) or not is_space_name(data.name):
        raise Refusal(Reason.EVENT_INVALID, detail="not a space's id or name")
    if draft.reader.space(data.space_id) is not None:
        raise Refusal(Reason.SPACE_EXISTS)
    keep = _checked(data.retention)
    draft.put_space(
        SpaceRow(
            data.space_id,
            data.name,
            checked_description(data.description),
            keep.keep_last,
            keep.keep_within_s,
            keep.trash_expires_after_s,
            0,
            draft.vault_time_ms,
            False,
        )
    )
    replicas = _replicas(data.space_id, data.replication)
    if replicas != SpaceReplicasRow(data.space_id, None, None):
        draft.put_space_replicas(replicas)
    if draft.partition.rules >= QUOTA_RULES and data.quota != Quota():
        draft.put_space_quota(quota_row(data.space_id, data.quota))
    return accepted(space_id=data.space_id, name=data.name)


def change_space(draft: Draft, data: SpaceChanged, space: SpaceRow) -> Decision:
    """Set retention, replication, quota or description; what is not given stays."""
    if data.base_revision is not None and data.base_revision != space.revision:
        raise Refusal(Reason.REVISION_MISMATCH, revision=space.revision)
    row = space
    if data.retention is not None:
        keep = _checked(data.retention)
        row = row._replace(
            keep_last=keep.keep_last,
            keep_within_s=keep.keep_within_s,
            trash_expires_after_s=keep.trash_expires_after_s,
        )
    if data.description is not None:
        row = row._replace(description=checked_description(data.description))
    asked = draft.reader.space_replicas(space.space_id) or SpaceReplicasRow(space.space_id, None, None)
    replicas = asked if data.replication is None else _replicas(space.space_id, data.replication)
    bound = draft.reader.space_quota(space.space_id) or SpaceQuotaRow(space.space_id, None, None)
    sets_quota = data.quota is not None and draft.partition.rules >= QUOTA_RULES
    quota = quota_row(space.space_id, data.quota) if sets_quota and data.quota is not None else bound
    if (row, replicas, quota) == (space, asked, bound):
        return unchanged(space_id=space.space_id, revision=space.revision)
    if quota != bound:
        draft.put_space_quota(quota)
    if replicas != asked:
        draft.put_space_replicas(replicas)
    draft.put_space(row._replace(revision=space.revision + 1))
    return accepted(space_id=space.space_id, revision=space.revision + 1)


def close_space(draft: Draft, data: SpaceClosed, space: SpaceRow) -> Decision:
    """End writes to a space. What it holds can still be made trash and purged, so that its chunks are collected."""
    if space.closed:
        return unchanged(space_id=space.space_id)
    reader = draft.reader
    if not data.force and (reader.has_entries(space.space_id, space.space_id) or reader.has_trash(space.space_id)):
        raise Refusal(Reason.SPACE_NOT_EMPTY)
    draft.put_space(space._replace(closed=True, revision=space.revision + 1))
    return accepted(space_id=space.space_id)


def _replicas(space_id: str, replication: Replication) -> SpaceReplicasRow:
    return SpaceReplicasRow(space_id, replication.replicas, replication.write_quorum)


def _checked(retention: Retention) -> Retention:
    for number in (retention.keep_last, retention.keep_within_s, retention.trash_expires_after_s):
        if number is not None and number > EXACT_INT_MAX:
            raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    return retention
