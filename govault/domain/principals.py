"""Whom grants name: an account, a group, ``users`` or ``public``; and which of them somebody counts as."""

from govault.domain.account_rows import AccountRow
from govault.domain.accounts_draft import ROLE_ADMIN
from govault.domain.actor import ADMIN_ROLE
from govault.domain.folding import AccountsReader
from schemas.ids import is_account_id, is_group_id

PUBLIC = "public"
"""Anybody, without an account too."""
USERS = "users"
"""Any account."""
GRANTABLE = "an account's id (a_…), a group's id (g_…), users or public"


def is_grantable(principal: str) -> bool:
    """Whether something can be granted to it: administrators need nothing."""
    return principal in (PUBLIC, USERS) or is_account_id(principal) or is_group_id(principal)


def principals_of(reader: AccountsReader, principal: str) -> tuple[str, ...]:
    """What somebody counts as when he asks. What is not known, and groups that were removed, ask for nothing."""
    if is_account_id(principal):
        account = reader.account(principal)
        return () if account is None else principals_of_account(reader, account)
    if is_group_id(principal):
        return (principal,) if _lives(reader, principal) else ()
    return (USERS, PUBLIC) if principal == USERS else (PUBLIC,) if principal == PUBLIC else ()


def principals_of_account(reader: AccountsReader, account: AccountRow) -> tuple[str, ...]:
    """An account as itself, its groups, ``users``, ``public`` and its role; disabled or erased, as nobody."""
    if not account.is_live:
        return ()
    groups = (member.group_id for member in reader.memberships(account.account_id))
    living = tuple(group_id for group_id in groups if _lives(reader, group_id))
    role = (ADMIN_ROLE,) if ROLE_ADMIN in account.roles else ()
    return (account.account_id, *living, USERS, PUBLIC, *role)


def _lives(reader: AccountsReader, group_id: str) -> bool:
    group = reader.group(group_id)
    return group is not None and not group.removed
