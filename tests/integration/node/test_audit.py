"""The audit trail of a whole node: what is kept of requests, and who finds what in it."""

import asyncio
from datetime import datetime
from typing import Any

import httpx

from tests.integration.conftest import RealVault

PASSWORD = "correct horse battery"


async def entries(vault: RealVault, wanted: int, headers: dict[str, str] | None = None, **query: str) -> list[Any]:
    """So many entries that match, the newest first; the trail is written behind the requests' back."""
    async with asyncio.timeout(20):
        while True:
            answer = await vault.client.get("/audit", params=query, headers=headers)
            assert answer.status_code == 200, answer.text
            items: list[Any] = answer.json()["items"]
            if len(items) >= wanted:
                return items
            await asyncio.sleep(0.05)


async def log_in(vault: RealVault, login: str, password: str = PASSWORD) -> httpx.Response:
    return await vault.client.post("/auth/login", json={"login": login, "password": password})


async def test_logins_refusals_grants_and_acts_are_kept_and_each_finds_his_own(vault: RealVault) -> None:
    made = (await vault.client.post("/accounts", json={"login": "ada", "password": PASSWORD})).json()
    await log_in(vault, "ada", "wrong password")
    token = (await log_in(vault, "ada")).json()["access_token"]
    ada = {"authorization": f"Bearer {token}"}
    assert (await vault.client.get("/accounts", headers=ada)).status_code == 403
    file = (await vault.client.put("/spaces/main/files/plan", content=b"x")).json()
    granted = await vault.client.put(f"/files/{file['id']}/access/{made['id']}", json={"level": "read"})
    assert granted.status_code == 200, granted.text
    told = await entries(vault, 5)
    seen = {(one["actor"], one["action"], one["outcome"], one["code"], one["subject"]) for one in told}
    assert seen == {
        ("admin", "POST /accounts", "allowed", "", ""),
        ("anonymous", "POST /auth/login", "refused", "authentication.login", ""),
        (made["id"], "POST /auth/login", "allowed", "", ""),
        (made["id"], "GET unrouted", "refused", "access-denied.administrators", ""),
        ("admin", "PUT /files/{ref}/access/{principal}", "allowed", "", file["id"]),
    }
    times = [datetime.fromisoformat(one["time"]) for one in told]
    assert times == sorted(times, reverse=True)
    assert all(one["request_id"] for one in told)
    # Her own, whatever she asks for.
    own = await entries(vault, 2, ada, actor="admin")
    assert {one["actor"] for one in own} == {made["id"]}
    refused = await entries(vault, 2, outcome="refused")
    assert {one["outcome"] for one in refused} == {"refused"}
    (grant,) = await entries(vault, 1, action="/access", subject=file["id"])
    assert grant["actor"] == "admin"
    assert await entries(vault, 0, since="2100-01-01T00:00:00Z") == []
    assert (await vault.client.get("/audit?since=yesterday")).status_code == 422


async def test_pages_lead_to_every_entry_once(vault: RealVault) -> None:
    for number in range(7):
        assert (await vault.client.post("/spaces", json={"name": f"space-{number}"})).status_code == 201
    await entries(vault, 7, action="POST /spaces")
    ids: list[str] = []
    query: dict[str, str] = {"action": "POST /spaces", "limit": "3"}
    while True:
        page = (await vault.client.get("/audit", params=query)).json()
        ids += [one["request_id"] for one in page["items"]]
        if not page["more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert len(ids) == len(set(ids)) == 7


async def test_a_file_token_is_found_by_its_id_from_its_making_to_its_uses(vault: RealVault) -> None:
    file = (await vault.client.put("/spaces/main/files/film", content=b"0123456789")).json()
    ask = {"methods": ["GET", "PUT"]}
    made = (await vault.client.post(f"/files/{file['id']}/tokens", json=ask)).json()
    for ranges in ("bytes=1-", "bytes=3-", "bytes=7-"):
        assert (await vault.client.get(made["url"], headers={"range": ranges})).status_code == 206
    assert (await vault.client.head(made["url"])).status_code == 403
    assert (await vault.client.put(made["url"], content=b"next")).status_code == 200
    told = await entries(vault, 4, token_id=made["id"])
    assert [(one["action"], one["outcome"]) for one in reversed(told)] == [
        ("POST /files/{ref}/tokens", "allowed"),
        ("GET /content/{token}", "allowed"),
        ("HEAD /content/{token}", "refused"),
        ("PUT /content/{token}", "allowed"),
    ]
    assert {(one["actor"], one["subject"]) for one in told} == {("admin", file["id"])}
