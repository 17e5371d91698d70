"""How much a space may hold: compared with its totals in ``apply``, so that of two that race for a last byte one wins.

What counts is what the totals count: the logical bytes of every version that is kept, and every file that is kept,
older versions and trash among them. Only what adds is refused: a space above its quota can be read and emptied.
"""

from govault.domain.access import Level, is_unchecked, level_at
from govault.domain.draft import Draft
from govault.domain.folding import FilesReader
from govault.domain.outcomes import Refusal
from govault.domain.reasons import Reason
from govault.domain.space_rows import SpaceQuotaRow
from govault.limits import EXACT_INT_MAX
from schemas.envelope import Event
from schemas.events.files import Quota

QUOTA_RULES = 3
"""The rules from which on quotas are set and decided."""


def quota_row(space_id: str, quota: Quota) -> SpaceQuotaRow:
    """The row of a quota.

    Raises:
        Refusal: A number is out of bounds.
    """
    if max(quota.bytes_max or 0, quota.files_max or 0) > EXACT_INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    return SpaceQuotaRow(space_id, quota.bytes_max, quota.files_max)


def check_growth(
    reader: FilesReader, space_id: str, added_bytes: int, added_files: int, actor: str, principals: tuple[str, ...]
) -> None:
    """Check what somebody would add to a space; taking away and adding nothing always fit.

    Raises:
        Refusal: It does not fit; facts: ``limit`` (bytes or files) and ``asked``; and for who may read all of the space
            ``most`` and ``used``: its totals are nobody else's to know.
    """
    quota = reader.space_quota(space_id)
    if quota is None:
        return
    totals = reader.totals(space_id)
    for limit, most, used, asked in (
        ("bytes", quota.bytes_max, totals.logical_bytes, added_bytes),
        ("files", quota.files_max, totals.files, added_files),
    ):
        if most is None or asked <= 0 or used + asked <= most:
            continue
        if is_unchecked(actor, principals) or level_at(reader, space_id, None, actor, principals) >= Level.READ:
            raise Refusal(Reason.QUOTA_EXCEEDED, limit=limit, asked=asked, most=most, used=used)
        raise Refusal(Reason.QUOTA_EXCEEDED, limit=limit, asked=asked)


def check_draft(draft: Draft, event: Event) -> None:
    """Check what an event has added, whatever kind of event it is.

    Raises:
        Refusal: As ``check_growth``.
    """
    if draft.files > 0 or draft.logical_bytes > 0:
        check_growth(
            draft.reader, draft.space_id, draft.logical_bytes, draft.files, event.actor, tuple(event.principals)
        )
