"""The rows of ``.accounts``: accounts, groups and who belongs to them, API tokens, invites, signing keys."""

from typing import Any, NamedTuple


class AccountRow(NamedTuple):
    """An account. Erased ones stay, so that the log's actors stay accounts; nothing of the person is left in them.

    Attributes:
        login_hash: Keyed hash of the normalised login, hex; empty once erased.
        sealed: Login, display name and e-mail under the account's own key, base64.
        verifier: The password's verifier under the same key, base64; empty: no login by password.
        sessions_from_ms: Sessions that began at or before this vault time are void.
        identity_hash: Keyed hash of whom an identity provider knows, hex; empty: it belongs to nobody of one.
        quota_bytes, quota_files: How much it may own in all spaces; None: no bound.
    """

    account_id: str
    kind: str
    login_hash: str
    sealed: str
    verifier: str
    roles: tuple[str, ...]
    must_change: bool
    revision: int
    created_ms: int
    created_by: str
    disabled: bool = False
    erased: bool = False
    sessions_from_ms: int = 0
    identity_hash: str = ""
    quota_bytes: int | None = None
    quota_files: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether anybody may ask as this account."""
        return not self.disabled and not self.erased


class LoginRow(NamedTuple):
    """Which account a login belongs to."""

    login_hash: str
    account_id: str


class IdentityRow(NamedTuple):
    """Which account somebody of an identity provider has."""

    identity_hash: str
    account_id: str


class GroupRow(NamedTuple):
    """A group; ``removed`` ones count no more, and their name is free."""

    group_id: str
    name: str
    description: str
    revision: int
    created_ms: int
    removed: bool = False


class GroupNameRow(NamedTuple):
    """Which group has a name."""

    name: str
    group_id: str


class MemberRow(NamedTuple):
    """That an account is in a group, found by the account."""

    account_id: str
    group_id: str
    manager: bool


class GroupMemberRow(NamedTuple):
    """The same, found by the group."""

    group_id: str
    account_id: str
    manager: bool


class ApiTokenRow(NamedTuple):
    """An API token that was not revoked. ``expires_ms`` None: never."""

    token_id: str
    account_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    issued_ms: int
    expires_ms: int | None


class TokenOfRow(NamedTuple):
    """That an account has a token."""

    account_id: str
    token_id: str


class InviteRow(NamedTuple):
    """An invite. ``spent_by``: the account it made; ``revoked`` where it was withdrawn."""

    invite_hash: str
    roles: tuple[str, ...]
    expires_ms: int
    issued_ms: int
    issued_by: str
    spent_by: str = ""


class SigningKeyRow(NamedTuple):
    """A key that access tokens are or were signed with."""

    number: int
    opened_ms: int


AnyAccountsRow = (
    AccountRow
    | LoginRow
    | IdentityRow
    | GroupRow
    | GroupNameRow
    | MemberRow
    | GroupMemberRow
    | ApiTokenRow
    | TokenOfRow
    | InviteRow
    | SigningKeyRow
)

ACCOUNTS_KEY_FIELDS: dict[Any, tuple[str, ...]] = {
    AccountRow: ("account_id",),
    LoginRow: ("login_hash",),
    IdentityRow: ("identity_hash",),
    GroupRow: ("group_id",),
    GroupNameRow: ("name",),
    MemberRow: ("account_id", "group_id"),
    GroupMemberRow: ("group_id", "account_id"),
    ApiTokenRow: ("token_id",),
    TokenOfRow: ("account_id", "token_id"),
    InviteRow: ("invite_hash",),
    SigningKeyRow: ("number",),
}
