"""Requests a minute and bytes a second over HTTP: who is turned away, who waits, who does neither, how it is told."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.middleware.bandwidth import BytesPerSecond
from api.middleware.rates import RequestsPerMinute
from api.settings import ApiSettings
from govault.limits import KIB
from tests.fakes.vault import open_vault
from tests.integration.accounts.conftest import Doors
from tests.integration.namespace.test_shares import at_rules_2, basic, share

FEW = RequestsPerMinute(account=5, address=4, share_link=3)


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[Doors]:
    """A fresh vault with room for few requests."""
    async with open_vault(tmp_path, ApiSettings(rates=FEW)) as vault:
        yield Doors(vault)


async def test_an_account_beyond_its_rate_is_refused_until_it_has_waited(few: Doors) -> None:
    await few.make("ada")
    await few.make("bob")
    ada, bob = await few.token("ada"), await few.token("bob")
    answers = [await few.ask(ada, "GET", "/me") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == [
        f'"account";r={left}' for left in (4, 3, 2, 1, 0, 0)
    ]
    refused = answers[-1]
    assert refused.headers["ratelimit-policy"] == '"account";q=5;w=60'
    assert refused.headers["retry-after"] == "12"
    body = refused.json()
    assert (body["code"], body["retryable"], body["retry_after_s"]) == ("too-many-requests.account", True, 12)
    assert await few.status(bob) == 200
    few.vault.clock.advance(12)
    assert await few.status(ada) == 200


async def test_refusals_tell_what_is_left_too(few: Doors) -> None:
    await few.make("ada")
    missing = await few.ask(await few.token("ada"), "GET", "/files/f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8")
    assert (missing.status_code, missing.headers["ratelimit"]) == (404, '"account";r=4;t=12')


async def test_the_operator_and_probes_are_never_turned_away(few: Doors) -> None:
    for _ in range(10):
        answer = await few.operator("GET", "/spaces")
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("ratelimit")]
        assert (await few.ask(None, "GET", "/livez")).status_code == 200


async def test_requests_without_a_valid_credential_count_by_address_whatever_they_ask(few: Doors) -> None:
    await few.make("ada")
    ada = await few.token("ada")
    asked = [
        await few.ask(None, "GET", "/spaces/main/files/hidden"),
        await few.ask("gv_token_guessed", "GET", "/me"),
        await few.ask(None, "GET", "/.well-known/jwks.json"),
        await few.ask("another guess", "GET", "/me"),
        await few.ask(None, "GET", "/spaces/main/files/hidden"),
        await few.ask(None, "POST", "/auth/login", {"login": "ada", "password": "wrong"}),
    ]
    assert [answer.status_code for answer in asked] == [401, 401, 200, 429, 429, 429]
    assert asked[-1].json()["code"] == "too-many-requests.address"
    assert await few.status(ada) == 200, "who shows a credential is not held up by his neighbours"


async def test_a_share_link_has_a_rate_of_its_own(few: Doors) -> None:
    await few.vault.put("plan", b"0123456789")
    await few.vault.put("other", b"9876543210")
    plan, other = await share(few.vault, "plan"), await share(few.vault, "other")
    asked = [await few.ask(None, "GET", plan["url"]) for _ in range(4)]
    assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
    assert asked[0].headers["ratelimit-policy"] == '"share-link";q=3;w=60'
    assert asked[-1].json()["code"] == "too-many-requests.share-link"
    assert (await few.ask(None, "GET", other["url"])).status_code == 200
    (listed,) = (await few.operator("GET", f"/files/{plan['target']}/shares")).json()["items"]
    assert listed["uses"] == 3, "what is refused is no use"


async def test_whoever_guesses_links_or_their_passwords_is_counted_by_his_address(few: Doors) -> None:
    await few.vault.put("plan", b"0123456789")
    await at_rules_2(few.vault)
    made = await share(few.vault, "plan", password="correct horse battery")
    statuses = [
        (await few.ask(None, "GET", "/s/unknown")).status_code,
        (await few.ask(None, "GET", made["url"])).status_code,
        *[(await few.ask(None, "GET", made["url"], headers=basic(f"guess {n}"))).status_code for n in range(3)],
    ]
    assert statuses == [404, 401, 401, 401, 429]


async def test_without_limits_nothing_is_counted_or_told(tmp_path: Path) -> None:
    settings = replace(ApiSettings(), rates=RequestsPerMinute(0, 0, 0))
    async with open_vault(tmp_path, settings) as vault:
        doors = Doors(vault)
        for _ in range(10):
            answer = await doors.ask(None, "GET", "/.well-known/jwks.json")
            assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)


async def test_who_fetches_faster_than_his_pace_waits_and_gets_all_of_it(tmp_path: Path) -> None:
    pace = BytesPerSecond(download=256 * KIB)
    content = bytes(range(256)) * 4 * 320
    async with open_vault(tmp_path, ApiSettings(bandwidth=pace)) as vault:
        doors = Doors(vault)
        await vault.put("plan", content)
        made = await share(vault, "plan")
        began_s = time.monotonic()
        assert (await doors.ask(None, "GET", made["url"])).content == content
        # A second's worth passes at once; the clock of the vault stands still meanwhile.
        assert time.monotonic() - began_s >= 64 / 256
