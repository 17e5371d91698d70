"""Logging in, going on, and being logged out: what opens the doors and what closes them again."""

import asyncio

import pytest

from govault.limits import (
    ACCESS_TOKEN_VALID_S,
    ACCOUNTS_LAG_S_MAX,
    LOGIN_ATTEMPTS_FREE,
    SESSION_IDLE_S,
    SESSION_VALID_S,
)
from schemas.events.accounts import AccountChanged
from schemas.events.files import VersionCommitted
from schemas.topics import Topic
from streams.views.tokens import make_token
from tests.fakes.accounts import FastPasswords
from tests.integration.accounts.conftest import PASSWORD, Doors


async def test_a_login_opens_what_the_account_may_and_says_who_it_is(doors: Doors) -> None:
    made = await doors.make("Ada", display_name="Ada Lovelace", email="ada@example.org")
    session = await doors.log_in(" Ada".strip())
    who = (await doors.ask(session["access_token"], "GET", "/me")).json()
    assert who["actor"] == made["id"]
    assert who["credential"] == "session"
    assert who["account"]["display_name"] == "Ada Lovelace"
    assert set(who["principals"]) == {made["id"], "users", "public"}


async def test_a_login_is_the_same_however_it_is_typed_and_nobody_else_gets_it(doors: Doors) -> None:
    await doors.make("Zoë")
    assert (await doors.log_in("ZOE\u0308"))["account"]["login"] == "Zoë"
    again = await doors.operator("POST", "/accounts", {"login": "zoë", "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (409, "conflict.login-taken")
    assert len(doors.account_keys.keys) == 1


async def test_unknown_wrong_and_disabled_are_answered_alike_after_the_same_work(doors: Doors) -> None:
    await doors.make("ada")
    await doors.make("bob")
    await doors.operator("PATCH", "/accounts/bob", {"disabled": True})
    passwords = doors.accounts.sessions.passwords
    assert isinstance(passwords, FastPasswords)
    told = []
    for login, password in (("ada", "wrong password"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        before = passwords.checks
        answer = await doors.ask(None, "POST", "/auth/login", {"login": login, "password": password})
        assert passwords.checks == before + 1
        told.append((answer.status_code, answer.json()["code"], answer.json()["detail"]))
    assert set(told) == {(401, "authentication.login", "the login or the password is wrong")}


async def test_each_refresh_token_counts_once_and_a_second_use_ends_the_session_for_everybody(doors: Doors) -> None:
    await doors.make("ada")
    first = await doors.log_in("ada")
    second = (await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})).json()
    assert second["session_id"] == first["session_id"]
    assert await doors.status(second["access_token"]) == 200
    thief = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (thief.status_code, thief.json()["code"]) == (401, "authentication.refresh")
    owner = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert owner.status_code == 401
    assert await doors.status(first["access_token"]) == await doors.status(second["access_token"]) == 401


async def test_logging_out_ends_this_session_and_no_other(doors: Doors) -> None:
    await doors.make("ada")
    here, there = await doors.log_in("ada"), await doors.log_in("ada")
    assert await doors.status(here["access_token"], "POST", "/auth/logout") == 204
    assert await doors.status(here["access_token"]) == 401
    assert await doors.status(there["access_token"]) == 200
    refreshed = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": here["refresh_token"]})
    assert refreshed.status_code == 401


async def test_logging_out_everywhere_ends_all_and_a_later_login_works(doors: Doors) -> None:
    await doors.make("ada")
    sessions = [await doors.token("ada") for _ in range(3)]
    listed = (await doors.ask(sessions[0], "GET", "/me/sessions")).json()["items"]
    assert [one["this"] for one in listed] == [True, False, False]
    assert await doors.status(sessions[0], "DELETE", "/me/sessions") == 204
    assert [await doors.status(token) for token in sessions] == [401, 401, 401]
    assert await doors.status(await doors.token("ada")) == 200


async def test_tokens_and_sessions_end_by_time(doors: Doors) -> None:
    await doors.make("ada")
    session = await doors.log_in("ada")
    doors.vault.clock.advance(ACCESS_TOKEN_VALID_S + 1)
    await doors.accounts.freshness.work()
    assert await doors.status(session["access_token"]) == 401
    again = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert again.status_code == 200
    for _ in range(SESSION_VALID_S // SESSION_IDLE_S + 1):
        doors.vault.clock.advance(SESSION_IDLE_S - 1)
        kept = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": again.json()["refresh_token"]})
        if kept.status_code != 200:
            break
        again = kept
    late = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": again.json()["refresh_token"]})
    assert late.status_code == 401


async def test_a_session_that_nobody_uses_ends(doors: Doors) -> None:
    await doors.make("ada")
    session = await doors.log_in("ada")
    doors.vault.clock.advance(SESSION_IDLE_S + 1)
    late = await doors.ask(None, "POST", "/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert late.status_code == 401


async def test_a_disabled_account_is_out_at_once_and_comes_back_only_by_a_new_login(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    api_token = (await doors.ask(token, "POST", "/me/tokens", {"name": "ci", "scopes": ["read"]})).json()["token"]
    await doors.operator("PATCH", "/accounts/ada", {"disabled": True})
    assert await doors.status(token) == await doors.status(api_token) == 401
    doors.vault.clock.advance(1)
    await doors.operator("PATCH", "/accounts/ada", {"disabled": False})
    assert await doors.status(token) == 401
    assert await doors.status(api_token) == 200
    assert await doors.status(await doors.token("ada")) == 200


async def test_a_first_password_opens_nothing_until_it_is_changed(doors: Doors) -> None:
    made = (await doors.operator("POST", "/accounts", {"login": "ada"})).json()
    session = await doors.log_in("ada", made["password"])
    assert session["must_change_password"]
    token = session["access_token"]
    answer = await doors.ask(token, "GET", "/spaces")
    assert (answer.status_code, answer.json()["code"]) == (403, "access-denied.password-change")
    wrong = await doors.ask(token, "POST", "/me/password", {"current": "another one", "new": PASSWORD})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "authentication.wrong-password")
    same = await doors.ask(token, "POST", "/me/password", {"current": made["password"], "new": made["password"]})
    assert same.status_code == 422
    change = {"current": made["password"], "new": PASSWORD}
    assert (await doors.ask(token, "POST", "/me/password", change)).status_code == 204
    assert await doors.status(token) == 401
    assert not (await doors.log_in("ada"))["must_change_password"]


async def test_guessing_is_slowed_down_for_the_guesser_and_not_for_the_owner(doors: Doors) -> None:
    await doors.make("ada")
    guess = {"login": "ada", "password": "wrong password"}
    codes = [(await doors.ask(None, "POST", "/auth/login", guess)).status_code for _ in range(LOGIN_ATTEMPTS_FREE + 1)]
    assert codes == [401] * LOGIN_ATTEMPTS_FREE + [429]
    slow = await doors.ask(None, "POST", "/auth/login", {"login": "ada", "password": PASSWORD})
    assert (slow.status_code, slow.headers["retry-after"]) == (429, "1")
    elsewhere = await doors.vault.client.post("/auth/login", json={"login": "ada", "password": PASSWORD})
    assert elsewhere.status_code == 200
    doors.vault.clock.advance(2)
    assert (await doors.log_in("ada"))["account"]["login"] == "ada"


async def test_an_outdated_verifier_is_replaced_at_the_next_login(doors: Doors) -> None:
    await doors.make("ada")
    accounts = doors.accounts
    passwords = accounts.sessions.passwords
    assert isinstance(passwords, FastPasswords)
    passwords.scheme = "slower"
    token = await doors.token("ada")
    row = accounts.people.find("ada")
    assert accounts.registry.verifier(row).startswith("slower:")
    assert await doors.status(token) == 200


async def test_a_login_does_not_fail_because_its_password_could_not_be_chosen_any_more(doors: Doors) -> None:
    await doors.make("ada")
    accounts = doors.accounts
    passwords = accounts.sessions.passwords
    assert isinstance(passwords, FastPasswords)
    passwords.scheme, passwords.refuses = "slower", True
    assert await doors.status(await doors.token("ada")) == 200
    passwords.refuses = False
    # Two at once hash it anew, and one of them is late.
    doors.vault.clock.advance(1)
    ask = {"login": "ada", "password": PASSWORD}
    both = await asyncio.gather(*(doors.ask(None, "POST", "/auth/login", ask) for _ in range(2)))
    assert [answer.status_code for answer in both] == [200, 200]


async def test_a_door_that_has_not_heard_of_accounts_for_long_lets_in_its_operator_alone(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    doors.vault.clock.advance(ACCOUNTS_LAG_S_MAX + 1)
    answer = await doors.ask(token, "GET", "/me")
    assert (answer.status_code, answer.json()["code"]) == (503, "views-lagging.accounts")
    assert (await doors.operator("GET", "/me")).status_code == 200
    await doors.accounts.freshness.work()
    assert await doors.status(token) == 200


async def test_a_door_that_lags_behind_grants_refuses_too_and_a_steady_load_is_no_lag(doors: Doors) -> None:
    vault = doors.vault
    accounts = vault.services.accounts
    assert accounts is not None
    await doors.make("ada")
    token = await doors.token("ada")
    for number in range(12):
        # Each look finds the write that came just before it, and the next one finds it folded.
        vault.log.held = True
        write = asyncio.create_task(vault.put(f"load/{number}", b"x"))
        await vault.log.wait_appended(VersionCommitted, number + 1)
        await accounts.freshness.work()
        vault.log.release()
        assert (await write).status_code == 201
        vault.clock.advance(10)
        assert await doors.status(token) == 200
    vault.log.held = True
    late = asyncio.create_task(vault.put("late", b"x"))
    await vault.log.wait_appended(VersionCommitted, 13)
    for _ in range(8):
        await accounts.freshness.work()
        vault.clock.advance(10)
    assert await doors.status(token) == 503
    vault.log.release()
    await late
    await accounts.freshness.work()
    await accounts.freshness.work()
    assert await doors.status(token) == 200


async def test_a_browsers_cookie_comes_in_but_changes_nothing_without_a_header_of_the_pages_own(doors: Doors) -> None:
    await doors.make("ada", roles=["admin"])
    ask = {"login": "ada", "password": PASSWORD, "cookie": True}
    answer = await doors.ask(None, "POST", "/auth/login", ask)
    assert answer.json()["access_token"] is None
    assert answer.json()["refresh_token"] is None
    set_cookies = answer.headers.get_list("set-cookie")
    assert len(set_cookies) == 2
    assert all("HttpOnly" in one and "SameSite=strict" in one for one in set_cookies)
    cookies = {"cookie": "; ".join(one.partition(";")[0] for one in set_cookies)}
    assert (await doors.ask(None, "GET", "/me", headers=cookies)).status_code == 200
    space = {"name": "made-by-cookie"}
    forged = await doors.ask(None, "POST", "/spaces", space, headers=cookies)
    assert (forged.status_code, forged.json()["code"]) == (403, "access-denied.csrf")
    own = cookies | {"govault-csrf": "1"}
    assert (await doors.ask(None, "POST", "/spaces", space, headers=own)).status_code == 201
    assert (await doors.ask(None, "POST", "/auth/refresh", {}, headers=cookies)).status_code == 403
    assert (await doors.ask(None, "POST", "/auth/refresh", {}, headers=own)).status_code == 200


@pytest.mark.parametrize("credential", ["gv_token_", "gv_refresh_", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 9000])
async def test_whatever_is_no_credential_is_refused_in_the_same_words(doors: Doors, credential: str) -> None:
    answer = await doors.ask(credential, "GET", "/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication")
    assert answer.json()["detail"] == "a valid bearer token is needed"


async def test_whoever_waits_for_a_position_is_asked_for_again_as_of_there(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    applied = dict(doors.vault.views.applied())
    place = (Topic.ACCOUNTS, 0)
    then = make_token("test-vault", list(applied), {**applied, place: applied[place] + 1})
    doors.vault.log.held = True
    disabling = asyncio.create_task(doors.operator("PATCH", "/accounts/ada", {"disabled": True}))
    await doors.vault.log.wait_appended(AccountChanged, 1)
    asking = asyncio.create_task(doors.ask(token, "GET", "/me", headers={"govault-at-least": then}))
    assert await doors.status(token) == 200
    assert not asking.done()
    doors.vault.log.release()
    assert (await asking).status_code == 401
    assert (await disabling).status_code == 200
