"""A vault whose people log in over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.middleware.rates import RequestsPerMinute
from api.settings import ApiSettings
from govault.services.accounts.assembly import AccountServices
from tests.fakes.accounts import MemoryAccountKeys
from tests.fakes.vault import Vault, open_vault

PASSWORD = "correct horse battery"


@dataclass
class Doors:
    """Requests as somebody."""

    vault: Vault

    @property
    def accounts(self) -> AccountServices:
        """What the doors call."""
        accounts = self.vault.services.accounts
        assert accounts is not None
        return accounts

    @property
    def account_keys(self) -> MemoryAccountKeys:
        """The keys that open what accounts' people are called."""
        keys = self.accounts.people.keys
        assert isinstance(keys, MemoryAccountKeys)
        return keys

    async def ask(
        self, token: str | None, method: str, path: str, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A request with a bearer token, or without any."""
        given = dict(headers or {})
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(app=self.vault.app, raise_app_exceptions=False, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
            return await client.request(method, path, json=json, headers=given)

    async def operator(self, method: str, path: str, json: object = None) -> httpx.Response:
        """A request with the operator's token."""
        return await self.vault.client.request(method, path, json=json)

    async def make(self, login: str, **more: object) -> dict[str, Any]:
        """An account with ``PASSWORD``."""
        made = await self.operator("POST", "/accounts", {"login": login, "password": PASSWORD, **more})
        assert made.status_code == 201, made.text
        return dict(made.json())

    async def log_in(self, login: str, password: str = PASSWORD) -> dict[str, Any]:
        """A session's tokens."""
        self.vault.clock.advance(0.01)
        answer = await self.ask(None, "POST", "/auth/login", {"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def token(self, login: str) -> str:
        """An access token of a fresh session."""
        return str((await self.log_in(login))["access_token"])

    async def status(self, token: str | None, method: str = "GET", path: str = "/me") -> int:
        """How a request is answered."""
        return (await self.ask(token, method, path)).status_code


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """A fresh vault, whose doors count nobody's requests: its clock stands."""
    settings = ApiSettings(rates=RequestsPerMinute(0, 0, 0))
    async with open_vault(tmp_path, settings) as vault:
        yield Doors(vault)
