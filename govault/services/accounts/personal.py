"""Accounts with what is known of their people: opened with the account's own key, which an erasure destroys."""

import unicodedata
from dataclasses import dataclass

from govault.auth.account_sealing import AccountSealing, Personal
from govault.domain.account_rows import AccountRow
from govault.errors import InvalidRequest, NotFound
from govault.ports import AccountKeys, Views
from schemas.ids import is_account_id

LOGIN_CHARS_MAX = 100
NAME_CHARS_MAX = 200
EMAIL_CHARS_MAX = 254


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its people know it; the personal fields are empty once it was erased."""

    row: AccountRow
    personal: Personal

    @property
    def state(self) -> str:
        """``active``, ``disabled`` or ``erased``."""
        return "erased" if self.row.erased else "disabled" if self.row.disabled else "active"


@dataclass(frozen=True, slots=True)
class People:
    """Reads accounts."""

    views: Views
    keys: AccountKeys
    sealing: AccountSealing

    def opened(self, row: AccountRow) -> Account:
        """An account with its personal data."""
        key = self.keys.get(row.account_id)
        if row.erased or key is None or not row.sealed:
            return Account(row, Personal())
        return Account(row, self.sealing.open_personal(key, row.account_id, row.sealed))

    def of_login(self, login: str) -> AccountRow | None:
        """The account that has a login."""
        return self.views.accounts().account_of_login(self.sealing.login_hash(login))

    def find(self, ref: str) -> AccountRow:
        """An account by its id or its login.

        Raises:
            NotFound: None; an erased one is found by its id.
        """
        row = self.views.accounts().account(ref) if is_account_id(ref) else self.of_login(ref)
        if row is None:
            raise NotFound(f"there is no account {ref[:100]!r}", code="not-found.account-unknown")
        return row

    def listed(self, after: str, limit: int) -> list[Account]:
        """Accounts by id, behind one."""
        return [self.opened(row) for row in self.views.accounts().accounts(after, limit)]


def checked(personal: Personal) -> Personal:
    """Personal data that may be kept.

    Raises:
        InvalidRequest: A field breaks a rule; ``rule`` in details names it.
    """
    login = personal.login
    visible = bool(login) and not any(sign.isspace() or unicodedata.category(sign)[0] == "C" for sign in login)
    if not visible or len(login) > LOGIN_CHARS_MAX or is_account_id(login):
        raise InvalidRequest(
            f"a login has 1 to {LOGIN_CHARS_MAX} visible characters without spaces", rule="accounts.login"
        )
    if len(personal.display_name) > NAME_CHARS_MAX or not personal.display_name.isprintable():
        raise InvalidRequest(f"a name has at most {NAME_CHARS_MAX} printable characters", rule="accounts.display-name")
    email = personal.email
    name, _, host = email.rpartition("@")
    if email and (not name or not host or len(email) > EMAIL_CHARS_MAX or not email.isprintable() or " " in email):
        raise InvalidRequest(f"{email[:100]!r} is no e-mail address", rule="accounts.email")
    return personal
