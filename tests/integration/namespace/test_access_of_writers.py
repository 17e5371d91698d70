"""What the doors let somebody change who is no administrator, route by route, each in a vault of its own."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from govault.domain.actor import Actor
from govault.errors import AccessDenied
from govault.services.namespace.spaces import SpaceWish
from schemas.events.access import AccessRevoked
from schemas.events.directory import SpaceCreated
from schemas.events.files import SpaceOpened
from tests.access.rows import WHO
from tests.access.table import WRITES
from tests.fakes.vault import ADMIN, Vault
from tests.integration.namespace.people import READER, WRITER, people_at


@pytest.mark.parametrize("route", WRITES)
async def test_only_who_may_write_there_changes_something(vault: Vault, route: str) -> None:
    row = WRITES[route]
    async with people_at(vault) as people:
        if row.trashed:
            assert (await people.ask("admin", "DELETE", f"/files/{people.file_id}")).status_code == 200
        before = len(vault.log.records)
        refused = {who: status for who, status in row.told.items() if status >= 400}
        assert {who: await people.told(who, route) for who in refused} == refused
        assert len(vault.log.records) == before
        allowed = next(who for who in WHO if who not in refused)
        assert await people.told(allowed, route) == row.told[allowed]
        assert len(vault.log.records) > before


@pytest.mark.parametrize("route", WRITES)
async def test_nobody_but_administrators_writes_where_the_log_decides_no_access_yet(vault: Vault, route: str) -> None:
    async with people_at(vault, rules=1) as people:
        if WRITES[route].trashed:
            await people.ask("admin", "DELETE", f"/files/{people.file_id}")
        before = len(vault.log.records)
        for who in ("stranger", "owner", "manager"):
            assert await people.told(who, route) == 404
        assert len(vault.log.records) == before


async def test_only_administrators_empty_the_trash_of_all_spaces(vault: Vault) -> None:
    async with people_at(vault) as people:
        assert (await people.ask("manager", "DELETE", "/trash")).status_code == 403
        assert (await people.ask("admin", "DELETE", "/trash")).status_code == 200


async def test_a_move_needs_write_where_it_comes_from_and_where_it_goes(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("mine/other", b"x")
        path = f"/files/{people.file_id}"
        assert (await people.ask("writer", "PATCH", path, {"path": "mine/plan"})).status_code == 404
        await people.grant("mine", WRITER, "read")
        assert (await people.ask("writer", "PATCH", path, {"path": "mine/plan"})).status_code == 403
        await people.grant("mine", WRITER, "write")
        assert (await people.ask("writer", "PATCH", path, {"path": "mine/plan"})).status_code == 200
        assert (await people.ask("reader", "GET", path)).status_code == 404


async def test_to_another_space_one_moves_and_copies_only_what_one_may(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.client.post("/spaces", json={"name": "other"})
        await people.raise_rules("other")
        wish = {"space": "other", "path": "plan"}
        path = f"/files/{people.file_id}"
        assert (await people.ask("writer", "POST", f"{path}/copy", wish)).status_code == 404
        assert (await people.ask("writer", "PATCH", path, wish)).status_code == 404
        await people.grant("", READER, "editor", space="other")
        await people.grant("", WRITER, "editor", space="other")
        assert (await people.ask("reader", "PATCH", path, wish)).status_code == 403
        assert (await people.ask("reader", "POST", f"{path}/copy", wish)).status_code == 201
        assert (await people.ask("writer", "PATCH", path, {**wish, "path": "moved"})).status_code == 200
        assert (await people.ask("admin", "GET", "/spaces/other/files/moved")).content == b"secret"


async def test_conditions_tell_nothing_of_a_file_that_one_may_not_write(vault: Vault) -> None:
    async with people_at(vault) as people:
        for who, status in (("stranger", 404), ("reader", 403), ("writer", 412)):
            for condition in ({"if-match": f'"{people.sha256}"'}, {"if-none-match": "*"}):
                asked = {"content": b"new", "headers": condition}
                answer = await people.ask(who, "PUT", "/spaces/main/files/docs/plan", **asked)
                expected = 200 if who == "writer" and "if-match" in condition else status
                assert answer.status_code == expected, (who, condition)
                if expected == 200:
                    await vault.put("docs/plan", b"secret")


async def test_a_known_content_is_used_only_by_who_may_read_it(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("mine/other", b"x")
        await vault.put("hidden", b"nobody knows")
        await people.grant("mine", WRITER, "write")
        hidden = (await vault.get("hidden")).headers["etag"].strip('"')
        path = "/spaces/main/files/mine/copy"
        answer = await people.ask("writer", "PUT", path, headers={"govault-content": hidden})
        assert answer.status_code == 404
        answer = await people.ask("writer", "PUT", path, headers={"govault-content": people.sha256})
        assert answer.status_code == 201


@pytest.mark.parametrize("by_form", [False, True])
async def test_an_upload_does_not_tell_whether_others_have_its_content(vault: Vault, by_form: bool) -> None:
    async with people_at(vault) as people:
        await vault.put("mine/other", b"x")
        await vault.put("hidden", b"nobody knows")
        await people.grant("mine", WRITER, "write")

        async def figures(content: bytes, name: str) -> tuple[int, int]:
            if by_form:
                form: dict[str, Any] = {"data": {"path": f"mine/{name}"}, "files": {"file": (name, content)}}
                answer = (await people.ask("writer", "POST", "/files", **form)).json()
            else:
                answer = (await people.ask("writer", "PUT", f"/spaces/main/files/mine/{name}", content=content)).json()
            return answer["new_bytes"], answer["stored_bytes"]

        assert await figures(b"nobody knows", "a") == await figures(b"never stored", "b") == (12, 12)
        assert await figures(b"nobody knows", "c") == await figures(b"secret", "d") == (0, 0)


async def test_a_writer_whose_grant_was_taken_back_writes_no_more(vault: Vault) -> None:
    async with people_at(vault) as people:
        path = "/spaces/main/files/docs/plan"
        keyed = {"content": b"new", "headers": {"idempotency-key": "once"}}
        assert (await people.ask("writer", "PUT", path, **keyed)).status_code == 200
        space = vault.views.space_named("main")
        assert space is not None
        await people.submit(AccessRevoked(space_id=space.space_id, target_id=people.file_id, principal=WRITER))
        assert (await people.ask("writer", "PUT", path, content=b"newer")).status_code == 404
        assert (await people.ask("writer", "PUT", path, **keyed)).status_code == 404


async def test_who_makes_a_file_or_folder_owns_it(vault: Vault) -> None:
    async with people_at(vault) as people:
        await vault.put("mine/other", b"x")
        await people.grant("mine", WRITER, "write")
        made = await people.ask("writer", "PUT", "/spaces/main/files/mine/new", content=b"new")
        assert made.status_code == 201
        assert (await people.ask("writer", "DELETE", f"/files/{made.json()['id']}")).status_code == 200
        assert (await people.ask("writer", "DELETE", f"/trash/{made.json()['id']}")).status_code == 200


async def test_who_makes_a_space_manages_it_and_others_see_nothing_of_it(vault: Vault) -> None:
    async with people_at(vault) as people:
        await people.raise_all_rules()
        made = await people.ask("stranger", "POST", "/spaces", {"name": "theirs", "description": "x"})
        assert made.status_code == 201
        assert (await people.ask("stranger", "PUT", "/spaces/theirs/files/one", content=b"1")).status_code == 201
        assert (await people.ask("stranger", "PATCH", "/spaces/theirs", {"description": "y"})).status_code == 200
        shown = (await people.ask("stranger", "GET", "/spaces/theirs/access")).json()
        assert [grant["level"] for grant in shown["grants"]] == ["manager"]
        for who in ("reader", "manager"):
            assert (await people.ask(who, "GET", "/spaces/theirs")).status_code == 404
        assert (await people.ask("manager", "POST", "/spaces", {"name": "theirs"})).status_code == 409
        gone = await people.ask("stranger", "DELETE", "/spaces/theirs", params={"force": "true"})
        assert gone.status_code == 204


async def test_whoever_else_opens_a_space_first_its_maker_manages_it(vault: Vault) -> None:
    async with people_at(vault) as people:
        await people.raise_all_rules()
        spaces = vault.services.namespace.spaces
        vault.log.held = True
        made = asyncio.create_task(people.ask("stranger", "POST", "/spaces", {"name": "theirs"}))
        await vault.log.wait_appended(SpaceCreated, 2)
        vault.views.fold(vault.log.records[-1])
        # Another node finishes what it finds unopened, before the maker's own event is in the log.
        opened = asyncio.create_task(spaces.finish_openings())
        await vault.log.wait_appended(SpaceOpened, 2)
        vault.log.release()
        assert await opened == 1
        assert (await made).status_code == 201
        assert (await people.ask("stranger", "PUT", "/spaces/theirs/files/one", content=b"1")).status_code == 201


async def test_spaces_are_made_by_administrators_alone_where_the_configuration_says_so(vault: Vault) -> None:
    async with people_at(vault) as people:
        await people.raise_all_rules()
        spaces = replace(vault.services.namespace.spaces, accounts_may_create=False)
        with pytest.raises(AccessDenied):
            await spaces.create(Actor(READER, (READER, "users")), "theirs", SpaceWish())
        assert (await spaces.create(ADMIN, "ours", SpaceWish())).row.name == "ours"


async def test_no_account_makes_a_space_where_the_log_decides_no_access_yet(vault: Vault) -> None:
    async with people_at(vault, rules=1) as people:
        assert (await people.ask("stranger", "POST", "/spaces", {"name": "theirs"})).status_code == 409
        assert (await people.ask("admin", "POST", "/spaces", {"name": "theirs"})).status_code == 201


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_the_top_of_a_space_that_one_may_not_read_is_not_there(vault: Vault, method: str) -> None:
    async with people_at(vault) as people:
        asked = {"path": "x"} if method == "PATCH" else None
        hidden = await people.ask("writer", method, "/spaces/main/folders/", asked)
        missing = await people.ask("writer", method, "/spaces/nowhere/folders/", asked)
        assert (hidden.status_code, hidden.json()["code"]) == (404, missing.json()["code"])
        assert (await people.ask("manager", method, "/spaces/main/folders/", asked)).status_code == 422
