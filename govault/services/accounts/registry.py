"""Making, changing and ending accounts. Every act is an event of ``.accounts``; the log decides who may."""

from contextlib import suppress
from dataclasses import dataclass, replace

from govault.auth.account_sealing import Personal
from govault.auth.secrets import new_secret
from govault.domain.account_rows import AccountRow
from govault.domain.actor import Actor
from govault.errors import AccessDenied, Authentication, Conflict, GoVaultError, InvalidRequest
from govault.ports import Clock, Passwords, Randomness
from govault.services.accounts.credentials import told_once
from govault.services.accounts.personal import Account, People, checked
from govault.services.log.submit import Submitter
from schemas.events.accounts import (
    AccountChanged,
    AccountCreated,
    AccountErased,
    AccountQuota,
    PasswordChanged,
    SessionsEnded,
)
from schemas.ids import new_account_id

_PARTITION = 0
ROLES = ("admin",)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody asks for who makes an account.

    Attributes:
        password: None: it gets none, and nobody logs in with one (a service).
        must_change: Whether the password is a fresh one, which whoever asks is told once.
        invite_hash: Of the invite that it spends.
        identity_hash: Whom of the identity provider it belongs to; empty: nobody.
        quota: How much it may own; None: what new accounts may, administrators anything.
    """

    personal: Personal
    password: str | None = None
    kind: str = "person"
    roles: tuple[str, ...] = ()
    must_change: bool = False
    invite_hash: str = ""
    identity_hash: str = ""
    quota: AccountQuota | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What shall be different about an account; None leaves a thing as it is."""

    login: str | None = None
    display_name: str | None = None
    email: str | None = None
    roles: tuple[str, ...] | None = None
    disabled: bool | None = None
    quota: AccountQuota | None = None


@dataclass(frozen=True, slots=True)
class AccountRegistry:
    """The acts.

    Attributes:
        quota_default: How much new accounts may own.
    """

    people: People
    submitter: Submitter
    passwords: Passwords
    clock: Clock
    randomness: Randomness
    quota_default: AccountQuota

    async def create(self, actor: Actor, wish: NewAccount) -> Account:
        """Make an account; of a repeat, the one that it made.

        Raises:
            InvalidRequest: A field breaks a rule.
            Conflict: Another has the login; or this is a repeat, and the fresh password was told once.
            AccessDenied: The actor may not, or the invite opens nothing.
        """
        if (done := self.submitter.repeated(actor)) is not None:
            return self._repeated(str(done.fact("account_id")), wish)
        personal = checked(wish.personal)
        _check_roles(wish.roles)
        verifier = "" if wish.password is None else await self.passwords.hash(wish.password, _about(personal))
        account_id = new_account_id(self.clock.time_ms(), self.randomness.token(10))
        keys, sealing = self.people.keys, self.people.sealing
        key = await keys.make(account_id)
        created = AccountCreated(
            account_id=account_id,
            kind="service" if wish.kind == "service" else "person",
            login_hash=sealing.login_hash(personal.login),
            sealed=sealing.seal_personal(key, account_id, personal),
            verifier=sealing.seal_verifier(key, account_id, verifier) if verifier else "",
            roles=wish.roles,
            must_change=wish.must_change,
            invite_hash=wish.invite_hash,
            identity_hash=wish.identity_hash,
            quota=self._quota(wish),
        )
        try:
            outcome = await self.submitter.submit(actor, created, _PARTITION, subject=account_id)
        except GoVaultError as error:
            if not error.retryable:
                await keys.destroy(account_id)
            raise
        made = str(outcome.fact("account_id"))
        if made != account_id:
            await keys.destroy(account_id)
            return self._repeated(made, wish)
        return self._now(account_id)

    async def change(self, actor: Actor, row: AccountRow, wish: Change, base_revision: int | None = None) -> Account:
        """Change what is known of an account, what it may, or whether it may come in.

        Raises:
            InvalidRequest: A field breaks a rule.
            Conflict: Another has the login.
            PreconditionFailed: It has changed since ``base_revision``.
            AccessDenied: The actor may not.
        """
        old = self.people.opened(row).personal
        given = {"login": wish.login, "display_name": wish.display_name, "email": wish.email}
        personal = replace(old, **{name: value for name, value in given.items() if value is not None})
        if wish.roles is not None:
            _check_roles(wish.roles)
        sealed = login_hash = None
        if personal != old:
            key = self.people.keys.get(row.account_id)
            if key is None:
                raise _erased("nothing can be written of its person")
            sealed = self.people.sealing.seal_personal(key, row.account_id, checked(personal))
            login_hash = self.people.sealing.login_hash(personal.login)
        changed = AccountChanged(
            account_id=row.account_id,
            base_revision=base_revision,
            login_hash=login_hash,
            sealed=sealed,
            roles=wish.roles,
            disabled=wish.disabled,
            quota=wish.quota,
        )
        await self.submitter.submit(actor, changed, _PARTITION, subject=row.account_id)
        return self._now(row.account_id)

    async def link(self, actor: Actor, row: AccountRow, identity_hash: str) -> Account:
        """Let somebody of the identity provider log in as an account, instead of whoever did; empty: nobody.

        Every session of the account ends where somebody else could log in before.

        Raises:
            Conflict: He has another account.
            AccessDenied: The actor is no administrator.
        """
        changed = AccountChanged(account_id=row.account_id, identity_hash=identity_hash)
        await self.submitter.submit(actor, changed, _PARTITION, subject=row.account_id)
        return self._now(row.account_id)

    async def change_own_password(self, actor: Actor, current: str, new: str) -> None:
        """Set another password, and end every session.

        Raises:
            Authentication: ``current`` is not the password.
            InvalidRequest: The new one breaks a rule.
        """
        row = self.people.views.accounts().account(actor.name)
        if row is None:
            raise AccessDenied(
                "the operator's token has no password: log in as an account", code="access-denied.operator"
            )
        verdict = await self.passwords.verify(current, self.verifier(row))
        if not verdict.ok:
            raise Authentication("the current password is another one", code="authentication.wrong-password")
        if new == current:
            raise InvalidRequest("the new password is the current one; choose another", rule="accounts.password-same")
        verifier = await self.passwords.hash(new, _about(self.people.opened(row).personal))
        await self._set_verifier(actor, row, verifier, must_change=False)

    async def reset_password(self, actor: Actor, row: AccountRow) -> str:
        """Give an account a fresh password that must be changed at its first login; every session ends.

        Raises:
            AccessDenied: The actor is no administrator.
        """
        password = new_secret(self.randomness)[:24]
        await self._set_verifier(actor, row, await self.passwords.hash(password), must_change=True)
        return password

    async def rehash(self, row: AccountRow, password: str) -> None:
        """Keep the same password in the configured way; as it is kept now where that cannot be.

        It was right, and so lets its account in, also where it could not be chosen any more or another login hashes
        it at the same moment.
        """
        actor = Actor(name="system:rehash")
        with suppress(InvalidRequest, Conflict):
            verifier = await self.passwords.hash(password)
            await self._set_verifier(actor, row, verifier, must_change=row.must_change, ends_sessions=False)

    async def end_sessions(self, actor: Actor, row: AccountRow) -> None:
        """Log an account out everywhere."""
        ended = SessionsEnded(account_id=row.account_id)
        await self.submitter.submit(actor, ended, _PARTITION, subject=row.account_id)

    async def erase(self, actor: Actor, row: AccountRow) -> None:
        """Destroy the account's key, and let nobody in by it any more.

        The word that it is erased comes first: should this end between the two, the worker ``Erasures`` does the rest.

        Raises:
            AccessDenied: The actor may not.
        """
        erased = AccountErased(account_id=row.account_id)
        await self.submitter.submit(actor, erased, _PARTITION, subject=row.account_id)
        await self.people.keys.destroy(row.account_id)

    def verifier(self, row: AccountRow) -> str:
        """The verifier of an account's password; empty where it has none."""
        key = self.people.keys.get(row.account_id)
        if key is None or not row.verifier:
            return ""
        return self.people.sealing.open_verifier(key, row.account_id, row.verifier)

    async def _set_verifier(
        self, actor: Actor, row: AccountRow, verifier: str, *, must_change: bool, ends_sessions: bool = True
    ) -> None:
        key = self.people.keys.get(row.account_id)
        if key is None:
            raise _erased("it can have no password")
        changed = PasswordChanged(
            account_id=row.account_id,
            base_revision=row.revision,
            verifier=self.people.sealing.seal_verifier(key, row.account_id, verifier),
            must_change=must_change,
            ends_sessions=ends_sessions,
        )
        await self.submitter.submit(actor, changed, _PARTITION, subject=row.account_id)

    def _repeated(self, account_id: str, wish: NewAccount) -> Account:
        if wish.must_change:
            raise told_once(f"the account {account_id}", "reset its password")
        return self._now(account_id)

    def _quota(self, wish: NewAccount) -> AccountQuota:
        if wish.quota is not None:
            return wish.quota
        return AccountQuota() if "admin" in wish.roles else self.quota_default

    def _now(self, account_id: str) -> Account:
        row = self.people.views.accounts().account(account_id)
        assert row is not None, "the outcome was waited for"
        return self.people.opened(row)


def _erased(so: str) -> Conflict:
    return Conflict(f"the account was erased: {so}", code="conflict.account-erased")


def _check_roles(roles: tuple[str, ...]) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        raise InvalidRequest(f"there is no role {unknown[0]!r}; there is: {', '.join(ROLES)}", rule="accounts.roles")


def _about(personal: Personal) -> tuple[str, ...]:
    return (personal.login, personal.display_name, personal.email)
