"""People of a vault: who they are at its doors, and what they were granted at ``docs/plan`` of the space ``main``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from api.app import create_app
from govault.auth.token import Identity
from govault.errors import Authentication
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import RulesActivated
from schemas.ids import ulid
from tests.access.rows import request_of
from tests.access.table import EXPECTED
from tests.fakes.vault import ADMIN, Vault

STRANGER, READER, WRITER, OWNER, MANAGER, MEMBER = ("a_" + ulid(number, b"account---") for number in range(6))
TEAM = "g_" + ulid(1, b"group-----")
IDENTITIES = {
    "stranger": Identity(STRANGER, (STRANGER, "users"), session_id="of-the-tests"),
    "reader": Identity(READER, (READER, "users"), session_id="of-the-tests"),
    "member": Identity(MEMBER, (MEMBER, TEAM, "users"), session_id="of-the-tests"),
    "writer": Identity(WRITER, (WRITER, "users"), session_id="of-the-tests"),
    "owner": Identity(OWNER, (OWNER, "users"), session_id="of-the-tests"),
    "manager": Identity(MANAGER, (MANAGER, "users"), session_id="of-the-tests"),
    "admin": Identity("a_" + ulid(9, b"account---"), ("users", "role:admin"), session_id="of-the-tests"),
}


class Doorman:
    """Takes the bearer's name for who it is."""

    async def authenticate(self, authorization: str | None) -> Identity:
        identity = IDENTITIES.get((authorization or "").removeprefix("Bearer "))
        if identity is None:
            raise Authentication("a valid bearer token is needed")
        return identity


@dataclass
class People:
    vault: Vault
    client: httpx.AsyncClient
    file_id: str
    sha256: str
    shares: list[str] = field(default_factory=list)
    """Links to the file that nobody revoked yet."""

    async def ask(self, who: str, method: str, path: str, ask: object = None, **more: Any) -> httpx.Response:
        headers = {} if who == "anonymous" else {"authorization": f"Bearer {who}"}
        headers |= more.pop("headers", {})
        return await self.client.request(method, path, headers=headers, json=ask, **more)

    async def told(self, who: str, route: str, *, with_ask: bool = True) -> int:
        """How somebody is answered who asks a route as its row says; without what it asks the body is empty."""
        row = EXPECTED[route]
        asked = request_of(route, row if with_ask else replace(row, ask=None), self.named)
        headers = {} if who == "anonymous" else {"authorization": f"Bearer {who}"}
        return (await self.client.request(**asked, headers=headers)).status_code

    def named(self, name: str) -> str:
        """What names of the table stand for here; of what this vault has none of, none is known."""
        if name == "share":
            return self.shares.pop()
        known = {"space": "main", "path": "docs/plan", "number": "1", "version": "1", "principal": "public"}
        known |= {"ref": self.file_id, "id": self.file_id}
        return known.get(name, "unknown")

    async def share(self, count: int) -> None:
        """Make so many links to the file."""
        for _ in range(count):
            made = await self.ask("admin", "POST", f"/files/{self.file_id}/shares", {})
            assert made.status_code == 201, made.text
            self.shares.append(made.json()["id"])

    async def submit(
        self, data: AccessGranted | AccessRevoked | OwnerChanged | RulesActivated, space: str = "main"
    ) -> None:
        row = self.vault.views.space_named(space)
        assert row is not None
        await self.vault.services.submitter.submit(ADMIN, data, row.partition, subject=row.space_id)

    async def grant(self, path: str, principal: str, level: str, space: str = "main") -> None:
        """Grant something at a path; empty: at the space."""
        row = self.vault.views.space_named(space)
        assert row is not None
        entity = self.vault.views.resolve(row.space_id, path) if path else None
        target_id = row.space_id if entity is None else entity.entity_id
        data = AccessGranted(space_id=row.space_id, target_id=target_id, principal=principal, level=level)
        await self.submit(data, space)

    async def raise_rules(self, space: str = "main") -> None:
        """Have the space's partition decide access, if it does not yet."""
        row = self.vault.views.space_named(space)
        assert row is not None
        if self.vault.views.partition_row(row.partition).rules == 1:
            await self.submit(RulesActivated(rules=2), space)

    async def raise_all_rules(self) -> None:
        """Have every partition decide access, those too that have no space yet."""
        views, submitter = self.vault.views, self.vault.services.submitter
        for partition in views.partitions():
            if views.partition_row(partition).rules == 1:
                await submitter.submit(ADMIN, RulesActivated(rules=2), partition, subject="rules")


@asynccontextmanager
async def people_at(vault: Vault, *, rules: int = 2) -> AsyncIterator[People]:
    """A file ``docs/plan`` of ``main``, and what everybody was granted at it."""
    await vault.put("docs/plan", b"draft")
    stored = (await vault.put("docs/plan", b"secret")).json()
    space = vault.views.space_named("main")
    assert space is not None
    app = create_app(vault.services, replace(vault.settings, registry=CollectorRegistry()), Doorman())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
        people = People(vault, client, stored["id"], stored["etag"])
        if rules > 1:
            await people.raise_rules()
            await people.grant("docs", READER, "read")
            await people.grant("docs", TEAM, "read")
            await people.grant("docs/plan", WRITER, "write")
            await people.submit(OwnerChanged(space_id=space.space_id, entity_id=people.file_id, owner=OWNER))
            await people.grant("", MANAGER, "manager")
        yield people
