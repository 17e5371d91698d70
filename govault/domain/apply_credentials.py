"""What opens doors without a password (``.accounts``): API tokens, invites, and the keys that sign access tokens."""

from govault.domain.account_rows import ApiTokenRow, InviteRow, SigningKeyRow, TokenOfRow
from govault.domain.accounts_draft import TIME_MAX, AccountsDraft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.limits import API_TOKENS_PER_ACCOUNT_MAX, SIGNING_KEYS_MAX
from schemas.events.accounts import ApiTokenIssued, ApiTokenRevoked, InviteIssued, InviteRevoked, SigningKeyOpened

_REVOKED = "revoked"


def issue_api_token(draft: AccountsDraft, data: ApiTokenIssued) -> Decision:
    """Give out a token; those of the account that have expired go."""
    draft.need_self_or_admin(data.account_id)
    account = draft.account(data.account_id)
    if draft.reader.api_token(data.token_id) is not None:
        raise Refusal(Reason.EVENT_INVALID, detail="the token id is taken")
    if data.expires_ms is not None and data.expires_ms >= TIME_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a time")
    kept = 0
    for token in draft.reader.api_tokens(account.account_id):
        if token.expires_ms is not None and token.expires_ms < draft.now_ms:
            draft.delete(token, TokenOfRow(token.account_id, token.token_id))
        else:
            kept += 1
    if kept >= API_TOKENS_PER_ACCOUNT_MAX:
        raise Refusal(Reason.TOO_MANY_API_TOKENS, limit=API_TOKENS_PER_ACCOUNT_MAX)
    scopes = tuple(sorted(set(data.scopes)))
    draft.put(
        ApiTokenRow(
            data.token_id, account.account_id, data.name, data.secret_hash, scopes, draft.now_ms, data.expires_ms
        ),
        TokenOfRow(account.account_id, data.token_id),
    )
    return accepted(token_id=data.token_id)


def revoke_api_token(draft: AccountsDraft, data: ApiTokenRevoked) -> Decision:
    """Take a token back."""
    token = draft.reader.api_token(data.token_id)
    if token is None:
        raise Refusal(Reason.API_TOKEN_UNKNOWN)
    draft.need_self_or_admin(token.account_id)
    draft.delete(token, TokenOfRow(token.account_id, token.token_id))
    return accepted(token_id=data.token_id)


def issue_invite(draft: AccountsDraft, data: InviteIssued) -> Decision:
    """Let one more account be made, by whoever has the invite."""
    draft.need_admin()
    if data.expires_ms >= TIME_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a time")
    if draft.reader.invite(data.invite_hash) is not None:
        return unchanged(invite_hash=data.invite_hash)
    roles = tuple(sorted(set(data.roles)))
    draft.put(InviteRow(data.invite_hash, roles, data.expires_ms, draft.now_ms, draft.actor))
    return accepted(invite_hash=data.invite_hash)


def revoke_invite(draft: AccountsDraft, data: InviteRevoked) -> Decision:
    """Withdraw an invite that nobody has used."""
    draft.need_admin()
    invite = draft.reader.invite(data.invite_hash)
    if invite is None or invite.spent_by not in ("", _REVOKED):
        raise Refusal(Reason.INVITE_INVALID)
    if invite.spent_by == _REVOKED:
        return unchanged(invite_hash=data.invite_hash)
    draft.put(invite._replace(spent_by=_REVOKED))
    return accepted(invite_hash=data.invite_hash)


def open_signing_key(draft: AccountsDraft, data: SigningKeyOpened) -> Decision:
    """Open the next signing key: of several that want to, the first in log order does."""
    draft.need_admin()
    known = draft.reader.signing_keys()
    latest = known[-1].number if known else 0
    if data.number != latest + 1:
        raise Refusal(Reason.SIGNING_KEY_NOT_NEXT, number=latest)
    # What the older ones signed has expired long ago.
    draft.delete(*known[: max(0, len(known) + 1 - SIGNING_KEYS_MAX)])
    draft.put(SigningKeyRow(data.number, draft.now_ms))
    return accepted(number=data.number)
