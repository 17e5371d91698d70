"""Share links over HTTP: what they open, how often, for how long, and never more."""

import asyncio
import base64
import io
import zipfile
from typing import Any

import httpx
import pytest

from schemas.events.files import RulesActivated
from tests.fakes.vault import ADMIN, Vault

PASSWORD = "correct horse battery"


async def at_rules_2(vault: Vault) -> None:
    space = vault.views.space_named("main")
    assert space is not None
    if vault.views.partition_row(space.partition).rules < 2:
        await vault.services.submitter.submit(ADMIN, RulesActivated(rules=2), space.partition, subject="rules")


async def share(vault: Vault, path: str, **ask: object) -> dict[str, Any]:
    await at_rules_2(vault)
    target = await vault.client.get(f"/spaces/main/files/{path}?metadata=true")
    if target.status_code != 200:
        folder = (await vault.client.get(f"/spaces/main/folders/{path}")).json()
        target_id = folder["folder"]["id"]
    else:
        target_id = target.json()["id"]
    made = await vault.client.post(f"/files/{target_id}/shares", json=ask)
    assert made.status_code == 201, made.text
    return dict(made.json())


def stranger(vault: Vault) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=vault.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://vault.test")


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


async def test_a_link_to_a_file_reads_it_whole_and_in_ranges_and_nothing_else(vault: Vault) -> None:
    await vault.put("docs/plan", b"0123456789")
    await vault.put("docs/secret", b"hidden")
    made = await share(vault, "docs/plan")
    async with stranger(vault) as client:
        whole = await client.get(made["url"])
        assert (whole.status_code, whole.content) == (200, b"0123456789")
        part = await client.get(made["url"], headers={"range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, b"234")
        assert (await client.head(made["url"])).headers["content-length"] == "10"
        assert (await client.get(made["url"] + "/secret")).status_code == 404
        assert (await client.get("/spaces/main/files/docs/plan")).status_code == 401
        assert (await client.put(made["url"] + "/new", content=b"x")).status_code == 403
    (listed,) = (await vault.client.get(f"/files/{made['target']}/shares")).json()["items"]
    assert (listed["uses"], listed["path"], "token" in listed) == (1, "docs/plan", False)


async def test_a_link_to_a_folder_shows_what_is_below_and_nothing_above(vault: Vault) -> None:
    await vault.put("a/docs/one", b"1")
    await vault.put("a/docs/deep/two", b"22")
    await vault.put("a/other", b"hidden")
    made = await share(vault, "a/docs")
    async with stranger(vault) as client:
        items = (await client.get(made["url"])).json()["items"]
        assert [(one["type"], one["path"]) for one in items] == [("folder", "deep"), ("file", "one")]
        assert all(
            set(one) <= {"type", "path", "name", "size_bytes", "media_type", "modified_at", "etag"} for one in items
        )
        assert (await client.get(made["url"] + "/deep/two")).content == b"22"
        assert (await client.get(made["url"] + "/deep/")).json()["items"][0]["path"] == "deep/two"
        for path in ("/../other", "/%2e%2e/other", "/deep/../../other", "/..%2fother"):
            assert (await client.get(made["url"] + path)).status_code in (404, 422), path
        archive = await client.get(made["url"], params={"archive": "zip"})
        names = zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
        assert {name.rpartition("docs/")[2] for name in names} >= {"one", "deep/two"}


async def test_a_link_tells_neither_where_its_folder_is_nor_in_which_space(vault: Vault) -> None:
    await vault.put("private/docs/one", b"1")
    await vault.put("private/inbox/one", b"1")
    reads, takes = await share(vault, "private/docs"), await share(vault, "private/inbox", mode="upload")
    async with stranger(vault) as client:
        missing = await client.get(reads["url"] + "/nothing")
        assert (missing.status_code, missing.json()["code"]) == (404, "not-found.entity-unknown")
        below_file = await client.get(reads["url"] + "/one/nothing")
        assert below_file.status_code == 404
        fresh = await client.put(takes["url"] + "/sub/fresh", content=b"fresh")
        known = await client.put(takes["url"] + "/sub/known", content=b"1")
        in_the_way = await client.put(takes["url"] + "/one/two", content=b"2")
    assert (fresh.status_code, known.status_code, in_the_way.status_code) == (201, 201, 404)
    assert (await vault.get("private/inbox/sub/fresh")).content == b"fresh"
    for answer in (missing, below_file, fresh, known, in_the_way):
        assert "private" not in answer.text, answer.text
        assert "main" not in answer.text, answer.text
    assert (fresh.json()["path"], known.json()["path"]) == ("sub/fresh", "sub/known")
    assert known.json()["new_bytes"] == 1


async def test_an_upload_link_takes_new_files_and_shows_and_changes_nothing(vault: Vault) -> None:
    await vault.put("inbox/there", b"first")
    made = await share(vault, "inbox", mode="upload")
    async with stranger(vault) as client:
        assert (await client.put(made["url"] + "/sub/new", content=b"dropped")).status_code == 201
        again = await client.put(made["url"] + "/there", content=b"second")
        assert (again.status_code, again.json()["code"]) == (409, "conflict.occupied")
        assert (await client.get(made["url"])).status_code == 403
        assert (await client.get(made["url"] + "/there")).status_code == 403
    assert (await vault.get("inbox/sub/new")).content == b"dropped"
    assert (await vault.get("inbox/there")).content == b"first"


async def test_uses_are_counted_exactly_however_many_come_at_once(vault: Vault) -> None:
    await vault.put("plan", b"0123456789")
    made = await share(vault, "plan", uses=3)
    async with stranger(vault) as client:
        codes = [answer.status_code for answer in await asyncio.gather(*(client.get(made["url"]) for _ in range(8)))]
        assert sorted(codes) == [200] * 3 + [404] * 5
        assert (await client.get(made["url"])).json()["code"] == "not-found.share-closed"


@pytest.mark.parametrize("ranges", ["bytes=1-", "bytes=-9", "bytes=1-1,0-", "bytes=5-5"])
async def test_ranges_are_no_way_around_the_number_of_uses(vault: Vault, ranges: str) -> None:
    await vault.put("plan", b"0123456789")
    made = await share(vault, "plan", uses=2)
    async with stranger(vault) as client:
        codes = [(await client.get(made["url"], headers={"range": ranges})).status_code for _ in range(3)]
        # Ranges that cover all of it are answered with all of it.
        assert codes == [200 if "," in ranges else 206] * 2 + [404]


async def test_a_player_of_a_link_without_a_number_uses_it_once(vault: Vault) -> None:
    await vault.put("film", b"0123456789")
    made = await share(vault, "film")
    async with stranger(vault) as client:
        for ranges in ("bytes=0-", "bytes=3-", "bytes=7-"):
            assert (await client.get(made["url"], headers={"range": ranges})).status_code == 206
    (listed,) = (await vault.client.get(f"/files/{made['target']}/shares")).json()["items"]
    assert listed["uses"] == 1


async def test_a_link_ends_by_time_and_by_being_taken_back(vault: Vault) -> None:
    await vault.put("plan", b"x")
    short = await share(vault, "plan", expires_s=60)
    long = await share(vault, "plan")
    async with stranger(vault) as client:
        vault.clock.advance(61)
        assert (await client.get(short["url"])).status_code == 404
        assert (await client.get(long["url"])).status_code == 200
        assert (await vault.client.delete(f"/files/{long['target']}/shares/{long['id']}")).status_code == 204
        assert (await client.get(long["url"])).status_code == 404
        assert (await vault.client.delete(f"/files/{long['target']}/shares/{long['id']}")).status_code == 404
    assert (await vault.client.get("/shares")).json()["items"][0]["id"] == short["id"]


async def test_a_password_is_asked_for_in_the_way_that_browsers_know(vault: Vault) -> None:
    await vault.put("plan", b"x")
    made = await share(vault, "plan", password=PASSWORD)
    async with stranger(vault) as client:
        asked = await client.get(made["url"])
        assert (asked.status_code, asked.headers["www-authenticate"]) == (401, 'Basic realm="share"')
        assert (await client.get(made["url"], headers=basic("wrong password"))).status_code == 401
        assert (await client.get(made["url"], headers=basic(PASSWORD))).content == b"x"
        assert (await client.get(made["url"], headers={"authorization": "Basic !"})).status_code == 422


@pytest.mark.parametrize("change", ["secret", "share", "target", "short", "long", "empty"])
async def test_what_is_not_the_token_opens_nothing(vault: Vault, change: str) -> None:
    await vault.put("plan", b"x")
    token = (await share(vault, "plan"))["token"]
    bad = {
        "secret": token[:-5] + "AAAAA",
        "share": token[:26] + "0" * 26 + token[52:],
        "target": "0" * 26 + token[26:],
        "short": token[:-1],
        "long": token + "A",
        "empty": "x",
    }[change]
    async with stranger(vault) as client:
        answer = await client.get(f"/s/{bad}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found.share-closed")


async def test_a_link_follows_what_it_leads_to_and_ends_with_it(vault: Vault) -> None:
    await vault.put("a/plan", b"x")
    made = await share(vault, "a/plan")
    moved = await vault.client.patch(f"/files/{made['target']}", json={"path": "b/elsewhere"})
    assert moved.status_code == 200, moved.text
    async with stranger(vault) as client:
        assert (await client.get(made["url"])).status_code == 200
        await vault.client.delete(f"/files/{made['target']}")
        assert (await client.get(made["url"])).status_code == 404
        await vault.client.delete(f"/trash/{made['target']}")
    space = vault.views.space_named("main")
    assert space is not None
    assert vault.views.files(space.partition).shares(made["target"]) is None


async def test_no_record_holds_a_links_secret(vault: Vault) -> None:
    await vault.put("plan", b"x")
    made = await share(vault, "plan", password=PASSWORD)
    async with stranger(vault) as client:
        await client.get(made["url"], headers=basic(PASSWORD))
    kept = b"".join(record.value for record in vault.log.records)
    assert made["token"][52:].encode() not in kept
    assert PASSWORD.encode() not in kept
