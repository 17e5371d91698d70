"""Accounts, groups, tokens and invites: what the log lets happen, and who may ask for it."""

import hashlib
from typing import Any

import pytest

from govault.domain.account_rows import AccountRow
from govault.domain.memory_state import MemoryAccounts
from govault.domain.position import Outcome, Verdict
from govault.limits import API_TOKENS_PER_ACCOUNT_MAX, GROUPS_PER_ACCOUNT_MAX
from schemas.events import EventData
from schemas.events.accounts import (
    AccountChanged,
    AccountCreated,
    AccountErased,
    AccountQuota,
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
from schemas.events.directory import SpaceRemoved
from schemas.ids import new_account_id, new_group_id, new_token_id
from tests.unit.domain.writing import event_of

START_MS = 1_000_000


def account_id(number: int) -> str:
    return new_account_id(number, bytes(10))


def group_id(number: int) -> str:
    return new_group_id(number, bytes(10))


def token_id(number: int) -> str:
    return new_token_id(number, bytes(10))


def hash_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def created(number: int, login: str = "", **more: Any) -> AccountCreated:
    given: dict[str, Any] = {"login_hash": hash_of(login or f"login{number}"), "sealed": "AAAA", "verifier": "BBBB"}
    return AccountCreated(account_id=account_id(number), **(given | more))


def write(state: MemoryAccounts, data: EventData, by: str = "admin", time_ms: int | None = None) -> Outcome:
    event = event_of(data, state.applied + 2, actor=by)
    applied = state.apply(event, state.applied + 1, START_MS + state.applied if time_ms is None else time_ms)
    assert applied is not None
    return applied.outcome


def account(state: MemoryAccounts, number: int) -> AccountRow:
    row = state.account(account_id(number))
    assert row is not None
    return row


@pytest.fixture
def state() -> MemoryAccounts:
    """Account 1 is an administrator, 2 and 3 are people."""
    state = MemoryAccounts()
    assert write(state, created(1, roles=("admin",))).verdict is Verdict.ACCEPTED
    assert write(state, created(2)).verdict is Verdict.ACCEPTED
    assert write(state, created(3)).verdict is Verdict.ACCEPTED
    return state


def test_a_login_belongs_to_one_account_until_it_is_changed_or_erased(state: MemoryAccounts) -> None:
    assert write(state, created(4, "login2")).reason == "login-taken"
    other = AccountChanged(account_id=account_id(2), login_hash=hash_of("other"))
    assert write(state, other, by=account_id(2)).verdict is Verdict.ACCEPTED
    assert write(state, created(4, "login2")).verdict is Verdict.ACCEPTED
    taken = AccountChanged(account_id=account_id(2), login_hash=hash_of("login3"))
    assert write(state, taken).reason == "login-taken"
    assert write(state, AccountErased(account_id=account_id(3))).verdict is Verdict.ACCEPTED
    assert write(state, taken).verdict is Verdict.ACCEPTED
    found = state.account_of_login(hash_of("login3"))
    assert found is not None
    assert found.account_id == account_id(2)


@pytest.mark.parametrize(
    "act",
    [
        created(9),
        AccountChanged(account_id=account_id(2), identity_hash=hash_of("somebody")),
        AccountChanged(account_id=account_id(2), roles=("admin",)),
        AccountChanged(account_id=account_id(2), disabled=True),
        AccountChanged(account_id=account_id(3), sealed="CCCC"),
        PasswordChanged(account_id=account_id(3), verifier="CCCC"),
        SessionsEnded(account_id=account_id(3)),
        AccountErased(account_id=account_id(3)),
        GroupCreated(group_id=group_id(1), name="team"),
        ApiTokenIssued(
            token_id=token_id(1), account_id=account_id(3), name="n", secret_hash=hash_of("s"), scopes=("read",)
        ),
        InviteIssued(invite_hash=hash_of("i"), expires_ms=10**12),
        SigningKeyOpened(number=1),
    ],
    ids=lambda act: type(act).__name__,
)
def test_people_may_not_do_what_administrators_do(state: MemoryAccounts, act: EventData) -> None:
    before = state.copy().state()
    assert write(state, act, by=account_id(2)).reason == "not-allowed"
    assert {
        kind: rows for kind, rows in state.state().items() if kind.__name__ not in ("OutcomeRow", "PartitionRow")
    } == {kind: rows for kind, rows in before.items() if kind.__name__ not in ("OutcomeRow", "PartitionRow")}
    assert write(state, act, by=account_id(1)).verdict is Verdict.ACCEPTED


def test_an_administrator_that_is_disabled_or_no_administrator_any_more_decides_nothing(state: MemoryAccounts) -> None:
    write(state, AccountChanged(account_id=account_id(1), disabled=True))
    assert write(state, created(4), by=account_id(1)).reason == "not-allowed"
    write(state, AccountChanged(account_id=account_id(1), disabled=False, roles=()))
    assert write(state, created(4), by=account_id(1)).reason == "not-allowed"
    assert write(state, created(4), by="system:start").verdict is Verdict.ACCEPTED
    assert write(state, created(5), by="a stranger").reason == "not-allowed"


def test_another_password_and_a_disabled_account_end_sessions_and_a_new_hash_does_not(state: MemoryAccounts) -> None:
    rehashed = PasswordChanged(account_id=account_id(2), verifier="CCCC", ends_sessions=False)
    write(state, rehashed, by="system:login", time_ms=2_000_000)
    assert account(state, 2).sessions_from_ms == 0
    write(state, PasswordChanged(account_id=account_id(2), verifier="DDDD"), by=account_id(2), time_ms=3_000_000)
    assert account(state, 2).sessions_from_ms == 3_000_000
    write(state, AccountChanged(account_id=account_id(2), disabled=True), time_ms=4_000_000)
    assert account(state, 2).sessions_from_ms == 4_000_000
    assert not account(state, 2).is_live
    write(state, SessionsEnded(account_id=account_id(3)), by=account_id(3), time_ms=5_000_000)
    assert account(state, 3).sessions_from_ms == 5_000_000


def test_of_two_changes_of_one_revision_the_second_is_refused(state: MemoryAccounts) -> None:
    first = AccountChanged(account_id=account_id(2), base_revision=1, sealed="CCCC")
    assert write(state, first).verdict is Verdict.ACCEPTED
    second = AccountChanged(account_id=account_id(2), base_revision=1, sealed="DDDD")
    assert write(state, second).reason == "revision-mismatch"
    assert write(state, AccountChanged(account_id=account_id(2), sealed="CCCC")).verdict is Verdict.UNCHANGED


def test_an_erased_account_keeps_nothing_and_its_groups_and_tokens_are_gone(state: MemoryAccounts) -> None:
    write(state, GroupCreated(group_id=group_id(1), name="team"))
    write(state, GroupMembersChanged(group_id=group_id(1), members=(account_id(2), account_id(3))))
    issued = ApiTokenIssued(
        token_id=token_id(1), account_id=account_id(2), name="ci", secret_hash=hash_of("s"), scopes=("read",)
    )
    write(state, issued, by=account_id(2))
    assert write(state, AccountErased(account_id=account_id(2)), by=account_id(2)).verdict is Verdict.ACCEPTED
    row = account(state, 2)
    assert (row.login_hash, row.sealed, row.verifier, row.erased) == ("", "", "", True)
    assert state.account_of_login(hash_of("login2")) is None
    assert [member.account_id for member in state.members(group_id(1), "", 10)] == [account_id(3)]
    assert state.api_token(token_id(1)) is None
    assert state.api_tokens(account_id(2)) == []
    assert write(state, AccountErased(account_id=account_id(2))).verdict is Verdict.UNCHANGED
    assert write(state, AccountChanged(account_id=account_id(2), sealed="AAAA")).reason == "account-unknown"
    assert write(state, created(2, "fresh")).reason == "event-invalid"


def test_somebody_of_a_provider_has_one_account_until_it_is_unlinked_or_erased(state: MemoryAccounts) -> None:
    ada = hash_of("ada at the provider")
    assert write(state, created(4, identity_hash=ada)).verdict is Verdict.ACCEPTED
    assert write(state, created(5, identity_hash=ada)).reason == "identity-taken"
    assert state.account(account_id(5)) is None
    assert state.account_of_login(hash_of("login5")) is None
    link = AccountChanged(account_id=account_id(2), identity_hash=ada)
    assert write(state, link).reason == "identity-taken"
    assert write(state, AccountErased(account_id=account_id(4))).verdict is Verdict.ACCEPTED
    assert account(state, 4).identity_hash == ""
    assert state.account_of_identity(ada) is None
    assert write(state, link, by=account_id(1)).verdict is Verdict.ACCEPTED
    assert write(state, link).verdict is Verdict.UNCHANGED
    assert account(state, 2).sessions_from_ms == 0
    assert state.account_of_identity(ada) == account(state, 2)
    other = AccountChanged(account_id=account_id(2), identity_hash=hash_of("bob at the provider"))
    assert write(state, other, time_ms=START_MS + 500).verdict is Verdict.ACCEPTED
    assert account(state, 2).sessions_from_ms == START_MS + 500
    assert state.account_of_identity(ada) is None
    unlink = AccountChanged(account_id=account_id(2), identity_hash="")
    assert write(state, unlink, time_ms=START_MS + 700).verdict is Verdict.ACCEPTED
    assert account(state, 2).sessions_from_ms == START_MS + 700
    assert state.account_of_identity(hash_of("bob at the provider")) is None


def test_managers_run_their_group_and_anybody_may_leave_it(state: MemoryAccounts) -> None:
    write(state, GroupCreated(group_id=group_id(1), name="team"))
    write(state, GroupMembersChanged(group_id=group_id(1), managers=(account_id(2),)))
    taken = GroupMembersChanged(group_id=group_id(1), members=(account_id(3),))
    assert write(state, taken, by=account_id(3)).reason == "not-allowed"
    assert write(state, taken, by=account_id(2)).verdict is Verdict.ACCEPTED
    assert write(state, taken, by=account_id(2)).verdict is Verdict.UNCHANGED
    renamed = GroupChanged(group_id=group_id(1), name="crew")
    assert write(state, renamed, by=account_id(3)).reason == "not-allowed"
    assert write(state, renamed, by=account_id(2)).verdict is Verdict.ACCEPTED
    assert state.group_named("team") is None
    thrown = GroupMembersChanged(group_id=group_id(1), removed=(account_id(2), account_id(3)))
    assert write(state, thrown, by=account_id(3)).reason == "not-allowed"
    left = GroupMembersChanged(group_id=group_id(1), removed=(account_id(3),))
    assert write(state, left, by=account_id(3)).verdict is Verdict.ACCEPTED
    assert state.memberships(account_id(3)) == []
    unknown = GroupMembersChanged(group_id=group_id(1), members=(account_id(8),))
    assert write(state, unknown).reason == "account-unknown"


def test_a_removed_group_frees_its_name_and_makes_room(state: MemoryAccounts) -> None:
    for number in range(GROUPS_PER_ACCOUNT_MAX):
        write(state, GroupCreated(group_id=group_id(number), name=f"g{number}"))
        write(state, GroupMembersChanged(group_id=group_id(number), members=(account_id(2),)))
    write(state, GroupCreated(group_id=group_id(999), name="one-more"))
    more = GroupMembersChanged(group_id=group_id(999), members=(account_id(2),))
    assert write(state, more).reason == "too-many-groups"
    assert write(state, GroupRemoved(group_id=group_id(0))).verdict is Verdict.ACCEPTED
    assert write(state, GroupRemoved(group_id=group_id(0))).verdict is Verdict.UNCHANGED
    assert write(state, more).verdict is Verdict.ACCEPTED
    assert len(state.memberships(account_id(2))) == GROUPS_PER_ACCOUNT_MAX
    assert write(state, GroupCreated(group_id=group_id(1000), name="g0")).verdict is Verdict.ACCEPTED
    assert write(state, GroupCreated(group_id=group_id(1001), name="g0")).reason == "group-exists"


def test_tokens_are_bounded_expired_ones_make_room_and_their_account_revokes_them(state: MemoryAccounts) -> None:
    def token(number: int, expires_ms: int | None = None) -> ApiTokenIssued:
        return ApiTokenIssued(
            token_id=token_id(number), account_id=account_id(2), name=f"t{number}", secret_hash=hash_of("s"),
            scopes=("write", "read", "read"), expires_ms=expires_ms,
        )  # fmt: skip

    write(state, token(0, expires_ms=START_MS + 10_000), by=account_id(2))
    for number in range(1, API_TOKENS_PER_ACCOUNT_MAX):
        write(state, token(number), by=account_id(2))
    assert write(state, token(500), by=account_id(2)).reason == "too-many-api-tokens"
    assert write(state, token(500), by=account_id(2), time_ms=START_MS + 20_000).verdict is Verdict.ACCEPTED
    assert state.api_token(token_id(0)) is None
    kept = state.api_token(token_id(500))
    assert kept is not None
    assert kept.scopes == ("read", "write")
    assert write(state, ApiTokenRevoked(token_id=token_id(500)), by=account_id(3)).reason == "not-allowed"
    assert write(state, ApiTokenRevoked(token_id=token_id(500)), by=account_id(2)).verdict is Verdict.ACCEPTED
    assert write(state, ApiTokenRevoked(token_id=token_id(500)), by=account_id(2)).reason == "api-token-unknown"


def test_an_invite_makes_one_account_in_time_with_its_own_roles(state: MemoryAccounts) -> None:
    invite = hash_of("invite")
    write(state, InviteIssued(invite_hash=invite, roles=("admin",), expires_ms=START_MS + 50_000))
    late = created(7, invite_hash=invite)
    assert write(state.copy(), late, by="system:register", time_ms=START_MS + 50_001).reason == "invite-invalid"
    assert write(state, created(7, invite_hash=invite), by="system:register").verdict is Verdict.ACCEPTED
    assert account(state, 7).roles == ("admin",)
    assert write(state, created(8, invite_hash=invite), by="system:register").reason == "invite-invalid"
    assert write(state, InviteRevoked(invite_hash=invite)).reason == "invite-invalid"
    write(state, InviteIssued(invite_hash=hash_of("two"), expires_ms=10**12))
    assert write(state, InviteRevoked(invite_hash=hash_of("two"))).verdict is Verdict.ACCEPTED
    assert write(state, InviteRevoked(invite_hash=hash_of("two"))).verdict is Verdict.UNCHANGED
    assert write(state, created(8, invite_hash=hash_of("two")), by="system:register").reason == "invite-invalid"


def test_signing_keys_come_one_after_the_other_and_the_oldest_go(state: MemoryAccounts) -> None:
    assert write(state, SigningKeyOpened(number=2), by="system:sessions").reason == "signing-key-not-next"
    for number in range(1, 8):
        assert write(state, SigningKeyOpened(number=number), by="system:sessions").verdict is Verdict.ACCEPTED
    assert [row.number for row in state.signing_keys()] == [4, 5, 6, 7]
    assert write(state, SigningKeyOpened(number=7), by="system:sessions").reason == "signing-key-not-next"


def test_events_of_other_topics_are_refused(state: MemoryAccounts) -> None:
    assert write(state, SpaceRemoved(name="main", space_id="s")).reason == "event-invalid"


def test_administrators_alone_set_how_much_an_account_may_own(state: MemoryAccounts) -> None:
    bounded = AccountChanged(account_id=account_id(2), quota=AccountQuota(bytes_max=10))
    assert write(state, bounded, by=account_id(2)).reason == "not-allowed"
    assert write(state, bounded, by=account_id(1)).verdict is Verdict.ACCEPTED
    assert write(state, bounded, by=account_id(1)).verdict is Verdict.UNCHANGED
    row = account(state, 2)
    assert (row.quota_bytes, row.quota_files, row.revision) == (10, None, 2)
    renamed = AccountChanged(account_id=account_id(2), sealed="CCCC")
    assert write(state, renamed, by=account_id(2)).verdict is Verdict.ACCEPTED
    assert account(state, 2).quota_bytes == 10
    lifted = AccountChanged(account_id=account_id(2), quota=AccountQuota(files_max=0))
    assert write(state, lifted).verdict is Verdict.ACCEPTED
    assert (account(state, 2).quota_bytes, account(state, 2).quota_files) == (None, 0)
    beyond = AccountChanged(account_id=account_id(2), quota=AccountQuota(files_max=2**53 + 1))
    assert write(state, beyond).reason == "event-invalid"
    assert write(state, created(4, quota=AccountQuota(bytes_max=2**60))).reason == "event-invalid"
    assert write(state, created(4, quota=AccountQuota(bytes_max=5))).verdict is Verdict.ACCEPTED
    assert account(state, 4).quota_bytes == 5
