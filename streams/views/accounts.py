"""Reads of the rows of ``.accounts``: what ``apply`` and the doors see, wherever the rows come from."""

from typing import Any

from govault.domain.account_rows import (
    AccountRow,
    ApiTokenRow,
    GroupMemberRow,
    GroupNameRow,
    GroupRow,
    IdentityRow,
    InviteRow,
    LoginRow,
    MemberRow,
    SigningKeyRow,
    TokenOfRow,
)
from govault.limits import API_TOKENS_PER_ACCOUNT_MAX, GROUPS_PER_ACCOUNT_MAX, SIGNING_KEYS_MAX
from streams.views import keys
from streams.views.reader import PartitionRows


class AccountsRows(PartitionRows):
    """``AccountsReader``."""

    def account(self, account_id: str) -> AccountRow | None:
        """An account that was ever made."""
        row: AccountRow | None = self._row(keys.ACCOUNT + account_id.encode())
        return row

    def account_of_login(self, login_hash: str) -> AccountRow | None:
        """The account that has a login."""
        login: LoginRow | None = self._row(keys.LOGIN + login_hash.encode())
        return None if login is None else self.account(login.account_id)

    def account_of_identity(self, identity_hash: str) -> AccountRow | None:
        """The account that somebody of an identity provider has."""
        found: IdentityRow | None = self._row(keys.IDENTITY + identity_hash.encode())
        return None if found is None else self.account(found.account_id)

    def accounts(self, after: str, limit: int) -> list[AccountRow]:
        """Accounts, by id."""
        return self._page(keys.ACCOUNT, after, limit)

    def group(self, group_id: str) -> GroupRow | None:
        """A group that was ever made."""
        row: GroupRow | None = self._row(keys.GROUP + group_id.encode())
        return row

    def group_named(self, name: str) -> GroupRow | None:
        """The group that has a name."""
        named: GroupNameRow | None = self._row(keys.GROUP_NAME + name.encode())
        return None if named is None else self.group(named.group_id)

    def groups(self, after: str, limit: int) -> list[GroupRow]:
        """Groups, by id."""
        return self._page(keys.GROUP, after, limit)

    def memberships(self, account_id: str) -> list[MemberRow]:
        """The groups that an account is in."""
        return self._page(keys.member_key(account_id, ""), "", GROUPS_PER_ACCOUNT_MAX)

    def membership(self, account_id: str, group_id: str) -> MemberRow | None:
        """Whether an account is in a group."""
        row: MemberRow | None = self._row(keys.member_key(account_id, group_id))
        return row

    def members(self, group_id: str, after: str, limit: int) -> list[GroupMemberRow]:
        """Who is in a group, by account id."""
        return self._page(keys.group_member_key(group_id, ""), after, limit)

    def api_token(self, token_id: str) -> ApiTokenRow | None:
        """A token that was not revoked."""
        row: ApiTokenRow | None = self._row(keys.API_TOKEN + token_id.encode())
        return row

    def api_tokens(self, account_id: str) -> list[ApiTokenRow]:
        """An account's tokens, by id."""
        of: list[TokenOfRow] = self._page(keys.token_of_key(account_id, ""), "", API_TOKENS_PER_ACCOUNT_MAX)
        found = (self.api_token(row.token_id) for row in of)
        return [row for row in found if row is not None]

    def invite(self, invite_hash: str) -> InviteRow | None:
        """An invite that was ever made."""
        row: InviteRow | None = self._row(keys.INVITE + invite_hash.encode())
        return row

    def invites(self, after: str, limit: int) -> list[InviteRow]:
        """Invites, by hash."""
        return self._page(keys.INVITE, after, limit)

    def signing_keys(self) -> list[SigningKeyRow]:
        """Signing keys, by number."""
        return self._page(keys.SIGNING_KEY, "", SIGNING_KEYS_MAX)

    def _page(self, start: bytes, after: str, limit: int) -> list[Any]:
        """Rows whose keys begin with ``start``, behind ``start`` + ``after``, by key."""
        found = self._rows.page(start, start + after.encode(), limit)
        return [row for key in found if (row := self._row(key)) is not None]
