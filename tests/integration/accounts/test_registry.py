"""Accounts, groups, API tokens and invites: made, changed and ended over HTTP."""

from dataclasses import replace
from pathlib import Path

import pytest

from govault.auth.account_sealing import Personal
from govault.domain.actor import system
from govault.services.accounts.assembly import AccountServices
from govault.services.accounts.erasures import Erasures
from govault.services.accounts.registry import NewAccount
from schemas.events.accounts import AccountErased, AccountQuota
from tests.fakes.vault import ADMIN, open_vault
from tests.integration.accounts.conftest import PASSWORD, Doors


async def test_an_account_changes_itself_and_no_role_of_its_own(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    changed = await doors.ask(token, "PATCH", "/me", {"display_name": "Ada King", "login": "countess"})
    assert (changed.json()["display_name"], changed.json()["login"]) == ("Ada King", "countess")
    assert (await doors.ask(token, "PATCH", "/me", {"roles": ["admin"]})).status_code == 422
    assert (await doors.ask(token, "PATCH", "/accounts/countess", {"roles": ["admin"]})).status_code == 403
    assert (await doors.operator("GET", "/accounts/ada")).status_code == 404
    assert (await doors.operator("GET", "/accounts/countess")).json()["roles"] == []


async def test_an_administrator_is_one_only_as_long_as_the_log_says_so(doors: Doors) -> None:
    await doors.make("root", roles=["admin"])
    token = await doors.token("root")
    assert (await doors.ask(token, "POST", "/accounts", {"login": "x", "password": PASSWORD})).status_code == 201
    await doors.operator("PATCH", "/accounts/root", {"roles": []})
    assert (await doors.ask(token, "POST", "/accounts", {"login": "y", "password": PASSWORD})).status_code == 403
    assert await doors.status(token, "GET", "/admin/config") == 403


async def test_a_change_may_be_bound_to_what_was_seen(doors: Doors) -> None:
    made = await doors.make("ada")
    wish = {"display_name": "A", "base_revision": made["revision"]}
    assert (await doors.operator("PATCH", "/accounts/ada", wish)).status_code == 200
    late = await doors.operator("PATCH", "/accounts/ada", {**wish, "display_name": "B"})
    assert late.status_code == 412


async def test_an_erased_account_is_gone_but_for_its_id_and_its_login_is_free(doors: Doors) -> None:
    made = await doors.make("ada", display_name="Ada", email="ada@example.org")
    token = await doors.token("ada")
    assert (await doors.operator("DELETE", "/accounts/ada")).status_code == 204
    assert await doors.status(token) == 401
    left = (await doors.operator("GET", f"/accounts/{made['id']}")).json()
    assert (left["state"], left["login"], left["display_name"], left["email"]) == ("erased", None, None, None)
    assert (await doors.operator("GET", f"/accounts/{made['id']}/tokens")).status_code == 404
    accounts = doors.accounts
    assert accounts.people.keys.get(made["id"]) is None
    assert (await doors.operator("DELETE", f"/accounts/{made['id']}")).status_code == 204
    for method, path, ask in (("POST", "/password", None), ("PATCH", "", {"display_name": "Ada"})):
        refused = await doors.operator(method, f"/accounts/{made['id']}{path}", ask)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict.account-erased")
    assert (await doors.make("ada"))["id"] != made["id"]


@pytest.mark.parametrize("path", ["/accounts", "/invites"])
async def test_a_role_that_there_is_not_is_refused(doors: Doors, path: str) -> None:
    ask = {"login": "ada", "password": PASSWORD} if path == "/accounts" else {}
    refused = await doors.operator("POST", path, {**ask, "roles": ["king"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request.fields")


async def test_an_erasure_that_ended_halfway_is_finished_by_a_node(doors: Doors) -> None:
    made, stays = await doors.make("ada"), await doors.make("bob")
    accounts = doors.accounts
    erased = AccountErased(account_id=made["id"])
    await doors.vault.services.submitter.submit(system("test"), erased, 0, subject=made["id"])
    keys, erasures = accounts.people.keys, Erasures(accounts.people)
    assert keys.get(made["id"]) is not None
    assert not await erasures.work()
    assert keys.get(made["id"]) is None
    assert keys.get(stays["id"]) is not None
    assert not await erasures.work()


async def test_a_reset_password_must_be_changed_and_ends_what_was_open(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    fresh = (await doors.operator("POST", "/accounts/ada/password")).json()["password"]
    assert await doors.status(token) == 401
    assert (await doors.log_in("ada", fresh))["must_change_password"]


async def test_bad_fields_are_named(doors: Doors) -> None:
    for ask, rule in (
        ({"login": "a b", "password": PASSWORD}, "accounts.login"),
        ({"login": "a\u0000b", "password": PASSWORD}, "accounts.login"),
        ({"login": "ada", "password": "short"}, "accounts.password-length"),
        ({"login": "ada", "password": PASSWORD, "email": "nowhere"}, "accounts.email"),
        ({"login": "ada", "password": PASSWORD, "kind": "service"}, "accounts.service-password"),
    ):
        answer = await doors.operator("POST", "/accounts", ask)
        assert (answer.status_code, answer.json().get("rule")) == (422, rule), ask
    assert (await doors.operator("GET", "/accounts")).json()["items"] == []


async def test_accounts_are_listed_page_by_page(doors: Doors) -> None:
    for number in range(5):
        await doors.make(f"user-{number}")
        doors.vault.clock.advance(0.002)
    names, path = [], "/accounts?limit=2"
    while path:
        page = (await doors.operator("GET", path)).json()
        names += [one["login"] for one in page["items"]]
        path = f"/accounts?limit=2&cursor={page['next_cursor']}" if page["more"] else ""
    assert names == [f"user-{number}" for number in range(5)]


async def test_a_groups_manager_looks_after_it_and_strangers_do_not_hear_of_it(doors: Doors) -> None:
    ada, bob, eve = [await doors.make(login) for login in ("ada", "bob", "eve")]
    group = (await doors.operator("POST", "/groups", {"name": "editors"})).json()
    assert (await doors.operator("POST", "/groups", {"name": "editors"})).status_code == 409
    assert (await doors.operator("PUT", "/groups/editors/members/ada", {"manager": True})).status_code == 204
    manager = await doors.token("ada")
    assert (await doors.ask(manager, "PUT", "/groups/editors/members/bob", {})).status_code == 204
    members = (await doors.ask(manager, "GET", "/groups/editors/members")).json()["items"]
    assert {one["login"]: one["manager"] for one in members} == {"ada": True, "bob": False}
    member, stranger = await doors.token("bob"), await doors.token("eve")
    assert group["id"] in (await doors.ask(member, "GET", "/me")).json()["principals"]
    assert (await doors.ask(member, "PUT", f"/groups/editors/members/{eve['id']}", {})).status_code == 403
    assert [one["name"] for one in (await doors.ask(member, "GET", "/groups")).json()["items"]] == ["editors"]
    assert (await doors.ask(stranger, "GET", "/groups")).json()["items"] == []
    assert (await doors.ask(stranger, "GET", "/groups/editors")).status_code == 404
    assert (await doors.ask(member, "DELETE", f"/groups/editors/members/{bob['id']}")).status_code == 204
    assert group["id"] not in (await doors.ask(member, "GET", "/me")).json()["principals"]
    assert (await doors.operator("DELETE", "/groups/editors")).status_code == 204
    assert group["id"] not in (await doors.ask(manager, "GET", "/me")).json()["principals"]
    assert ada["id"] in (await doors.ask(manager, "GET", "/me")).json()["principals"]


async def test_an_api_token_may_what_its_scopes_say_and_never_more_than_its_account(doors: Doors) -> None:
    await doors.make("root", roles=["admin"])
    session = await doors.token("root")
    tokens = {}
    for scope in ("read", "write", "admin"):
        made = await doors.ask(session, "POST", "/me/tokens", {"name": scope, "scopes": [scope]})
        tokens[scope] = made.json()["token"]
    space = {"name": "by-token"}
    assert await doors.status(tokens["read"]) == 200
    assert (await doors.ask(tokens["read"], "POST", "/spaces", space)).json()["code"] == "access-denied.scope"
    assert (await doors.ask(tokens["write"], "GET", "/admin/config")).status_code == 403
    assert (await doors.ask(tokens["admin"], "POST", "/spaces", space)).status_code == 201
    # No token makes another, and none changes the password.
    for scope in ("write", "admin"):
        more = await doors.ask(tokens[scope], "POST", "/me/tokens", {"name": "more", "scopes": ["admin"]})
        assert (more.status_code, more.json()["code"]) == (403, "access-denied.scope")
    listed = (await doors.ask(session, "GET", "/me/tokens")).json()["items"]
    assert {one["name"] for one in listed} == {"read", "write", "admin"}
    assert all("token" not in one for one in listed)
    one = next(one for one in listed if one["name"] == "read")
    assert await doors.status(session, "DELETE", f"/me/tokens/{one['id']}") == 204
    assert await doors.status(tokens["read"]) == 401


async def test_a_services_token_expires_and_is_no_other_accounts_to_revoke(doors: Doors) -> None:
    assert (await doors.operator("POST", "/accounts", {"login": "backup", "kind": "service"})).status_code == 201
    ask = {"name": "nightly", "scopes": ["read"], "expires_s": 60}
    made = (await doors.operator("POST", "/accounts/backup/tokens", ask)).json()
    assert await doors.status(made["token"]) == 200
    await doors.make("eve")
    eve = await doors.token("eve")
    assert await doors.status(eve, "DELETE", f"/me/tokens/{made['id']}") == 404
    login = await doors.ask(None, "POST", "/auth/login", {"login": "backup", "password": ""})
    assert login.status_code == 422
    doors.vault.clock.advance(61)
    await doors.accounts.freshness.work()
    assert await doors.status(made["token"]) == 401


async def test_registration_is_closed_unless_the_vault_says_otherwise(doors: Doors) -> None:
    ask = {"login": "ada", "password": PASSWORD}
    closed = await doors.ask(None, "POST", "/auth/register", ask)
    assert (closed.status_code, closed.json()["code"]) == (403, "access-denied.registration")


async def test_an_invite_makes_one_account_with_its_roles(tmp_path: Path) -> None:
    async with open_vault(tmp_path, registration="invite") as vault:
        doors = Doors(vault)
        ask = {"login": "ada", "password": PASSWORD}
        assert (await doors.ask(None, "POST", "/auth/register", ask)).status_code == 403
        invite = (await doors.operator("POST", "/invites", {"roles": ["admin"], "expires_s": 60})).json()
        assert (await doors.ask(None, "POST", "/auth/register", {**ask, "invite": "gv_invite_x"})).status_code == 403
        made = await doors.ask(None, "POST", "/auth/register", {**ask, "invite": invite["invite"]})
        assert (made.status_code, made.json()["roles"]) == (201, ["admin"])
        spent = await doors.ask(None, "POST", "/auth/register", {**ask, "login": "bob", "invite": invite["invite"]})
        assert (spent.status_code, spent.json()["code"]) == (403, "access-denied.invite-invalid")
        listed = (await doors.operator("GET", "/invites")).json()["items"]
        assert [(one["state"], one["account"]) for one in listed] == [("used", made.json()["id"])]
        late = (await doors.operator("POST", "/invites", {"expires_s": 60})).json()
        vault.clock.advance(61)
        bob = {"login": "bob", "password": PASSWORD, "invite": late["invite"]}
        assert (await doors.ask(None, "POST", "/auth/register", bob)).status_code == 403
        gone = (await doors.operator("POST", "/invites", {})).json()
        assert (await doors.operator("DELETE", f"/invites/{gone['hash']}")).status_code == 204
        bob["invite"] = gone["invite"]
        assert (await doors.ask(None, "POST", "/auth/register", bob)).status_code == 403


async def test_where_registration_is_open_an_account_gets_no_role(tmp_path: Path) -> None:
    async with open_vault(tmp_path, registration="open") as vault:
        doors = Doors(vault)
        made = await doors.ask(None, "POST", "/auth/register", {"login": "ada", "password": PASSWORD})
        assert (made.status_code, made.json()["roles"]) == (201, [])
        assert await doors.status(await doors.token("ada"), "GET", "/accounts") == 403


async def test_no_event_and_no_record_holds_a_personal_value_or_a_secret_in_the_clear(doors: Doors) -> None:
    await doors.make("lovelace", display_name="Augusta", email="augusta@example.org")
    session = await doors.log_in("lovelace")
    token = (await doors.ask(session["access_token"], "POST", "/me/tokens", {"name": "t", "scopes": ["read"]})).json()
    kept = b"".join(record.value + record.key for record in doors.vault.log.records)
    secrets = (token["token"].rpartition("_")[2], session["refresh_token"].rpartition("_")[2])
    for value in ("lovelace", "Augusta", "augusta@example.org", PASSWORD, *secrets):
        assert value.encode() not in kept


async def test_people_find_one_another_by_the_whole_login_and_in_no_other_way(doors: Doors) -> None:
    ada = await doors.make("ada", display_name="Ada Lovelace", email="ada@example.org")
    await doors.make("bob")
    token = await doors.token("bob")
    found = await doors.ask(token, "GET", "/people/ADA")
    assert found.json() == {"id": ada["id"], "login": "ada", "display_name": "Ada Lovelace"}
    for login in ("ad", "ada@example.org", ada["id"], "%2e%2e", "a" * 300):
        assert (await doors.ask(token, "GET", f"/people/{login}")).status_code == 404, login
    assert (await doors.ask(None, "GET", "/people/ada")).status_code == 401
    await doors.operator("PATCH", "/accounts/ada", {"disabled": True})
    assert (await doors.ask(token, "GET", "/people/ada")).status_code == 404


async def test_a_revision_that_no_account_can_have_is_refused_and_breaks_nothing(doors: Doors) -> None:
    await doors.make("ada")
    await doors.operator("POST", "/groups", {"name": "editors"})
    for path in ("/accounts/ada", "/groups/editors"):
        for revision in (2**53, 2**64, 10**40, -1, 1.5):
            assert (await doors.operator("PATCH", path, {"base_revision": revision})).status_code == 422


async def test_new_accounts_may_own_what_the_configuration_says_but_administrators_anything(doors: Doors) -> None:
    accounts = doors.accounts
    assert isinstance(accounts, AccountServices)
    registry = replace(accounts.registry, quota_default=AccountQuota(files_max=3))
    plain = await registry.create(ADMIN, NewAccount(Personal(login="ada"), PASSWORD))
    assert (plain.row.quota_bytes, plain.row.quota_files) == (None, 3)
    given = await registry.create(ADMIN, NewAccount(Personal(login="bob"), PASSWORD, quota=AccountQuota(bytes_max=9)))
    assert (given.row.quota_bytes, given.row.quota_files) == (9, None)
    admin = await registry.create(ADMIN, NewAccount(Personal(login="eve"), PASSWORD, roles=("admin",)))
    assert (admin.row.quota_bytes, admin.row.quota_files) == (None, None)
