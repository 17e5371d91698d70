"""Requests without a credential: what was granted to ``public`` answers them, everything else asks for one."""

import httpx

from tests.fakes.vault import Vault
from tests.integration.namespace.people import people_at


async def test_what_is_granted_to_the_public_is_read_without_a_credential_and_nothing_else(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("open/page", b"hello")
        await vault.put("closed/page", b"hidden")
        await people.grant("open", "public", "read")
        page = await people.ask("anonymous", "GET", "/spaces/main/files/open/page")
        assert (page.status_code, page.content) == (200, b"hello")
        file_id = page.headers["govault-file-id"]
        for path in (f"/files/{file_id}", f"/files/{file_id}/metadata", "/spaces/main/folders/open"):
            assert (await people.ask("anonymous", "GET", path)).status_code == 200, path
        refused = [
            await people.ask("anonymous", method, path)
            for method, path in (
                ("GET", "/spaces/main/files/closed/page"),
                ("GET", "/spaces/main/files/closed/missing"),
                ("GET", "/spaces/nowhere/files/page"),
                ("GET", "/files"),
                ("GET", "/spaces"),
                ("GET", "/me"),
                ("PUT", "/spaces/main/files/open/page"),
                ("DELETE", "/spaces/main/files/open/page"),
                ("GET", f"/files/{file_id}/access"),
            )
        ]
        assert {answer.status_code for answer in refused} == {401}
        assert {answer.json()["code"] for answer in refused} == {"authentication"}


async def test_a_wrong_credential_is_refused_where_none_would_do(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("open", b"hello")
        await people.grant("open", "public", "read")
        assert (await people.ask("nobody we know", "GET", "/spaces/main/files/open")).status_code == 401


async def test_what_the_public_may_write_is_written_as_anybody_and_belongs_to_nobody(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("box/first", b"1")
        await people.grant("box", "public", "write")
        transport = httpx.ASGITransport(app=people.client._transport.app)  # type: ignore[attr-defined]
        async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
            put = await client.put("/spaces/main/files/box/new", content=b"dropped")
            assert put.status_code == 201, put.text
            assert (await client.put("/spaces/main/files/elsewhere", content=b"x")).status_code == 401
        entity = vault.views.entity(put.json()["id"])
        assert entity is not None
        assert entity.owner == ""
        assert (await vault.get("elsewhere")).status_code == 404
