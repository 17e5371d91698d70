"""Groups of accounts (``.accounts``): made, named, joined, left, removed."""

from govault.domain.account_rows import GroupMemberRow, GroupNameRow, GroupRow, MemberRow
from govault.domain.accounts_draft import AccountsDraft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.limits import GROUPS_PER_ACCOUNT_MAX
from schemas.events.accounts import GroupChanged, GroupCreated, GroupMembersChanged, GroupRemoved


def create_group(draft: AccountsDraft, data: GroupCreated) -> Decision:
    """Make a group without members."""
    draft.need_admin()
    if draft.reader.group(data.group_id) is not None:
        raise Refusal(Reason.EVENT_INVALID, detail="the group id is taken")
    _claim_name(draft, data.name, data.group_id)
    draft.put(GroupRow(data.group_id, data.name, data.description, 1, draft.now_ms))
    return accepted(group_id=data.group_id)


def change_group(draft: AccountsDraft, data: GroupChanged) -> Decision:
    """Rename or describe a group; its managers may."""
    old = draft.group(data.group_id)
    _need_manager(draft, old.group_id)
    draft.check_revision(old.revision, data.base_revision)
    row = old._replace(
        name=old.name if data.name is None else data.name,
        description=old.description if data.description is None else data.description,
    )
    if row == old:
        return unchanged(group_id=old.group_id, revision=old.revision)
    if row.name != old.name:
        _claim_name(draft, row.name, old.group_id)
        draft.delete(GroupNameRow(old.name, old.group_id))
    draft.put(row._replace(revision=old.revision + 1))
    return accepted(group_id=old.group_id, revision=old.revision + 1)


def remove_group(draft: AccountsDraft, data: GroupRemoved) -> Decision:
    """Let a group count no more. Its members' rows stay, and say nothing: the act is as large for any group."""
    draft.need_admin()
    old = draft.reader.group(data.group_id)
    if old is None:
        raise Refusal(Reason.GROUP_UNKNOWN)
    if old.removed:
        return unchanged(group_id=old.group_id)
    draft.delete(GroupNameRow(old.name, old.group_id))
    draft.put(old._replace(removed=True, revision=old.revision + 1))
    return accepted(group_id=old.group_id)


def change_members(draft: AccountsDraft, data: GroupMembersChanged) -> Decision:
    """Take accounts in, make them managers, let them go; managers may, and anybody may leave."""
    group_id = draft.group(data.group_id).group_id
    if data.members or data.managers or set(data.removed) != {draft.actor}:
        _need_manager(draft, group_id)
    wanted: dict[str, bool | None] = {}
    for accounts, manager in ((data.members, False), (data.managers, True), (data.removed, None)):
        wanted.update(dict.fromkeys(accounts, manager))
    changed = 0
    for account_id, manager in sorted(wanted.items()):
        old = draft.reader.membership(account_id, group_id)
        if manager is None:
            if old is not None:
                draft.leave(old)
                changed += 1
        elif old is None or old.manager != manager:
            _join(draft, account_id, group_id, manager, fresh=old is None)
            changed += 1
    return accepted(group_id=group_id, changed=changed) if changed else unchanged(group_id=group_id, changed=0)


def _need_manager(draft: AccountsDraft, group_id: str) -> None:
    row = draft.reader.account(draft.actor)
    if row is not None and row.is_live:
        member = draft.reader.membership(row.account_id, group_id)
        if member is not None and member.manager:
            return
    draft.need_admin()


def _join(draft: AccountsDraft, account_id: str, group_id: str, manager: bool, fresh: bool) -> None:
    account = draft.account(account_id)
    if fresh:
        known = draft.reader.memberships(account.account_id)
        if len(known) >= GROUPS_PER_ACCOUNT_MAX:
            # Rows of removed groups make room first.
            gone = [member for member in known if _is_removed(draft, member.group_id)]
            if not gone:
                raise Refusal(Reason.TOO_MANY_GROUPS, account_id=account_id, limit=GROUPS_PER_ACCOUNT_MAX)
            for member in gone:
                draft.leave(member)
    draft.put(MemberRow(account_id, group_id, manager), GroupMemberRow(group_id, account_id, manager))


def _is_removed(draft: AccountsDraft, group_id: str) -> bool:
    row = draft.reader.group(group_id)
    return row is None or row.removed


def _claim_name(draft: AccountsDraft, name: str, group_id: str) -> None:
    other = draft.reader.group_named(name)
    if other is not None and other.group_id != group_id:
        raise Refusal(Reason.GROUP_EXISTS)
    draft.put(GroupNameRow(name, group_id))
