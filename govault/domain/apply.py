"""Fold one event into its partition: the one place where writes are decided.

Everything here is pure and total: no clock, no randomness, no I/O, no exception on any event that decodes; the same
event at the same position gives the same changes on every node. Whoever folds skips positions already applied, and
asks ``govault.domain.rules.must_stop`` first.
"""

from govault.domain.access import is_unchecked
from govault.domain.accounts_draft import AccountsDraft
from govault.domain.apply_access import ACCESS_RULES, change_owner, grant, open_with_manager, revoke
from govault.domain.apply_accounts import (
    change_account,
    change_password,
    create_account,
    end_sessions,
    erase_account,
)
from govault.domain.apply_commit import commit
from govault.domain.apply_credentials import (
    issue_api_token,
    issue_invite,
    open_signing_key,
    revoke_api_token,
    revoke_invite,
)
from govault.domain.apply_directory import create_space, remove_space
from govault.domain.apply_failures import recover_node, suspect_node
from govault.domain.apply_groups import change_group, change_members, create_group, remove_group
from govault.domain.apply_layout import change_layout, open_sealing_root, reach_layout
from govault.domain.apply_members import (
    admit_node,
    change_node,
    issue_token,
    move_node,
    remove_node,
    revoke_token,
    start_node,
)
from govault.domain.apply_metadata import change_metadata
from govault.domain.apply_partition import activate_rules, open_epoch
from govault.domain.apply_parts import add_parts, release_parts
from govault.domain.apply_removal import prune, purge
from govault.domain.apply_shares import create_share, revoke_share, use_share
from govault.domain.apply_spaces import change_space, close_space, open_space
from govault.domain.apply_tree import make, make_trash, move, restore
from govault.domain.authority import authorise
from govault.domain.draft import Draft
from govault.domain.folding import AccountsReader, Applied, DirectoryReader, FilesReader, OutcomesReader, PeersReader
from govault.domain.outcomes import Decision, Refusal, kept, refused
from govault.domain.position import Outcome, Position, Verdict
from govault.domain.quotas import QUOTA_RULES, check_draft
from govault.domain.reasons import Reason
from govault.domain.rows import Change, OutcomeRow, PartitionRow, Put, SpaceRow
from schemas.envelope import Event
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.accounts import (
    AccountChanged,
    AccountCreated,
    AccountErased,
    ApiTokenIssued,
    ApiTokenRevoked,
    GroupChanged,
    GroupCreated,
    GroupMembersChanged,
    GroupRemoved,
    InviteIssued,
    InviteRevoked,
    PasswordChanged,
    SessionsEnded,
    SigningKeyOpened,
)
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.files import (
    EntityRestored,
    EntityTrashed,
    EntryMoved,
    EpochOpened,
    FolderMade,
    ManifestPartsAdded,
    MetadataChanged,
    PartsReleased,
    RulesActivated,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
    VersionsPruned,
)
from schemas.events.peers import (
    JoinTokenIssued,
    JoinTokenRevoked,
    LayoutChanged,
    LayoutReached,
    NodeAdmitted,
    NodeChanged,
    NodeMoved,
    NodeRecovered,
    NodeRemoved,
    NodeStarted,
    NodeSuspected,
    SealingRootOpened,
)
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from schemas.ids import is_account_id

_new = tuple.__new__
"""Makes a named tuple without the Python call that its own constructor is: these are made of every event there is."""
_ACCEPTED = Verdict.ACCEPTED
_SAID = {verdict: verdict.value for verdict in Verdict}


def apply_files(reader: FilesReader, event: Event, at: Position, vault_time_ms: int) -> Applied:
    """Fold one event of ``.files``.

    Args:
        reader: The partition's state as of the event before.
        at: Where the event stands.
        vault_time_ms: The partition's vault time there: its append time, clamped monotone.
    """
    partition = reader.partition()
    if (early := _repeat(reader, event, at, vault_time_ms)) is not None:
        return early
    draft = Draft(reader, at, vault_time_ms, partition, getattr(event.data, "space_id", ""))
    try:
        if event.not_after_ms is not None:
            _check_time(event, vault_time_ms)
        if partition.rules >= ACCESS_RULES and not is_unchecked(event.actor, event.principals):
            draft.owner = event.actor if is_account_id(event.actor) else ""
            authorise(draft, event)
        decision = _decide_files(draft, event)
        if partition.rules >= QUOTA_RULES:
            check_draft(draft, event)
    except Refusal as refusal:
        return _recorded([], partition, event, at, refused(refusal))
    changes = draft.changes() if decision.verdict is _ACCEPTED else []
    return _recorded(changes, draft.partition, event, at, decision)


def apply_directory(reader: DirectoryReader, event: Event, at: Position, vault_time_ms: int) -> Applied:
    """Fold one event of ``.directory``; arguments as ``apply_files``."""
    if (early := _repeat(reader, event, at, vault_time_ms)) is not None:
        return early
    changes: list[Change] = []
    try:
        _check_time(event, vault_time_ms)
        match event.data:
            case SpaceCreated() as data:
                decision = create_space(reader, data, vault_time_ms, changes)
            case SpaceRemoved() as data:
                decision = remove_space(reader, data, changes)
            case _:
                raise Refusal(Reason.EVENT_INVALID, detail="not an event of this topic")
    except Refusal as refusal:
        decision = refused(refusal)
    return _recorded(changes, reader.partition(), event, at, decision)


def apply_peers(reader: PeersReader, event: Event, at: Position, vault_time_ms: int) -> Applied:
    """Fold one event of ``.peers``; arguments as ``apply_files``."""
    if (early := _repeat(reader, event, at, vault_time_ms)) is not None:
        return early
    changes: list[Change] = []
    try:
        _check_time(event, vault_time_ms)
        decision = _decide_peers(reader, event, vault_time_ms, changes)
    except Refusal as refusal:
        decision = refused(refusal)
    return _recorded(changes, reader.partition(), event, at, decision)


def _decide_peers(reader: PeersReader, event: Event, vault_time_ms: int, changes: list[Change]) -> Decision:
    match event.data:
        case JoinTokenIssued() as data:
            return issue_token(reader, data, vault_time_ms, changes)
        case JoinTokenRevoked() as data:
            return revoke_token(reader, data, changes)
        case NodeAdmitted() as data:
            return admit_node(reader, data, vault_time_ms, changes)
        case NodeChanged() as data:
            return change_node(reader, data, changes)
        case NodeStarted() as data:
            return start_node(reader, data, vault_time_ms, changes)
        case NodeMoved() as data:
            return move_node(reader, data, changes)
        case NodeRemoved() as data:
            return remove_node(reader, data, vault_time_ms, changes)
        case NodeSuspected() as data:
            return suspect_node(reader, data, vault_time_ms, changes)
        case NodeRecovered() as data:
            return recover_node(reader, data, vault_time_ms, changes)
        case LayoutChanged() as data:
            return change_layout(reader, data, vault_time_ms, changes)
        case LayoutReached() as data:
            return reach_layout(reader, data, changes)
        case SealingRootOpened() as data:
            return open_sealing_root(reader, data, changes)
        case _:
            raise Refusal(Reason.EVENT_INVALID, detail="not an event of this topic")


def apply_accounts(reader: AccountsReader, event: Event, at: Position, vault_time_ms: int) -> Applied:
    """Fold one event of ``.accounts``; arguments as ``apply_files``."""
    if (early := _repeat(reader, event, at, vault_time_ms)) is not None:
        return early
    draft = AccountsDraft(reader, event, vault_time_ms)
    try:
        _check_time(event, vault_time_ms)
        decision = _decide_accounts(draft, event)
    except Refusal as refusal:
        return _recorded([], reader.partition(), event, at, refused(refusal))
    return _recorded(draft.changes, reader.partition(), event, at, decision)


def _decide_accounts(draft: AccountsDraft, event: Event) -> Decision:
    match event.data:
        case AccountCreated() as data:
            return create_account(draft, data)
        case AccountChanged() as data:
            return change_account(draft, data)
        case PasswordChanged() as data:
            return change_password(draft, data)
        case SessionsEnded() as data:
            return end_sessions(draft, data)
        case AccountErased() as data:
            return erase_account(draft, data)
        case ApiTokenIssued() as data:
            return issue_api_token(draft, data)
        case ApiTokenRevoked() as data:
            return revoke_api_token(draft, data)
        case _:
            return _decide_groups(draft, event)


def _decide_groups(draft: AccountsDraft, event: Event) -> Decision:
    """Groups, and what belongs to no account."""
    match event.data:
        case GroupCreated() as data:
            return create_group(draft, data)
        case GroupChanged() as data:
            return change_group(draft, data)
        case GroupRemoved() as data:
            return remove_group(draft, data)
        case GroupMembersChanged() as data:
            return change_members(draft, data)
        case InviteIssued() as data:
            return issue_invite(draft, data)
        case InviteRevoked() as data:
            return revoke_invite(draft, data)
        case SigningKeyOpened() as data:
            return open_signing_key(draft, data)
        case _:
            raise Refusal(Reason.EVENT_INVALID, detail="not an event of this topic")


def _decide_files(draft: Draft, event: Event) -> Decision:
    match event.data:
        case VersionCommitted() as data:
            _open_space_of(draft)
            return commit(draft, event, data)
        case ManifestPartsAdded() as data:
            _open_space_of(draft)
            return add_parts(draft, data)
        case FolderMade() as data:
            _open_space_of(draft)
            return make(draft, event, data)
        case EntryMoved() as data:
            _open_space_of(draft)
            return move(draft, event, data)
        case EntityRestored() as data:
            _open_space_of(draft)
            return restore(draft, event, data)
        case MetadataChanged() as data:
            _open_space_of(draft)
            return change_metadata(draft, data)
        case SpaceChanged() as data:
            return change_space(draft, data, _open_space_of(draft))
        case _:
            return _decide_removals(draft, event)


def _decide_removals(draft: Draft, event: Event) -> Decision:
    """Events that a closed space still takes, and those of the partition itself."""
    match event.data:
        case EntityTrashed() as data:
            _space_of(draft)
            return make_trash(draft, event, data)
        case TrashPurged() as data:
            _space_of(draft)
            return purge(draft, data)
        case VersionsPruned() as data:
            _space_of(draft)
            return prune(draft, data)
        case PartsReleased() as data:
            _space_of(draft)
            return release_parts(draft, data)
        case AccessGranted() as data:
            _open_space_of(draft)
            return grant(draft, data)
        case AccessRevoked() as data:
            _open_space_of(draft)
            return revoke(draft, data)
        case OwnerChanged() as data:
            _open_space_of(draft)
            return change_owner(draft, data)
        case ShareCreated() as data:
            _open_space_of(draft)
            return create_share(draft, event, data)
        case ShareRevoked() as data:
            _space_of(draft)
            return revoke_share(draft, data)
        case ShareUsed() as data:
            _open_space_of(draft)
            return use_share(draft, data)
        case SpaceClosed() as data:
            return close_space(draft, data, _space_of(draft))
        case SpaceOpened() as data:
            opened = open_space(draft, data)
            open_with_manager(draft, event.actor)
            return opened
        case EpochOpened() as data:
            return open_epoch(draft, data.epoch)
        case RulesActivated() as data:
            return activate_rules(draft, data.rules)
        case _:
            raise Refusal(Reason.EVENT_INVALID, detail="not an event of this topic")


def _space_of(draft: Draft) -> SpaceRow:
    row = draft.reader.space(draft.space_id)
    if row is None:
        raise Refusal(Reason.SPACE_UNKNOWN)
    return row


def _open_space_of(draft: Draft) -> SpaceRow:
    row = _space_of(draft)
    if row.closed:
        raise Refusal(Reason.SPACE_CLOSED)
    return row


def _check_time(event: Event, vault_time_ms: int) -> None:
    if _is_late(event, vault_time_ms):
        raise Refusal(Reason.EXPIRED)


def _is_late(event: Event, vault_time_ms: int) -> bool:
    return event.not_after_ms is not None and vault_time_ms > event.not_after_ms


def _repeat(reader: OutcomesReader, event: Event, at: Position, vault_time_ms: int) -> Applied | None:
    """The answer to an event id that has an outcome already: the same again, or that it was another request.

    An event that came too late is no answer to a request made again in time: that one is decided afresh. The late
    record itself, however often it is delivered, stays too late.
    """
    row = reader.outcome(event.id)
    if row is None:
        return None
    if row.request_hash != event.request_hash:
        return Applied((), Outcome(Verdict.REFUSED, at, Reason.IDEMPOTENCY_MISMATCH.value))
    if row.reason == Reason.EXPIRED and not _is_late(event, vault_time_ms):
        return None
    return Applied((), kept(row, at))


def _recorded(
    changes: list[Change], partition: PartitionRow, event: Event, at: Position, decision: Decision
) -> Applied:
    epoch, rules, outcomes = partition
    ordinal = outcomes + 1
    verdict, reason, facts = decision
    outcome = (event.id, ordinal, event.request_hash, at.offset, _SAID[verdict], reason, facts)
    changes.append(_new(Put, (_new(OutcomeRow, outcome),)))
    changes.append(_new(Put, (_new(PartitionRow, (epoch, rules, ordinal)),)))
    return _new(Applied, (tuple(changes), _new(Outcome, (verdict, at, reason, facts))))
