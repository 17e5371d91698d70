"""Events of ``.accounts``: who may ask. Nothing here names a person: login, name, e-mail and password are sealed.

``sealed`` and ``verifier`` are AES-256-GCM under the account's own key, base64; the key lies on ``.keys`` and is
destroyed with the account. ``login_hash`` is a keyed hash of the normalised login name: it makes names unique in log
order, and says nothing to whoever has no key of the vault. ``identity_hash`` is the same of whom an identity provider
(OIDC) knows: its issuer and subject.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.base import EventData
from schemas.ids import ACCOUNT_ID_PATTERN, GROUP_ID_PATTERN, TOKEN_ID_PATTERN
from schemas.topics import Topic

AccountId = Annotated[str, Field(pattern=ACCOUNT_ID_PATTERN)]
GroupId = Annotated[str, Field(pattern=GROUP_ID_PATTERN)]
TokenId = Annotated[str, Field(pattern=TOKEN_ID_PATTERN)]
HashHex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
IdentityHash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
"""Empty: none."""
Sealed = Annotated[str, Field(max_length=16_384, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,31}$")]
Roles = Annotated[tuple[Word, ...], Field(max_length=16)]
"""``admin`` is the only role that there is yet; unknown ones count for nothing."""
Scopes = Annotated[tuple[Word, ...], Field(max_length=16)]
"""``read``, ``write``, ``admin``; unknown ones count for nothing."""
Accounts = Annotated[tuple[AccountId, ...], Field(max_length=100)]
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class AccountQuota(EventData):
    """How much an account may own in all spaces, older versions and trash counted; None: no bound."""

    bytes_max: int | None = Field(default=None, ge=0)
    files_max: int | None = Field(default=None, ge=0)


class _AccountsEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.ACCOUNTS


class AccountCreated(_AccountsEvent):
    """A person or a service may ask from here on.

    Attributes:
        verifier: The sealed verifier of the password; empty: nobody can log in with one.
        must_change: Whether the password must be changed before anything else.
        invite_hash: The invite that it spends; its roles are the account's.
        identity_hash: Whom of an identity provider it belongs to; empty: nobody.
        quota: How much it may own. The log counts, and the doors refuse what does not fit.
    """

    TYPE: ClassVar[str] = "govault.accounts.account_created.v1"
    account_id: AccountId
    kind: Literal["person", "service"] = "person"
    login_hash: HashHex
    sealed: Sealed
    verifier: Sealed = ""
    roles: Roles = ()
    must_change: bool = False
    invite_hash: str = ""
    identity_hash: IdentityHash = ""
    quota: AccountQuota = AccountQuota()


class AccountChanged(_AccountsEvent):
    """What is known of an account, what it may, or whether it may come in. None leaves a thing as it is."""

    TYPE: ClassVar[str] = "govault.accounts.account_changed.v1"
    account_id: AccountId
    base_revision: int | None = None
    login_hash: HashHex | None = None
    sealed: Sealed | None = None
    roles: Roles | None = None
    disabled: bool | None = None
    identity_hash: IdentityHash | None = None
    quota: AccountQuota | None = None


class PasswordChanged(_AccountsEvent):
    """Another password. Sessions that began before end, unless it is the same one hashed anew."""

    TYPE: ClassVar[str] = "govault.accounts.password_changed.v1"
    account_id: AccountId
    base_revision: int | None = None
    verifier: Sealed
    must_change: bool = False
    ends_sessions: bool = True


class SessionsEnded(_AccountsEvent):
    """Every session and access token that was given out before is void: logged out everywhere."""

    TYPE: ClassVar[str] = "govault.accounts.sessions_ended.v1"
    account_id: AccountId


class AccountErased(_AccountsEvent):
    """The account's key is destroyed: nobody comes in by it, and what was sealed of the person is gone for good."""

    TYPE: ClassVar[str] = "govault.accounts.account_erased.v1"
    account_id: AccountId


class GroupCreated(_AccountsEvent):
    """A group of accounts, by a name that no other has."""

    TYPE: ClassVar[str] = "govault.accounts.group_created.v1"
    group_id: GroupId
    name: GroupName
    description: str = Field(default="", max_length=1000)


class GroupChanged(_AccountsEvent):
    """Another name or description of a group. None leaves a thing as it is."""

    TYPE: ClassVar[str] = "govault.accounts.group_changed.v1"
    group_id: GroupId
    base_revision: int | None = None
    name: GroupName | None = None
    description: str | None = Field(default=None, max_length=1000)


class GroupRemoved(_AccountsEvent):
    """A group counts no more, wherever it was granted something. Its id never comes back."""

    TYPE: ClassVar[str] = "govault.accounts.group_removed.v1"
    group_id: GroupId


class GroupMembersChanged(_AccountsEvent):
    """Accounts come into a group, become its managers, or leave it. Who is in more than one list counts by the last."""

    TYPE: ClassVar[str] = "govault.accounts.group_members_changed.v1"
    group_id: GroupId
    members: Accounts = ()
    managers: Accounts = ()
    removed: Accounts = ()


class ApiTokenIssued(_AccountsEvent):
    """Whoever shows the secret of this hash asks as the account, within the scopes, before ``expires_ms``."""

    TYPE: ClassVar[str] = "govault.accounts.api_token_issued.v1"
    token_id: TokenId
    account_id: AccountId
    name: str = Field(min_length=1, max_length=100)
    secret_hash: HashHex
    scopes: Scopes
    expires_ms: int | None = Field(default=None, ge=0)


class ApiTokenRevoked(_AccountsEvent):
    """A token opens nothing any more."""

    TYPE: ClassVar[str] = "govault.accounts.api_token_revoked.v1"
    token_id: TokenId


class InviteIssued(_AccountsEvent):
    """Whoever shows the secret of this hash may make one account with these roles, before ``expires_ms``."""

    TYPE: ClassVar[str] = "govault.accounts.invite_issued.v1"
    invite_hash: HashHex
    roles: Roles = ()
    expires_ms: int = Field(ge=0)


class InviteRevoked(_AccountsEvent):
    """An invite that nobody has used yet lets nobody in any more."""

    TYPE: ClassVar[str] = "govault.accounts.invite_revoked.v1"
    invite_hash: HashHex


class SigningKeyOpened(_AccountsEvent):
    """Access tokens are signed with the key of this number from here on; it follows from the root secret."""

    TYPE: ClassVar[str] = "govault.accounts.signing_key_opened.v1"
    number: int = Field(ge=1)


AccountsEvent = (
    AccountCreated
    | AccountChanged
    | PasswordChanged
    | SessionsEnded
    | AccountErased
    | GroupCreated
    | GroupChanged
    | GroupRemoved
    | GroupMembersChanged
    | ApiTokenIssued
    | ApiTokenRevoked
    | InviteIssued
    | InviteRevoked
    | SigningKeyOpened
)
