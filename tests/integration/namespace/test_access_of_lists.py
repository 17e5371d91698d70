"""What lists and searches show to somebody who may not read everything: his part, and nothing of the rest."""

import base64
from typing import Any

import pytest

from tests.fakes.vault import Vault
from tests.integration.namespace.people import MANAGER, READER, WRITER, People, people_at


async def listed(people: People, who: str, path: str, **query: Any) -> list[str]:
    """The paths (or names) on all pages."""
    found: list[str] = []
    while True:
        answer = await people.ask(who, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item.get("path", item["name"]) for item in page["items"]]
        if not page["next_cursor"]:
            return found
        query["cursor"] = page["next_cursor"]


async def test_a_folder_shows_what_one_may_read_in_it_and_what_leads_there(vault: Vault) -> None:
    async with people_at(vault) as people:
        for path in ("docs/other", "hidden/x", "docs/a/b/deep", "docs/a/c", "top"):
            await vault.put(path, b"x")
        await people.grant("docs/a/b/deep", WRITER, "read")
        assert await listed(people, "reader", "/spaces/main/folders/") == ["docs"]
        assert await listed(people, "reader", "/spaces/main/folders/docs") == ["docs/a", "docs/other", "docs/plan"]
        assert await listed(people, "writer", "/spaces/main/folders/docs") == ["docs/a", "docs/plan"]
        assert await listed(people, "writer", "/spaces/main/folders/docs/a") == ["docs/a/b"]
        whole = ["docs", "docs/a", "docs/a/b", "docs/a/b/deep", "docs/plan"]
        assert await listed(people, "writer", "/spaces/main/folders/", recursive="true") == whole
        assert await listed(people, "writer", "/spaces/main/folders/", recursive="true", limit="1") == whole
        assert await listed(people, "owner", "/spaces/main/folders/docs") == ["docs/plan"]
        everything = await listed(people, "admin", "/spaces/main/folders/", recursive="true")
        assert await listed(people, "manager", "/spaces/main/folders/", recursive="true") == everything


async def test_a_hidden_folder_and_one_that_is_not_there_look_alike(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("hidden/x", b"x")
        for who in ("reader", "writer"):
            hidden = await people.ask(who, "GET", "/spaces/main/folders/hidden")
            missing = await people.ask(who, "GET", "/spaces/main/folders/missing")
            assert (hidden.status_code, hidden.json()["code"]) == (missing.status_code, missing.json()["code"])
            assert hidden.status_code == 404
        hidden = await people.ask("stranger", "GET", "/spaces/main/folders/")
        missing = await people.ask("stranger", "GET", "/spaces/nowhere/folders/")
        assert (hidden.status_code, hidden.json()["code"]) == (missing.status_code, missing.json()["code"])


@pytest.mark.parametrize("query", [{}, {"prefix": "docs/"}, {"name": "p*"}, {"sort": "name"}, {"sort": "-size"}])
async def test_files_are_found_by_who_may_read_them(vault: Vault, query: dict[str, str]) -> None:
    async with people_at(vault) as people:
        await vault.put("docs/private/plot", b"x")
        await vault.put("pamphlet", b"x")
        for space in ({"space": "main"}, {}):
            for who, expected in (
                ("reader", {"docs/plan", "docs/private/plot"}), ("writer", {"docs/plan"}), ("owner", {"docs/plan"})
            ):  # fmt: skip
                assert set(await listed(people, who, "/files", **query, **space)) == expected, (who, space)
        assert await listed(people, "stranger", "/files", **query) == []
        assert (await people.ask("stranger", "GET", "/files", params={**query, "space": "main"})).status_code == 404


async def test_with_a_delimiter_only_folders_that_lead_somewhere_are_rolled_up(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("hidden/x", b"x")
        for query in ({"space": "main"}, {"space": "main", "sort": "name"}):
            asked = {**query, "delimiter": "/"}
            assert (await people.ask("writer", "GET", "/files", params=asked)).json()["prefixes"] == ["docs/"]


async def test_no_cursor_names_what_is_hidden(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.views.search.query.JUDGED_PER_PAGE_MAX", 3)
    monkeypatch.setattr("streams.views.search.query.FEW", 1)
    async with people_at(vault) as people:
        for number in range(20):
            await vault.put(f"a-secret-{number}", b"x")
        for sort in ("name", "path", "size"):
            query: dict[str, Any] = {"sort": sort, "limit": "1"}
            pages, found = 0, []
            while True:
                page = (await people.ask("writer", "GET", "/files", params=query)).json()
                found += [item["path"] for item in page["items"]]
                pages += 1
                if not page["next_cursor"]:
                    break
                query["cursor"] = page["next_cursor"]
                raw = base64.urlsafe_b64decode(query["cursor"] + "=" * (-len(query["cursor"]) % 4))
                assert b"secret" not in raw
            assert (found, pages > 3) == (["docs/plan"], True), sort
        other = await people.ask("reader", "GET", "/files", params={**query, "cursor": query["cursor"]})
        assert other.status_code == 422


async def test_spaces_are_listed_for_who_has_something_there_and_counted_for_who_reads_them(vault: Vault) -> None:
    async with people_at(vault) as people:
        for name in ("apart", "other"):
            await vault.client.post("/spaces", json={"name": name})
            await people.raise_rules(name)
        await people.grant("", READER, "viewer", space="other")
        assert await listed(people, "reader", "/spaces") == ["main", "other"]
        assert await listed(people, "reader", "/spaces", limit="1") == ["main", "other"]
        assert await listed(people, "writer", "/spaces") == ["main"]
        assert await listed(people, "stranger", "/spaces") == []
        assert await listed(people, "admin", "/spaces") == ["apart", "main", "other"]
        figures = {who: (await people.ask(who, "GET", "/spaces/main")).json() for who in ("writer", "manager")}
        assert [figures["writer"][name] for name in ("files", "folders", "versions", "logical_bytes")] == [None] * 4
        assert (figures["manager"]["files"], figures["manager"]["folders"]) == (1, 1)
        assert (await people.ask("writer", "GET", "/spaces/other")).status_code == 404


async def test_trash_is_listed_for_who_may_read_it(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("hidden/x", b"x")
        await vault.client.delete("/spaces/main/files/hidden/x")
        await vault.client.delete("/spaces/main/files/docs/plan")
        for who, count in (("reader", 1), ("writer", 1), ("owner", 1), ("manager", 2), ("admin", 2)):
            for query in ({}, {"space": "main"}, {"limit": "1"}):
                found = await trashed(people, who, query)
                assert len(found) == count, (who, query)
        assert await trashed(people, "stranger", {}) == []
        assert (await people.ask("stranger", "GET", "/trash", params={"space": "main"})).status_code == 404


async def test_no_cursor_of_the_trash_names_what_is_hidden(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govault.services.namespace.trash.TRASH_JUDGED_PER_PAGE_MAX", 2)
    async with people_at(vault) as people:
        hidden = []
        for number in range(6):
            hidden.append((await vault.put(f"hidden-{number}", b"x")).json()["id"])
            await vault.client.delete(f"/spaces/main/files/hidden-{number}")
        page = (await people.ask("writer", "GET", "/trash")).json()
        assert page["items"] == []
        cursor = page["next_cursor"]
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        assert not any(entity_id.encode() in raw for entity_id in hidden)
        assert (await people.ask("writer", "GET", "/trash", params={"cursor": cursor})).status_code == 200
        assert (await people.ask("reader", "GET", "/trash", params={"cursor": cursor})).status_code == 422


async def trashed(people: People, who: str, query: dict[str, str]) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = (await people.ask(who, "GET", "/trash", params={**query, "cursor": cursor})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return found


async def test_an_archive_is_packed_of_a_folder_that_one_may_read(vault: Vault) -> None:
    async with people_at(vault) as people:
        for who, docs, top in (
            ("stranger", 404, 404),
            ("writer", 404, 404),
            ("reader", 200, 404),
            ("manager", 200, 200),
        ):
            zipped = {"archive": "zip"}
            assert (await people.ask(who, "GET", "/spaces/main/folders/docs", params=zipped)).status_code == docs, who
            assert (await people.ask(who, "GET", "/spaces/main/folders/", params=zipped)).status_code == top, who


async def test_a_grant_taken_back_empties_the_lists(vault: Vault) -> None:
    async with people_at(vault) as people:
        assert await listed(people, "manager", "/spaces") == ["main"]
        answer = await people.ask("admin", "DELETE", f"/spaces/main/access/{MANAGER}")
        assert answer.status_code == 200
        assert await listed(people, "manager", "/spaces") == await listed(people, "manager", "/files") == []
