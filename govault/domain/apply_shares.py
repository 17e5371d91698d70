"""``ShareCreated``, ``ShareRevoked``, ``ShareUsed``: links, decided in log order, so that uses are counted exactly.

A link that reads is a principal, ``share:<id>``, to which reading is granted at its target; so every check of access
knows it without knowing of links. Only the door that has seen the secret lets somebody ask as it.
"""

from typing import Protocol

from govault.domain.apply_access import ACCESS_RULES
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import AccessRow, Entity, FileRow, FolderRow, Share, SharesRow
from govault.limits import EXACT_INT_MAX, GRANTS_PER_TARGET_MAX, PATH_DEPTH_MAX, SHARES_PER_TARGET_MAX
from schemas.envelope import Event
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed

SHARE_PREFIX = "share:"


def principal_of(share_id: str) -> str:
    """What somebody counts as who asks by a link."""
    return SHARE_PREFIX + share_id


def is_open(share: Share, now_ms: int) -> bool:
    """Whether a link still opens something."""
    expired = share.expires_ms is not None and now_ms > share.expires_ms
    return not expired and (share.uses_max is None or share.uses < share.uses_max)


def create_share(draft: Draft, event: Event, data: ShareCreated) -> Decision:
    """Make a link to a file or folder."""
    if draft.partition.rules < ACCESS_RULES:
        raise Refusal(Reason.EVENT_INVALID, detail="links are decided from rules 2 on; upgrade every node first")
    if (data.expires_ms or 0) > EXACT_INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a time")
    entity = draft.entity(data.target_id)
    if entity is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if data.mode == "upload" and type(entity) is FileRow:
        raise Refusal(Reason.NOT_A_FOLDER)
    row = draft.reader.shares(data.target_id) or SharesRow(data.target_id, draft.space_id)
    if any(share.share_id == data.share_id for share in row.shares):
        raise Refusal(Reason.EVENT_INVALID, detail="the link's id is taken")
    # What opens nothing any more makes room.
    kept = tuple(share for share in row.shares if is_open(share, draft.vault_time_ms))
    gone = [share for share in row.shares if share not in kept]
    if len(kept) >= SHARES_PER_TARGET_MAX:
        raise Refusal(Reason.TOO_MANY_SHARES, most=SHARES_PER_TARGET_MAX)
    share = Share(
        data.share_id,
        data.mode,
        data.secret_hash,
        data.verifier,
        data.expires_ms,
        data.uses_max,
        0,
        data.name,
        event.actor,
        draft.vault_time_ms,
    )
    _grant(draft, data.target_id, share if data.mode == "read" else None, [one.share_id for one in gone])
    draft.put_shares(row._replace(shares=(*kept, share)))
    return accepted(share_id=data.share_id)


def revoke_share(draft: Draft, data: ShareRevoked) -> Decision:
    """Take a link back."""
    row = draft.reader.shares(data.target_id)
    kept = tuple(share for share in row.shares if share.share_id != data.share_id) if row is not None else ()
    if row is None or kept == row.shares:
        return unchanged(share_id=data.share_id)
    _grant(draft, data.target_id, None, [data.share_id])
    draft.put_shares(row._replace(shares=kept))
    return accepted(share_id=data.share_id)


def use_share(draft: Draft, data: ShareUsed) -> Decision:
    """Count a use."""
    row = draft.reader.shares(data.target_id)
    share = next((one for one in row.shares if one.share_id == data.share_id), None) if row is not None else None
    if row is None or share is None or not is_open(share, draft.vault_time_ms) or draft.entity(data.target_id) is None:
        raise Refusal(Reason.SHARE_CLOSED)
    used = share._replace(uses=share.uses + 1)
    draft.put_shares(row._replace(shares=tuple(used if one is share else one for one in row.shares)))
    return accepted(share_id=data.share_id, uses=used.uses)


class SharesReader(Protocol):
    """What a check of an upload by a link reads."""

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder, live, trash or inside trash."""

    def shares(self, target_id: str) -> SharesRow | None:
        """The links to a file or folder; None: there never was one."""


def may_drop(reader: SharesReader, space_id: str, now_ms: int, actor: str, folder: Entity | None) -> bool:
    """Whether somebody by a link may put a new file into a folder: it or one above has the link.

    Its use was counted before, so the last of them may still be under way: the count is not asked here.
    """
    if not actor.startswith(SHARE_PREFIX):
        return False
    share_id = actor.removeprefix(SHARE_PREFIX)
    above = folder
    for _ in range(PATH_DEPTH_MAX + 1):
        if type(above) is not FolderRow:
            return False
        row = reader.shares(above.entity_id)
        for share in row.shares if row is not None else ():
            if share.share_id == share_id and share.mode == "upload":
                return share.expires_ms is None or now_ms <= share.expires_ms
        above = None if above.parent_id == space_id else reader.entity(above.parent_id)
    return False


def _grant(draft: Draft, target_id: str, share: Share | None, gone: list[str]) -> None:
    """Let a link read its target, and others no more."""
    row = draft.reader.access(target_id) or AccessRow(target_id, draft.space_id)
    ended = {principal_of(share_id) for share_id in gone}
    grants = tuple(pair for pair in row.grants if pair[0] not in ended)
    if share is not None:
        if len(grants) >= GRANTS_PER_TARGET_MAX:
            raise Refusal(Reason.TOO_MANY_GRANTS, most=GRANTS_PER_TARGET_MAX)
        grants = tuple(sorted((*grants, (principal_of(share.share_id), "read"))))
    if grants != row.grants:
        draft.put_access(row._replace(grants=grants, revision=row.revision + 1))
