"""A whole vault in one process without sockets: real views and chunk store in a folder, the log in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from api.app import create_app
from api.settings import ApiSettings
from api.types import App
from govault.domain.actor import Actor
from govault.ports import ChunkStore, ProviderHttp
from govault.services.accounts.assembly import Registration, with_oidc
from govault.services.accounts.identity_provider import OidcSettings
from govault.services.catalog import Services, assemble, with_accounts
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews
from tests.fakes.accounts import accounts_of
from tests.fakes.log import MemoryLog
from tests.fakes.world import FakeClock, SeededRandomness

TOKEN = "the-token-of-the-tests"
ADMIN = Actor("admin", ("admin",), request_id="r-test")
FILES_PARTITIONS = 4


@dataclass
class Vault:
    """A vault and the ways into it.

    Attributes:
        client: An HTTP client that carries the token; ``app`` is what it talks to.
    """

    services: Services
    views: RocksViews
    store: ChunkStore
    log: MemoryLog
    clock: FakeClock
    randomness: SeededRandomness
    settings: ApiSettings
    app: App
    client: httpx.AsyncClient
    root: Path

    async def put(
        self, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None, space: str = "main"
    ) -> httpx.Response:
        """PUT a file; the path must be URL-safe already."""
        return await self.client.put(f"/spaces/{space}/files/{path}", content=content, headers=dict(headers or {}))

    async def get(self, path: str, headers: Mapping[str, str] | None = None, space: str = "main") -> httpx.Response:
        """GET a file."""
        return await self.client.get(f"/spaces/{space}/files/{path}", headers=dict(headers or {}))

    def client_for(self, app: App) -> httpx.AsyncClient:
        """Another client, e.g. for an app with other settings."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://vault.test",
            headers={"authorization": f"Bearer {TOKEN}"},
        )


@asynccontextmanager
async def open_vault(
    root: Path,
    settings: ApiSettings | None = None,
    store_options: StoreOptions | None = None,
    registration: Registration = "admin",
    oidc: tuple[OidcSettings, ProviderHttp] | None = None,
) -> AsyncIterator[Vault]:
    """A fresh vault with the space ``main`` in a folder; closed at the end."""
    settings = settings or ApiSettings()
    clock, randomness = FakeClock(), SeededRandomness()
    mac_key, digest_key = b"m" * 32, b"d" * 32
    identity = VaultIdentity("test-vault", FILES_PARTITIONS, FoldKeys(mac_key, digest_key))
    generation = Generation(root / "views", identity)
    views = RocksViews(generation, identity)
    store = await PackChunkStore.open(
        root / "store", Keyring(b"r" * 32), store_options or StoreOptions(workers=1, readers=1)
    )
    log = MemoryLog(views, clock, mac_key)
    services = assemble(
        log=log,
        views=views,
        store=store,
        clock=clock,
        randomness=randomness,
        source="/vaults/test/nodes/test",
        straight=store,
    )
    await services.namespace.spaces.ensure_default_space()
    accounts = accounts_of(services, log, clock, randomness, mac_key, TOKEN, registration)
    if oidc is not None:
        accounts = with_oidc(accounts, *oidc, derive=lambda purpose: hashlib.sha256(purpose.encode()).digest())
    services = with_accounts(services, accounts, clock, randomness)
    following = asyncio.create_task(accounts.table.run())
    await accounts.signing_keys.work()
    await accounts.table.wait_read(-1, 5)
    await accounts.freshness.work()
    app = create_app(services, settings, accounts.authenticator, clock.monotonic_s)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://vault.test",
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    vault = Vault(services, views, store, log, clock, randomness, settings, app, client, root)
    try:
        async with client:
            yield vault
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await store.close()
        generation.close()


def impatient(services: Services, outcome_wait_s: float) -> Services:
    """The same services, whose uploads wait less for an outcome."""
    submitter = replace(services.submitter, outcome_wait_s=outcome_wait_s)
    commits = replace(services.uploads.commits, submitter=submitter)
    uploads = replace(services.uploads, submitter=submitter, commits=commits)
    return replace(services, submitter=submitter, uploads=uploads)
