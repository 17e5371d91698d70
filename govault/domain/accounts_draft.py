"""One event of ``.accounts`` on its way through ``apply``: what it may read, who asks, and the changes it makes.

Who may do what is decided by the rows: the word of an administrator who was one no more at that offset counts for
nothing. The node itself, and whoever holds the operator's token of a data folder, may everything.
"""

from govault.domain.account_rows import (
    AccountRow,
    AnyAccountsRow,
    GroupMemberRow,
    GroupRow,
    IdentityRow,
    LoginRow,
    MemberRow,
)
from govault.domain.actor import OPERATOR
from govault.domain.folding import AccountsReader
from govault.domain.outcomes import Refusal
from govault.domain.reasons import Reason
from govault.domain.rows import Change, Delete, Put
from schemas.envelope import Event

ROLE_ADMIN = "admin"
TIME_MAX = 2**53


class AccountsDraft:
    """One event on its way through: what it may read, who asks, and the changes it makes."""

    def __init__(self, reader: AccountsReader, event: Event, vault_time_ms: int) -> None:
        self.reader = reader
        self.actor = event.actor
        self.now_ms = vault_time_ms
        self.changes: list[Change] = []

    def put(self, *rows: AnyAccountsRow) -> None:
        """Set rows."""
        self.changes.extend(Put(row) for row in rows)

    def delete(self, *rows: AnyAccountsRow) -> None:
        """Remove the rows that have these rows' keys."""
        self.changes.extend(Delete(row) for row in rows)

    @property
    def by_admin(self) -> bool:
        """Whether the node itself, the operator or an administrator asks."""
        if self.actor == OPERATOR or self.actor.startswith("system:"):
            return True
        row = self.reader.account(self.actor)
        return row is not None and row.is_live and ROLE_ADMIN in row.roles

    def need_admin(self) -> None:
        """Raises:
        Refusal: An administrator has to ask.
        """
        if not self.by_admin:
            raise Refusal(Reason.NOT_ALLOWED)

    def need_self_or_admin(self, account_id: str) -> None:
        """Raises:
        Refusal: The account itself, or an administrator, has to ask.
        """
        if self.actor == account_id:
            row = self.reader.account(account_id)
            if row is not None and row.is_live:
                return
        self.need_admin()

    def account(self, account_id: str) -> AccountRow:
        """Raises:
        Refusal: There is none, or it was erased.
        """
        row = self.reader.account(account_id)
        if row is None or row.erased:
            raise Refusal(Reason.ACCOUNT_UNKNOWN)
        return row

    def group(self, group_id: str) -> GroupRow:
        """Raises:
        Refusal: There is none, or it was removed.
        """
        row = self.reader.group(group_id)
        if row is None or row.removed:
            raise Refusal(Reason.GROUP_UNKNOWN)
        return row

    def claim_login(self, login_hash: str, account_id: str) -> None:
        """Give a login to an account.

        Raises:
            Refusal: Another has it.
        """
        other = self.reader.account_of_login(login_hash)
        if other is not None and other.account_id != account_id:
            raise Refusal(Reason.LOGIN_TAKEN)
        self.put(LoginRow(login_hash, account_id))

    def claim_identity(self, identity_hash: str, account_id: str) -> None:
        """Give somebody of an identity provider an account.

        Raises:
            Refusal: He has another.
        """
        other = self.reader.account_of_identity(identity_hash)
        if other is not None and other.account_id != account_id:
            raise Refusal(Reason.IDENTITY_TAKEN)
        self.put(IdentityRow(identity_hash, account_id))

    def check_revision(self, revision: int, base: int | None) -> None:
        """Raises:
        Refusal: The event was made from another revision.
        """
        if base is not None and base != revision:
            raise Refusal(Reason.REVISION_MISMATCH, revision=revision)

    def leave(self, member: MemberRow) -> None:
        """Take an account out of a group."""
        self.delete(member, GroupMemberRow(member.group_id, member.account_id, member.manager))
