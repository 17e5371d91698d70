"""Accounts (``.accounts``): made, changed, disabled, erased; passwords and the end of sessions."""

from govault.domain.account_rows import AccountRow, IdentityRow, LoginRow, TokenOfRow
from govault.domain.accounts_draft import AccountsDraft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.limits import EXACT_INT_MAX
from schemas.events.accounts import (
    AccountChanged,
    AccountCreated,
    AccountErased,
    AccountQuota,
    PasswordChanged,
    SessionsEnded,
)


def create_account(draft: AccountsDraft, data: AccountCreated) -> Decision:
    """Make an account: an administrator does, or the node for whoever registers, with an invite or without."""
    draft.need_admin()
    if draft.reader.account(data.account_id) is not None:
        raise Refusal(Reason.EVENT_INVALID, detail="the account id is taken")
    quota = _checked(data.quota)
    roles: tuple[str, ...] = data.roles
    if data.invite_hash:
        invite = draft.reader.invite(data.invite_hash)
        if invite is None or invite.spent_by or draft.now_ms > invite.expires_ms:
            raise Refusal(Reason.INVITE_INVALID)
        draft.put(invite._replace(spent_by=data.account_id))
        roles = invite.roles
    draft.claim_login(data.login_hash, data.account_id)
    if data.identity_hash:
        draft.claim_identity(data.identity_hash, data.account_id)
    draft.put(
        AccountRow(
            account_id=data.account_id,
            kind=data.kind,
            login_hash=data.login_hash,
            sealed=data.sealed,
            verifier=data.verifier,
            roles=tuple(sorted(set(roles))),
            must_change=data.must_change,
            revision=1,
            created_ms=draft.now_ms,
            created_by=draft.actor,
            identity_hash=data.identity_hash,
            quota_bytes=quota.bytes_max,
            quota_files=quota.files_max,
        )
    )
    return accepted(account_id=data.account_id)


def change_account(draft: AccountsDraft, data: AccountChanged) -> Decision:
    """Change what is known of an account (itself may), or what it may, whom it belongs to and whether it may come in.

    The latter administrators alone: whoever could bind an account to himself would have it."""
    draft.need_self_or_admin(data.account_id)
    if any(given is not None for given in (data.roles, data.disabled, data.identity_hash, data.quota)):
        draft.need_admin()
    old = draft.account(data.account_id)
    draft.check_revision(old.revision, data.base_revision)
    row = old._replace(
        login_hash=old.login_hash if data.login_hash is None else data.login_hash,
        sealed=old.sealed if data.sealed is None else data.sealed,
        roles=old.roles if data.roles is None else tuple(sorted(set(data.roles))),
        disabled=old.disabled if data.disabled is None else data.disabled,
        identity_hash=old.identity_hash if data.identity_hash is None else data.identity_hash,
    )
    if data.quota is not None:
        quota = _checked(data.quota)
        row = row._replace(quota_bytes=quota.bytes_max, quota_files=quota.files_max)
    if row == old:
        return unchanged(account_id=old.account_id, revision=old.revision)
    if row.login_hash != old.login_hash:
        draft.claim_login(row.login_hash, old.account_id)
        draft.delete(LoginRow(old.login_hash, old.account_id))
    if row.identity_hash != old.identity_hash:
        _rebind(draft, old, row.identity_hash)
    if (row.disabled and not old.disabled) or (old.identity_hash and row.identity_hash != old.identity_hash):
        row = row._replace(sessions_from_ms=draft.now_ms)
    draft.put(row._replace(revision=old.revision + 1))
    return accepted(account_id=old.account_id, revision=old.revision + 1)


def change_password(draft: AccountsDraft, data: PasswordChanged) -> Decision:
    """Set another verifier."""
    draft.need_self_or_admin(data.account_id)
    old = draft.account(data.account_id)
    draft.check_revision(old.revision, data.base_revision)
    row = old._replace(
        verifier=data.verifier,
        must_change=data.must_change,
        revision=old.revision + 1,
        sessions_from_ms=draft.now_ms if data.ends_sessions else old.sessions_from_ms,
    )
    draft.put(row)
    return accepted(account_id=row.account_id, revision=row.revision)


def end_sessions(draft: AccountsDraft, data: SessionsEnded) -> Decision:
    """Void every session of an account."""
    draft.need_self_or_admin(data.account_id)
    draft.put(draft.account(data.account_id)._replace(sessions_from_ms=draft.now_ms))
    return accepted(account_id=data.account_id)


def erase_account(draft: AccountsDraft, data: AccountErased) -> Decision:
    """Empty an account for good; it leaves its groups, and its tokens are revoked."""
    draft.need_self_or_admin(data.account_id)
    old = draft.reader.account(data.account_id)
    if old is None:
        raise Refusal(Reason.ACCOUNT_UNKNOWN)
    if old.erased:
        return unchanged(account_id=old.account_id)
    draft.delete(LoginRow(old.login_hash, old.account_id))
    if old.identity_hash:
        draft.delete(IdentityRow(old.identity_hash, old.account_id))
    for member in draft.reader.memberships(old.account_id):
        draft.leave(member)
    for token in draft.reader.api_tokens(old.account_id):
        draft.delete(token, TokenOfRow(token.account_id, token.token_id))
    draft.put(
        old._replace(
            login_hash="",
            sealed="",
            verifier="",
            identity_hash="",
            roles=(),
            erased=True,
            revision=old.revision + 1,
            sessions_from_ms=draft.now_ms,
        )
    )
    return accepted(account_id=old.account_id)


def _checked(quota: AccountQuota) -> AccountQuota:
    if max(quota.bytes_max or 0, quota.files_max or 0) > EXACT_INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    return quota


def _rebind(draft: AccountsDraft, old: AccountRow, identity_hash: str) -> None:
    if identity_hash:
        draft.claim_identity(identity_hash, old.account_id)
    if old.identity_hash:
        draft.delete(IdentityRow(old.identity_hash, old.account_id))
