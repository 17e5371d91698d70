"""All that has to do with accounts in one value, and how it is put together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from govault.auth.access_tokens import AccessTokens
from govault.auth.account_sealing import AccountSealing, Personal
from govault.auth.file_tokens import FileTokens
from govault.auth.secrets import new_secret
from govault.auth.token import Authenticator
from govault.auth.token_signing import TokenSigner
from govault.domain.actor import Actor, system
from govault.errors import AccessDenied, Conflict
from govault.ports import AccountKeys, Clock, EventLog, LogReader, Passwords, ProviderHttp, Randomness, Views
from govault.services.accounts.authenticator import AccountsAuthenticator
from govault.services.accounts.credentials import Credentials
from govault.services.accounts.freshness import AccessFreshness
from govault.services.accounts.groups import Groups
from govault.services.accounts.identity_provider import OidcSettings, Provider
from govault.services.accounts.oidc import OidcLogins
from govault.services.accounts.personal import Account, People
from govault.services.accounts.registry import AccountRegistry, NewAccount
from govault.services.accounts.session_table import SessionTable
from govault.services.accounts.sessions import SessionActs
from govault.services.accounts.signing_keys import SigningKeys
from govault.services.accounts.throttle import LoginThrottle
from govault.services.log.submit import Submitter
from schemas.events.accounts import AccountQuota

FIRST_LOGIN = "admin"
Registration = Literal["admin", "invite", "open"]


@dataclass(frozen=True, slots=True)
class AccountsPorts:
    """What accounts are built on.

    Attributes:
        mac_key: The vault's event key.
        derive: A 32-byte key for a purpose, from the root secret.
    """

    log: EventLog
    reader: LogReader
    views: Views
    clock: Clock
    randomness: Randomness
    keys: AccountKeys
    passwords: Passwords
    mac_key: bytes
    derive: Callable[[str], bytes]
    vault_id: str


@dataclass(frozen=True, slots=True)
class AccountServices:
    """What the doors call.

    Attributes:
        registration: Who may make an account for himself: nobody, whoever has an invite, or anybody.
        oidc: Logins at an identity provider; None where none is configured.
    """

    people: People
    registry: AccountRegistry
    groups: Groups
    credentials: Credentials
    sessions: SessionActs
    table: SessionTable
    tokens: AccessTokens
    file_tokens: FileTokens
    signing_keys: SigningKeys
    freshness: AccessFreshness
    authenticator: AccountsAuthenticator
    registration: Registration = "admin"
    oidc: OidcLogins | None = None

    async def register(self, wish: NewAccount) -> Account:
        """Make an account for whoever asks, where the vault allows it.

        Raises:
            AccessDenied: It does not, or not without an invite.
        """
        if self.registration == "admin":
            raise AccessDenied(
                "accounts of this vault are made by its administrators; ask one", code="access-denied.registration"
            )
        if self.registration == "invite" and not wish.invite_hash:
            raise AccessDenied(
                "an account of this vault is made with an invite; ask an administrator for one",
                code="access-denied.registration",
            )
        return await self.registry.create(system("registration"), wish)

    async def ensure_first(self, keep: Callable[[str], None], forget: Callable[[], None]) -> str | None:
        """Make the account ``admin`` where the vault has no account; its password, to be changed at first login.

        None where there are accounts.

        Args:
            keep: Keeps the password where its people find it, before there is an account: whatever ends this in the
                middle leaves no account whose password nobody knows.
            forget: Another node of the vault was first, with a password of its own.
        """
        if self.people.views.accounts().accounts("", 1):
            return None
        password = new_secret(self.registry.randomness)[:24]
        personal = Personal(login=FIRST_LOGIN, display_name="Administrator")
        wish = NewAccount(personal, password, roles=("admin",), must_change=True)
        keep(password)
        try:
            await self.registry.create(Actor(name="system:first-account"), wish)
        except Conflict:
            forget()
            return None
        return password


def assemble_accounts(
    ports: AccountsPorts,
    submitter: Submitter,
    operator: Authenticator,
    registration: Registration,
    quota_default: AccountQuota | None = None,
) -> AccountServices:
    """Build everything. ``table.run`` and the workers are the node's to run.

    Args:
        quota_default: How much new accounts may own; None: anything.
    """
    sealing = AccountSealing(ports.derive("account logins"))
    people = People(ports.views, ports.keys, sealing)
    registry = AccountRegistry(
        people, submitter, ports.passwords, ports.clock, ports.randomness, quota_default or AccountQuota()
    )
    table = SessionTable(ports.reader, ports.views, ports.clock, ports.mac_key)
    signing_keys = SigningKeys(ports.views, submitter, ports.clock)
    signer = TokenSigner(ports.vault_id, ports.derive, signing_keys.numbers)
    tokens = AccessTokens(signer)
    freshness = AccessFreshness(ports.log, ports.views, table, ports.clock, submitter.is_stopped)
    sessions = SessionActs(
        people=people,
        registry=registry,
        table=table,
        tokens=tokens,
        passwords=ports.passwords,
        throttle=LoginThrottle(ports.clock),
        log=ports.log,
        clock=ports.clock,
        randomness=ports.randomness,
        source=submitter.source,
    )
    return AccountServices(
        people=people,
        registry=registry,
        groups=Groups(ports.views, submitter, ports.clock, ports.randomness),
        credentials=Credentials(ports.views, submitter, ports.clock, ports.randomness),
        sessions=sessions,
        table=table,
        tokens=tokens,
        file_tokens=FileTokens(signer),
        signing_keys=signing_keys,
        freshness=freshness,
        authenticator=AccountsAuthenticator(operator, ports.views, table, tokens, freshness, ports.clock),
        registration=registration,
    )


def with_oidc(
    services: AccountServices, settings: OidcSettings, http: ProviderHttp, derive: Callable[[str], bytes]
) -> AccountServices:
    """The same with logins at an identity provider. Nothing is asked of it yet."""
    provider = Provider(settings, http, services.sessions.clock)
    logins = OidcLogins(provider, services.sessions, derive("oidc logins"), derive("oidc codes"))
    return replace(services, oidc=logins)
