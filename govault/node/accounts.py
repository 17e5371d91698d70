"""Accounts on this node: their keys and sessions followed from the log, the first one made, its password kept."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from govault.auth.passwords import PasswordHashing
from govault.auth.provider_http import AiohttpProvider
from govault.auth.token import Authenticator
from govault.config import Configuration
from govault.config.oidc import Oidc
from govault.errors import Config, ViewsLagging
from govault.limits import LOG_REACH_S
from govault.node.folder import DataFolder, write_durably
from govault.ports import KeyedLog
from govault.services.accounts.assembly import FIRST_LOGIN, AccountServices, AccountsPorts, assemble_accounts, with_oidc
from govault.services.accounts.erasures import Erasures
from govault.services.accounts.identity_provider import OidcSettings
from govault.services.accounts.keys import FollowedAccountKeys
from govault.services.log.following import Follower
from govault.services.log.submit import Submitter
from govault.services.maintenance.assembly import UpkeepPorts
from govault.services.maintenance.workers import Worker
from govault.storage.keyring import Keyring
from schemas.events.accounts import AccountQuota
from schemas.topics import Topic

_PARTITION = 0
_LOOK_S = 10.0
_GONE_LOOK_S = 3600.0
_log = logging.getLogger(__name__)


class FirstPassword:
    """The file with the first account's password; a worker that removes it once the password was changed."""

    name = "first-password"

    def __init__(self, path: Path, accounts: AccountServices) -> None:
        self._path = path
        self._accounts = accounts

    async def work(self) -> bool:
        """See ``Worker``."""
        if self._path.exists():
            row = self._accounts.people.of_login(FIRST_LOGIN)
            if row is None or not row.must_change:
                self._path.unlink(missing_ok=True)
        return False

    async def wait_for_work(self) -> None:
        """See ``Worker``."""
        await asyncio.sleep(_LOOK_S if self._path.exists() else _GONE_LOOK_S)


@dataclass(frozen=True, slots=True)
class NodeAccounts:
    """The accounts of a node that is being composed.

    Attributes:
        workers: For the node to run.
    """

    services: AccountServices
    workers: tuple[Worker, ...]
    _log: KeyedLog
    _followers: tuple[Follower, ...]
    _running: "asyncio.Future[tuple[None, None]]"
    _password_file: Path

    async def begin(self) -> str | None:
        """Know what the log says of sessions and keys, open a signing key and the first account.

        Returns:
            The first account's password, where this start made it. It lies in the data folder too.
        """
        for follower, topic in zip(self._followers, (Topic.KEYS, Topic.SESSIONS), strict=True):
            end = (await self._log.end_offsets(topic)).get(_PARTITION, 0)
            try:
                await follower.wait_read(end - 1, LOG_REACH_S)
            except ViewsLagging as error:
                _log.warning("%s; until then only the operator comes in here", error)
        await self.services.signing_keys.work()
        password = await self.services.ensure_first(self._keep, self._forget)
        await self.services.freshness.work()
        return password

    def _keep(self, password: str) -> None:
        write_durably(self._password_file, password + "\n", mode=0o600)

    def _forget(self) -> None:
        self._password_file.unlink(missing_ok=True)

    async def run(self) -> None:
        """Return only by cancellation, or where following broke."""
        await asyncio.shield(self._running)


@asynccontextmanager
async def open_accounts(
    folder: DataFolder,
    configuration: Configuration,
    ports: UpkeepPorts,
    log: KeyedLog,
    keyring: Keyring,
    submitter: Submitter,
    operator: Authenticator,
    vault_id: str,
) -> AsyncIterator[NodeAccounts]:
    """Build the accounts and begin to follow their topics."""
    passwords = PasswordHashing(configuration.accounts.password_hash)
    keys = FollowedAccountKeys(log, ports.reader, ports.randomness, ports.mac_key, keyring.derive("account keys"))
    services = assemble_accounts(
        AccountsPorts(
            log=ports.log,
            reader=ports.reader,
            views=ports.views,
            clock=ports.clock,
            randomness=ports.randomness,
            keys=keys,
            passwords=passwords,
            mac_key=ports.mac_key,
            derive=keyring.derive,
            vault_id=vault_id,
        ),
        submitter,
        operator,
        configuration.accounts.registration,
        AccountQuota(
            bytes_max=configuration.accounts.quota_bytes_default or None,
            files_max=configuration.accounts.quota_files_default or None,
        ),
    )
    oidc = oidc_settings(configuration.accounts.oidc)
    if oidc is not None:
        services = with_oidc(services, oidc, AiohttpProvider(), keyring.derive)
    running = asyncio.gather(keys.run(), services.table.run())
    file = folder.password_file
    try:
        yield NodeAccounts(
            services,
            (services.freshness, services.signing_keys, Erasures(services.people), FirstPassword(file, services)),
            log,
            (keys.follower, services.table.follower),
            running,
            file,
        )
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        passwords.close()


def oidc_settings(oidc: Oidc) -> OidcSettings | None:
    """What is configured of an identity provider; None where none is.

    Raises:
        Config: The secret's file cannot be read.
    """
    if oidc.issuer is None:
        return None
    assert oidc.public_url is not None
    secret = ""
    if oidc.client_secret_file is not None:
        try:
            secret = oidc.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Config(f"accounts.oidc.client_secret_file {oidc.client_secret_file}: {error}") from error
        if not secret:
            raise Config(f"accounts.oidc.client_secret_file {oidc.client_secret_file} is empty")
    return OidcSettings(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        client_secret=secret,
        redirect_uri=f"{oidc.public_url.rstrip('/')}/auth/oidc/callback",
        name=oidc.name,
        scopes=oidc.scopes,
        create_accounts=oidc.create_accounts,
        login_claim=oidc.login_claim,
        name_claim=oidc.name_claim,
        email_claim=oidc.email_claim,
        email_domains=tuple(domain.casefold() for domain in oidc.email_domains),
    )
