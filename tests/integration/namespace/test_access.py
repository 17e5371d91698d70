"""What the doors let somebody do who is no administrator, route by route."""

import pytest
import structlog

from schemas.events.access import AccessRevoked
from tests.access.rows import WHO, Needs
from tests.access.table import EXPECTED, WRITES, routes_of
from tests.fakes.vault import Vault
from tests.integration.namespace.people import WRITER, People, people_at


async def test_every_route_says_who_may_use_it(vault: Vault) -> None:
    # A vault in memory has no upkeep: what becomes of the requests for it that get through is not looked at here.
    with structlog.testing.capture_logs():
        async with people_at(vault) as people:
            document = (await people.ask("admin", "GET", "/openapi.json")).json()
            assert set(EXPECTED) == routes_of(document)
            for route in EXPECTED:
                # What changes files has a vault of its own: see ``test_access_of_writers``.
                if route not in WRITES:
                    await check_route(people, route)


async def check_route(people: People, route: str) -> None:
    """Whether everybody is told what the table says, as far as a vault knows that has neither upkeep nor accounts."""
    row = EXPECTED[route]
    if "{share}" in route:
        await people.share(len(WHO))
    told = {who: await people.told(who, route, with_ask=row.needs is Needs.FILES) for who in WHO}
    match row.needs:
        case Needs.FILES:
            assert told == row.told, route
        case Needs.NODE:
            assert told.pop("admin") not in (401, 403), route
            assert told == {who: status for who, status in row.told.items() if who != "admin"}, route
        case Needs.ACCOUNTS:
            assert told.pop("anonymous") == 401, route
            assert 401 not in told.values(), route
        case Needs.NOBODY:
            assert not {401, 403} & set(told.values()), route


async def test_a_file_token_for_writing_is_made_by_who_may_write(vault: Vault) -> None:
    async with people_at(vault) as people:
        path, asked = f"/files/{people.file_id}/tokens", {"methods": ["PUT"]}
        told = {who: (await people.ask(who, "POST", path, asked)).status_code for who in WHO}
        assert told == EXPECTED["PATCH /files/{ref}"].told | dict.fromkeys(("writer", "owner", "manager", "admin"), 201)


@pytest.mark.parametrize("who", ["stranger", "reader", "member"])
async def test_what_is_hidden_and_what_is_not_there_look_alike(vault: Vault, who: str) -> None:
    async with people_at(vault) as people:
        await vault.put("private", b"hidden")
        hidden = await people.ask(who, "GET", "/spaces/main/files/private")
        missing = await people.ask(who, "GET", "/spaces/main/files/missing")
        nowhere = await people.ask(who, "GET", "/spaces/nowhere/files/missing")
        assert hidden.status_code == missing.status_code == nowhere.status_code == 404
        assert hidden.json()["code"] == missing.json()["code"] == nowhere.json()["code"]


async def test_a_hash_reads_only_through_a_file_that_one_may_read(vault: Vault) -> None:
    async with people_at(vault) as people:
        assert (await people.ask("stranger", "GET", f"/files/{people.sha256}")).status_code == 404
        assert (await people.ask("writer", "GET", f"/files/{people.sha256}")).content == b"secret"
        await vault.put("elsewhere", b"secret")
        assert (await people.ask("reader", "GET", f"/files/{people.sha256}/metadata")).status_code == 200
        assert (await people.ask("manager", "GET", f"/files/{people.sha256}/metadata")).status_code == 409


async def test_a_grant_taken_back_ends_at_once(vault: Vault) -> None:
    async with people_at(vault) as people:
        space = vault.views.space_named("main")
        assert space is not None
        assert (await people.ask("writer", "GET", f"/files/{people.file_id}")).status_code == 200
        await people.submit(AccessRevoked(space_id=space.space_id, target_id=people.file_id, principal=WRITER))
        assert (await people.ask("writer", "GET", f"/files/{people.file_id}")).status_code == 404


async def test_where_the_log_decides_no_access_yet_only_administrators_come_in(vault: Vault) -> None:
    async with people_at(vault, rules=1) as people:
        for who in ("stranger", "owner", "manager"):
            assert (await people.ask(who, "GET", f"/files/{people.file_id}")).status_code == 404
        assert (await people.ask("admin", "GET", f"/files/{people.file_id}")).status_code == 200
