"""What each refusal of ``apply`` becomes: the one table from reasons to error families."""

from collections.abc import Callable, Mapping

from govault.domain.outcomes import Fact
from govault.domain.position import Outcome
from govault.domain.reasons import Reason
from govault.errors import (
    AccessDenied,
    Conflict,
    EventLog,
    GoVaultError,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
)

_Family = Callable[..., GoVaultError]

REFUSALS: dict[Reason, tuple[_Family, str]] = {
    Reason.EXPIRED: (EventLog, "the write reached the log too late to be accepted; repeat it"),
    Reason.IDEMPOTENCY_MISMATCH: (
        IdempotencyMismatch,
        "this Idempotency-Key was used for another request before; use a new key for a new request",
    ),
    Reason.SPACE_UNKNOWN: (NotFound, "there is no such space"),
    Reason.SPACE_EXISTS: (Conflict, "a space of this name exists already; choose another name"),
    Reason.SPACE_CLOSED: (Conflict, "the space is closed and takes no more writes"),
    Reason.SPACE_NOT_EMPTY: (Conflict, "the space is not empty; empty it (its trash too), or ask with force"),
    Reason.ENTITY_UNKNOWN: (NotFound, "there is no such file or folder"),
    Reason.NOT_TRASH: (Conflict, "it is not in the trash"),
    Reason.NOT_A_FILE: (Conflict, "it is a folder, not a file"),
    Reason.NOT_A_FOLDER: (Conflict, "a part of the path names a file, and a file cannot hold others"),
    Reason.OCCUPIED: (Conflict, "something else has this path; move it away, or ask to replace it"),
    Reason.INTO_ITSELF: (Conflict, "a folder cannot move into itself"),
    Reason.CONDITION_FAILED: (PreconditionFailed, "the condition of the request does not hold any more"),
    Reason.REVISION_MISMATCH: (PreconditionFailed, "the metadata has changed since the revision you saw"),
    Reason.VERSION_UNKNOWN: (NotFound, "the file has no such version"),
    Reason.VERSION_CURRENT: (Conflict, "the current version cannot be removed; commit another one first"),
    Reason.STALE_EPOCH: (Conflict, "the upload took so long that collection has moved on; repeat it"),
    Reason.PARTS_MISSING: (Conflict, "parts of the manifest are gone; repeat the upload"),
    Reason.FOLDER_NOT_EMPTY: (Conflict, "the folder is not empty"),
    Reason.TOO_MANY_VERSIONS: (Conflict, "the file has more versions than one act may remove; prune some first"),
    Reason.TOO_MANY_TAGS: (InvalidRequest, "the file would have too many tags"),
    Reason.PATH_INVALID: (InvalidRequest, "the path breaks a rule"),
    Reason.EPOCH_NOT_NEXT: (Conflict, "another epoch is open by now"),
    Reason.RULES_NOT_NEXT: (Conflict, "other rules are active by now"),
    Reason.TOKEN_INVALID: (AccessDenied, "the join token is unknown, spent, revoked or expired; ask for a new one"),
    Reason.NODE_REMOVED: (AccessDenied, "the node was removed from the vault; join again with a new data folder"),
    Reason.HEARTBEAT_FRESH: (Conflict, "the log has heard from the node lately"),
    Reason.STALE_INCARNATION: (Conflict, "the node has shown itself alive since"),
    Reason.WITNESS_INVALID: (Conflict, "the witness is no live node of the vault"),
    Reason.LAYOUT_MOVED_ON: (Conflict, "the layout has changed since; plan again"),
    Reason.LAST_NODE: (Conflict, "it is the last node of the vault"),
    Reason.LOGIN_TAKEN: (Conflict, "another account has this login; choose another"),
    Reason.IDENTITY_TAKEN: (Conflict, "this person of the identity provider has another account; unlink that first"),
    Reason.GROUP_EXISTS: (Conflict, "another group has this name; choose another"),
    Reason.ACCOUNT_UNKNOWN: (NotFound, "there is no such account"),
    Reason.GROUP_UNKNOWN: (NotFound, "there is no such group"),
    Reason.API_TOKEN_UNKNOWN: (NotFound, "there is no such API token"),
    Reason.INVITE_INVALID: (AccessDenied, "the invite is unknown, used, revoked or expired; ask for a new one"),
    Reason.TOO_MANY_GROUPS: (Conflict, "the account is in as many groups as it can be; leave one first"),
    Reason.TOO_MANY_API_TOKENS: (Conflict, "the account has as many API tokens as it can have; revoke one first"),
    Reason.NOT_ALLOWED: (AccessDenied, "this account may not do that"),
    Reason.ACCESS_DENIED: (AccessDenied, "you may read this, but not do that; ask its owner for more"),
    Reason.TOO_MANY_GRANTS: (Conflict, "as much is granted there as can be; grant to a group instead"),
    Reason.TOO_MANY_SHARES: (Conflict, "there are as many links to it as there can be; revoke one first"),
    Reason.SHARE_CLOSED: (NotFound, "the link is unknown, revoked, expired or used up; ask for a new one"),
    Reason.SIGNING_KEY_NOT_NEXT: (Conflict, "another signing key was opened meanwhile"),
    Reason.QUOTA_EXCEEDED: (
        QuotaExceeded,
        "this does not fit into the quota of the space; purge trash, remove files or old versions, or ask an "
        "administrator for a larger quota",
    ),
    Reason.EVENT_INVALID: (InvalidRequest, "the request contradicts itself"),
}


def _room(facts: Mapping[str, Fact]) -> str:
    """The figures of a quota, which ``apply`` gives to who may read the space."""
    return "the space may hold {most} {limit}, holds {used}, and was to hold {asked} more".format(**facts)


def refusal(outcome: Outcome, event_id: str) -> GoVaultError:
    """The error that says why ``apply`` refused."""
    reason = Reason(outcome.reason)
    family, message = REFUSALS[reason]
    facts = dict(outcome.facts)
    # What ``apply`` says in words belongs into the sentence: a problem's ``detail`` is the whole message.
    if detail := facts.pop("detail", None):
        message = f"{message}: {detail}"
    if family is QuotaExceeded:
        message = f"{_room(facts)}: {message}" if "most" in facts else message
        facts["whose"] = "space"
    code = f"{getattr(family, 'code', 'conflict')}.{reason.value}"
    if family in (IdempotencyMismatch, PreconditionFailed, QuotaExceeded):
        code = getattr(family, "code", code)
    return family(message, code=code, reason=reason.value, event_id=event_id, **facts)
