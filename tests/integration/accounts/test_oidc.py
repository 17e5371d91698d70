"""Logging in at an identity provider: who gets in, as whom, and everything that does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from api.middleware.rates import RequestsPerMinute
from api.settings import ApiSettings
from govault.limits import (
    LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE,
    OIDC_CODE_VALID_S,
    OIDC_FLOW_VALID_S,
    OIDC_KEYS_FRESH_S,
)
from govault.services.accounts.identity_provider import OidcSettings
from govault.services.accounts.oidc import challenge_of
from tests.fakes.issuer import CLIENT_ID, EC_KEY, ISSUER, OTHER_RSA_KEY, SECRET, FakeIssuer, jwk
from tests.fakes.vault import Vault, open_vault
from tests.fakes.world import FakeClock
from tests.integration.accounts.conftest import Doors

SETTINGS = OidcSettings(
    issuer=ISSUER,
    client_id=CLIENT_ID,
    redirect_uri="https://vault.test/auth/oidc/callback",
    name="Example ID",
    create_accounts=True,
)
ADA = {"preferred_username": "ada", "name": "Ada Lovelace", "email": "ada@example.org", "email_verified": True}
VERIFIER = "v" * 43


@dataclass
class Browser:
    """A browser with its cookies, at one address."""

    vault: Vault
    address: str = "192.0.2.7"
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(app=self.vault.app, raise_app_exceptions=False, client=(self.address, 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="https://vault.test")

    async def begin(self, **query: str | int) -> str:
        """Where the provider is."""
        answer = await self.client.get("/auth/oidc/start", params=query)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def come_back(self, query: dict[str, str]) -> httpx.Response:
        """Be sent back by the provider."""
        self.vault.clock.advance(0.01)
        return await self.client.get("/auth/oidc/callback", params=query)

    async def log_in(self, issuer: FakeIssuer, subject: str = "1815", **claims: object) -> httpx.Response:
        """All the way."""
        return await self.come_back(issuer.log_in(await self.begin(), subject, **(claims or ADA)))


@dataclass
class World:
    """A vault with a provider."""

    vault: Vault
    issuer: FakeIssuer

    @property
    def doors(self) -> Doors:
        """Requests without cookies."""
        return Doors(self.vault)

    def browser(self, address: str = "192.0.2.7") -> Browser:
        """A fresh one."""
        return Browser(self.vault, address)


Open = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def open_world(tmp_path: Path) -> Open:
    """Opens a vault with a provider, by settings."""

    @asynccontextmanager
    async def opened(settings: OidcSettings = SETTINGS) -> AsyncIterator[World]:
        issuer = FakeIssuer(FakeClock())
        api = ApiSettings(rates=RequestsPerMinute(0, 0, 0))
        async with open_vault(tmp_path, api, oidc=(settings, issuer)) as vault:
            issuer.clock = vault.clock
            yield World(vault, issuer)

    return opened


@pytest.fixture
async def world(open_world: Open) -> AsyncIterator[World]:
    """One that gives whoever comes an account."""
    async with open_world() as opened:
        yield opened


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_the_first_login_makes_an_account_and_the_next_finds_it(world: World) -> None:
    browser = world.browser()
    answer = await browser.log_in(world.issuer)
    assert answer.status_code == 200
    who = (await browser.client.get("/me")).json()
    assert (who["credential"], who["account"]["login"], who["account"]["linked"]) == ("session", "ada", True)
    assert (who["account"]["display_name"], who["account"]["email"]) == ("Ada Lovelace", "ada@example.org")
    assert who["account"]["roles"] == []
    elsewhere = world.browser()
    renamed = {**ADA, "preferred_username": "countess", "email": "other@example.org"}
    assert (await elsewhere.log_in(world.issuer, **renamed)).status_code == 200
    assert (await elsewhere.client.get("/me")).json()["actor"] == who["actor"]
    assert len((await world.doors.operator("GET", "/accounts")).json()["items"]) == 1


async def test_the_session_is_like_that_of_a_password_out_of_scripts_reach_and_safe_from_other_sites(
    world: World,
) -> None:
    browser = world.browser()
    answer = await browser.log_in(world.issuer)
    cookies = [value.lower() for value in answer.headers.get_list("set-cookie") if "max-age=0" not in value.lower()]
    assert [cookie.partition("=")[0] for cookie in cookies] == ["govault_access", "govault_refresh"]
    for cookie in cookies:
        assert {"httponly", "secure", "samesite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert said(await browser.client.post("/auth/logout")) == (403, "access-denied.csrf")
    csrf = {"GoVault-CSRF": "1"}
    assert (await browser.client.post("/auth/refresh", json={}, headers=csrf)).status_code == 200
    assert (await browser.client.post("/auth/logout", headers=csrf)).status_code == 204
    assert (await browser.client.get("/me")).status_code == 401


async def test_what_goes_along_to_the_provider_is_sealed_short_lived_and_comes_back_from_another_site(
    world: World,
) -> None:
    answer = await world.browser().client.get("/auth/oidc/start", params={"return_to": "/secret-place"})
    (cookie,) = answer.headers.get_list("set-cookie")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=lax", "path=/auth/oidc", f"max-age={OIDC_FLOW_VALID_S}"}
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["client_id"] == [CLIENT_ID]
    assert query["scope"] == ["openid profile email"]
    for name in ("state", "nonce", "code_challenge"):
        assert query[name][0] not in cookie
        assert len(query[name][0]) == 43
    assert "secret-place" not in cookie


async def test_who_begins_at_another_address_of_the_vault_is_sent_to_the_one_that_the_provider_knows_once(
    world: World,
) -> None:
    browser = world.browser()
    challenge = challenge_of(VERIFIER)
    asked = {"return_to": "/x?a=1&b=2", "cli_port": 40_000, "cli_challenge": challenge}
    elsewhere = {"host": "10.0.0.7:8080"}
    sent = await browser.client.get("/auth/oidc/start", params=asked, headers=elsewhere)
    assert (sent.status_code, "set-cookie" in sent.headers) == (302, False)
    there = urlsplit(sent.headers["location"])
    assert (there.scheme, there.netloc, there.path) == ("https", "vault.test", "/auth/oidc/start")
    assert parse_qs(there.query) == {
        **{name: [str(value)] for name, value in asked.items()},
        "moved": ["true"],
    }
    # A proxy that calls the vault by another name all the same is believed.
    again = await browser.client.get(f"{there.path}?{there.query}", headers=elsewhere)
    assert again.headers["location"].startswith(f"{ISSUER}/authorize?")


async def test_the_page_after_it_leads_to_where_somebody_wanted_to_be(world: World) -> None:
    browser = world.browser()
    address = await browser.begin(return_to='/files/x?a=1&b="><script>')
    answer = await browser.come_back(world.issuer.log_in(address, "1815", **ADA))
    assert 'content="0;url=/files/x?a=1&amp;b=&quot;&gt;&lt;script&gt;"' in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "evil", "", "/\t/evil.example",
     "/x\r\nset-cookie: a=b", "/" + "x" * 1024, "/é"],
)  # fmt: skip
async def test_a_login_ends_in_this_vault_and_nowhere_else(world: World, elsewhere: str) -> None:
    answer = await world.browser().client.get("/auth/oidc/start", params={"return_to": elsewhere})
    assert (answer.status_code, answer.json()["rule"]) == (422, "oidc.return-to")
    assert "set-cookie" not in answer.headers


async def test_only_the_browser_that_began_a_login_ends_it_and_once(world: World) -> None:
    browser, other = world.browser(), world.browser()
    back = world.issuer.log_in(await browser.begin(), "1815", **ADA)
    refused = (401, "authentication.identity-state")
    assert said(await other.come_back(back)) == refused
    await other.begin()
    assert said(await other.come_back(back)) == refused
    assert said(await browser.come_back({**back, "state": "x" * 43})) == refused
    assert said(await browser.come_back({**back, "state": "é"})) == refused
    assert said(await browser.come_back({"code": back["code"]})) == refused
    kept = browser.client.cookies.get("govault_oidc")
    assert kept is not None
    assert (await browser.come_back(back)).status_code == 200
    assert said(await browser.come_back(back)) == refused
    browser.client.cookies.set("govault_oidc", kept, domain="vault.test", path="/auth/oidc")
    assert said(await browser.come_back(back)) == (401, "authentication.identity-code")


async def test_a_login_that_took_too_long_is_begun_anew(world: World) -> None:
    browser = world.browser()
    back = world.issuer.log_in(await browser.begin(), "1815", **ADA)
    world.vault.clock.advance(OIDC_FLOW_VALID_S)
    assert said(await browser.come_back(back)) == (401, "authentication.identity-state")


async def test_a_code_of_another_login_is_of_no_use(world: World) -> None:
    victim, thief = world.browser(), world.browser()
    stolen = world.issuer.log_in(await victim.begin(), "1815", **ADA)["code"]
    own = world.issuer.log_in(await thief.begin(), "666", preferred_username="eve")
    answer = await thief.come_back({**own, "code": stolen})
    assert said(answer) == (401, "authentication.identity-code")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"iss": "https://evil.example"}, id="issuer"),
        pytest.param({"aud": "other"}, id="audience"),
        pytest.param({"nonce": "other"}, id="nonce"),
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"iat": 2**40}, id="from the future"),
        pytest.param({"azp": "other"}, id="another client"),
        pytest.param({"sub": ""}, id="nobody"),
    ],
)
async def test_a_token_with_a_wrong_claim_lets_nobody_in(world: World, spoil: dict[str, Any]) -> None:
    world.issuer.wrong = spoil
    browser = world.browser()
    assert said(await browser.log_in(world.issuer)) == (401, "authentication.identity-token")
    assert (await browser.client.get("/me")).status_code == 401
    assert (await world.doors.operator("GET", "/accounts")).json()["items"] == []


async def test_a_token_by_another_key_lets_nobody_in(world: World) -> None:
    world.issuer.key = OTHER_RSA_KEY
    assert said(await world.browser().log_in(world.issuer)) == (401, "authentication.identity-token")


async def test_a_key_that_the_provider_has_changed_is_asked_for_once(world: World) -> None:
    await world.browser().log_in(world.issuer)
    issuer = world.issuer
    issuer.key, issuer.kid, issuer.algorithm, issuer.keys = EC_KEY, "k2", "ES256", [jwk(EC_KEY, "k2")]
    asked = issuer.asked.count(f"{ISSUER}/keys")
    assert (await world.browser().log_in(issuer)).status_code == 200
    assert issuer.asked.count(f"{ISSUER}/keys") == asked + 1
    issuer.kid = "unknown"
    assert said(await world.browser().log_in(issuer)) == (401, "authentication.identity-token")
    assert issuer.asked.count(f"{ISSUER}/keys") == asked + 2


async def test_a_key_that_the_provider_has_withdrawn_counts_no_more_after_a_while(world: World) -> None:
    await world.browser().log_in(world.issuer)
    world.issuer.keys = []
    world.vault.clock.advance(OIDC_KEYS_FRESH_S + 1)
    assert said(await world.browser().log_in(world.issuer)) == (401, "authentication.identity-token")


async def test_another_provider_that_answers_is_refused_before_it_sees_the_code(world: World) -> None:
    browser = world.browser()
    back = world.issuer.log_in(await browser.begin(), "1815", **ADA)
    answer = await browser.come_back({**back, "iss": "https://evil.example"})
    assert said(answer) == (401, "authentication.identity-state")
    assert world.issuer.forms == []


async def test_who_turns_back_at_the_provider_is_not_let_in(world: World) -> None:
    browser = world.browser()
    state = parse_qs(urlsplit(await browser.begin()).query)["state"][0]
    answer = await browser.come_back({"state": state, "error": "access_denied"})
    assert said(answer) == (401, "authentication.identity-refused")
    assert "access_denied" in answer.json()["detail"]


async def test_a_provider_that_is_away_fails_the_login_and_nothing_else(world: World) -> None:
    browser = world.browser()
    world.issuer.away = True
    answer = await browser.client.get("/auth/oidc/start")
    assert (*said(answer), answer.json()["retryable"]) == (503, "identity-provider", True)
    assert "retry-after" in answer.headers
    await world.doors.make("bob")
    assert await world.doors.status(await world.doors.token("bob")) == 200
    world.issuer.away = False
    world.vault.clock.advance(3)
    back = world.issuer.log_in(await browser.begin(), "1815", **ADA)
    world.issuer.away = True
    assert said(await browser.come_back(back)) == (503, "identity-provider")
    world.issuer.away = False
    assert (await browser.come_back(back)).status_code == 200


async def test_many_who_wait_for_a_provider_that_is_away_are_told_by_one_question(world: World) -> None:
    world.issuer.away = True
    for _ in range(5):
        assert (await world.browser().client.get("/auth/oidc/start")).status_code == 503
    assert len(world.issuer.asked) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": ISSUER + "/"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
    ],
)
async def test_a_provider_that_says_something_else_of_itself_is_not_asked(
    world: World, metadata: dict[str, Any]
) -> None:
    world.issuer.metadata = metadata
    assert said(await world.browser().client.get("/auth/oidc/start")) == (503, "identity-provider")


async def test_who_comes_by_two_doors_at_once_for_the_first_time_gets_one_account(world: World) -> None:
    browsers = [world.browser() for _ in range(3)]
    backs = [world.issuer.log_in(await browser.begin(), "1815", **ADA) for browser in browsers]
    answers = await asyncio.gather(*(one.come_back(back) for one, back in zip(browsers, backs, strict=True)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({(await browser.client.get("/me")).json()["actor"] for browser in browsers}) == 1
    assert len((await world.doors.operator("GET", "/accounts")).json()["items"]) == 1


async def test_nobody_takes_over_an_account_by_its_login_or_address(world: World) -> None:
    made = await world.doors.make("ada", email="ada@example.org")
    browser = world.browser()
    answer = await browser.log_in(world.issuer)
    assert said(answer) == (409, "conflict.login-taken")
    assert "user link ada --subject 1815" in answer.json()["detail"]
    other = world.browser()
    assert (await other.log_in(world.issuer, preferred_username="eve", email="ada@example.org")).status_code == 200
    assert (await other.client.get("/me")).json()["actor"] != made["id"]


async def test_an_administrator_links_an_account_and_unlinking_ends_its_sessions(open_world: Open) -> None:
    async with open_world(replace(SETTINGS, create_accounts=False)) as world:
        made = await world.doors.make("ada")
        stranger = await world.browser().log_in(world.issuer)
        assert said(stranger) == (403, "access-denied.identity-unknown")
        assert (stranger.json()["subject"], "'1815'" in stranger.json()["detail"]) == ("1815", True)
        linked = await world.doors.operator("PUT", "/accounts/ada/identity", {"subject": "1815"})
        assert (linked.status_code, linked.json()["linked"]) == (200, True)
        browser = world.browser()
        assert (await browser.log_in(world.issuer)).status_code == 200
        assert (await browser.client.get("/me")).json()["actor"] == made["id"]
        by_password = await world.doors.token("ada")
        world.vault.clock.advance(1)
        unlinked = await world.doors.operator("DELETE", "/accounts/ada/identity")
        assert (unlinked.status_code, unlinked.json()["linked"]) == (200, False)
        assert (await browser.client.get("/me")).status_code == await world.doors.status(by_password) == 401
        assert said(await world.browser().log_in(world.issuer)) == (403, "access-denied.identity-unknown")


async def test_somebody_of_the_provider_has_one_account_and_an_account_is_his_alone(world: World) -> None:
    await world.doors.make("ada")
    await world.doors.make("bob")
    assert (await world.doors.operator("PUT", "/accounts/ada/identity", {"subject": "1"})).status_code == 200
    again = await world.doors.operator("PUT", "/accounts/bob/identity", {"subject": "1"})
    assert said(again) == (409, "conflict.identity-taken")
    elsewhere = {"subject": "1", "issuer": "https://other.example"}
    assert (await world.doors.operator("PUT", "/accounts/bob/identity", elsewhere)).status_code == 200
    assert (await world.doors.operator("PUT", "/accounts/ada/identity", {"subject": "2"})).status_code == 200
    assert (await world.doors.operator("PUT", "/accounts/bob/identity", {"subject": "1"})).status_code == 200


async def test_nobody_binds_an_account_to_himself(world: World) -> None:
    await world.doors.make("ada")
    token = await world.doors.token("ada")
    answer = await world.doors.ask(token, "PUT", "/accounts/ada/identity", {"subject": "1"})
    assert answer.status_code == 403


async def test_a_disabled_account_is_not_let_in_and_an_erased_one_is_nobody_s(world: World) -> None:
    browser = world.browser()
    await browser.log_in(world.issuer)
    first = (await browser.client.get("/me")).json()["actor"]
    await world.doors.operator("PATCH", f"/accounts/{first}", {"disabled": True})
    assert said(await world.browser().log_in(world.issuer)) == (403, "access-denied.account-disabled")
    assert (await world.doors.operator("DELETE", f"/accounts/{first}")).status_code == 204
    again = world.browser()
    assert (await again.log_in(world.issuer)).status_code == 200
    assert (await again.client.get("/me")).json()["actor"] != first


async def test_an_account_of_the_provider_has_no_password(world: World) -> None:
    await world.browser().log_in(world.issuer)
    for password in ("", "ada", "correct horse battery"):
        answer = await world.doors.ask(None, "POST", "/auth/login", {"login": "ada", "password": password or "x"})
        assert answer.status_code == 401


async def test_a_login_that_cannot_be_one_makes_no_account(world: World) -> None:
    for claims in ({"name": "Nobody"}, {"preferred_username": "a b"}, {"preferred_username": ["ada"]}):
        answer = await world.browser().log_in(world.issuer, **claims)
        assert said(answer) == (403, "access-denied.identity-claims")
        assert "preferred_username" in answer.json()["detail"]


async def test_claims_that_the_token_lacks_are_asked_of_userinfo(world: World) -> None:
    world.issuer.said["1815"] = ADA
    browser = world.browser()
    assert (await browser.log_in(world.issuer, sid="nothing of use")).status_code == 200
    assert (await browser.client.get("/me")).json()["account"]["email"] == "ada@example.org"
    world.issuer.said["7"] = {**ADA, "sub": "1815"}
    assert said(await world.browser().log_in(world.issuer, "7", sid="x")) == (401, "authentication.identity-token")


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        (ADA, 200),
        ({**ADA, "email": "ada@Example.ORG"}, 200),
        ({**ADA, "email": "ada@evil.example"}, 403),
        ({**ADA, "email": "ada@example.org.evil.example"}, 403),
        ({**ADA, "email": "example.org"}, 403),
        ({**ADA, "email_verified": False}, 403),
        ({**ADA, "email_verified": "true"}, 403),
        ({"preferred_username": "ada"}, 403),
    ],
)
async def test_domains_let_in_whose_address_is_verified_and_of_them(
    open_world: Open, claims: dict[str, Any], status: int
) -> None:
    async with open_world(replace(SETTINGS, email_domains=("example.org",))) as world:
        assert (await world.browser().log_in(world.issuer, **claims)).status_code == status


@pytest.mark.parametrize(
    ("methods", "basic", "in_form"),
    [
        (None, (CLIENT_ID, "the+client%27s+secret"), False),
        (["client_secret_post", "client_secret_basic"], (CLIENT_ID, "the+client%27s+secret"), False),
        (["client_secret_post"], None, True),
    ],
)
async def test_the_secret_is_shown_as_the_provider_wants_it(
    open_world: Open, methods: list[str] | None, basic: tuple[str, str] | None, in_form: bool
) -> None:
    async with open_world(replace(SETTINGS, client_secret=SECRET)) as world:
        if methods is not None:
            world.issuer.metadata = {"token_endpoint_auth_methods_supported": methods}
        assert (await world.browser().log_in(world.issuer)).status_code == 200
        assert world.issuer.basic == [basic]
        assert world.issuer.forms[0].get("client_secret") == (SECRET if in_form else None)


async def test_a_command_gets_its_session_by_a_code_that_counts_once_and_for_it_alone(world: World) -> None:
    browser = world.browser()
    address = await browser.begin(cli_port=40_000, cli_challenge=challenge_of(VERIFIER))
    answer = await browser.come_back(world.issuer.log_in(address, "1815", **ADA))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("http://127.0.0.1:40000/?code=")
    assert "govault_access" not in answer.headers.get("set-cookie", "")
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    ask = {"code": code, "verifier": VERIFIER}
    void = (401, "authentication.code")
    assert said(await world.doors.ask(None, "POST", "/auth/oidc/redeem", {**ask, "verifier": "w" * 43})) == void
    assert said(await world.doors.ask(None, "POST", "/auth/oidc/redeem", {**ask, "code": "x" + code})) == void
    tokens = await world.doors.ask(None, "POST", "/auth/oidc/redeem", ask)
    assert tokens.status_code == 200
    assert await world.doors.status(tokens.json()["access_token"]) == 200
    again = await world.doors.ask(None, "POST", "/auth/oidc/redeem", ask)
    assert again.status_code == 401
    assert await world.doors.status(tokens.json()["access_token"]) == 200


async def test_a_code_whose_session_was_ended_opens_no_other(world: World) -> None:
    browser = world.browser()
    address = await browser.begin(cli_port=40_000, cli_challenge=challenge_of(VERIFIER))
    answer = await browser.come_back(world.issuer.log_in(address, "1815", **ADA))
    ask = {"code": parse_qs(urlsplit(answer.headers["location"]).query)["code"][0], "verifier": VERIFIER}
    tokens = (await world.doors.ask(None, "POST", "/auth/oidc/redeem", ask)).json()
    assert await world.doors.status(tokens["access_token"], "POST", "/auth/logout") == 204
    assert (await world.doors.ask(None, "POST", "/auth/oidc/redeem", ask)).status_code == 401


async def test_a_code_from_before_everything_was_logged_out_opens_nothing(world: World) -> None:
    browser = world.browser()
    assert (await browser.log_in(world.issuer)).status_code == 200
    address = await browser.begin(cli_port=40_000, cli_challenge=challenge_of(VERIFIER))
    answer = await browser.come_back(world.issuer.log_in(address, "1815", **ADA))
    ask = {"code": parse_qs(urlsplit(answer.headers["location"]).query)["code"][0], "verifier": VERIFIER}
    ended = await browser.client.delete("/me/sessions", headers={"govault-csrf": "1"})
    assert ended.status_code == 204
    world.vault.clock.advance(0.01)
    redeemed = await world.doors.ask(None, "POST", "/auth/oidc/redeem", ask)
    assert said(redeemed) == (401, "authentication.code")


async def test_a_code_is_void_after_a_minute_and_where_the_account_was_disabled_meanwhile(world: World) -> None:
    for spoil in ("late", "disabled"):
        browser = world.browser()
        address = await browser.begin(cli_port=40_000, cli_challenge=challenge_of(VERIFIER))
        answer = await browser.come_back(world.issuer.log_in(address, "1815", **ADA))
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        if spoil == "late":
            world.vault.clock.advance(OIDC_CODE_VALID_S)
        else:
            await world.doors.operator("PATCH", "/accounts/ada", {"disabled": True})
        redeemed = await world.doors.ask(None, "POST", "/auth/oidc/redeem", {"code": code, "verifier": VERIFIER})
        assert said(redeemed) == (401, "authentication.code")


@pytest.mark.parametrize(
    "query",
    [
        {"cli_port": 40_000},
        {"cli_challenge": "c" * 43},
        {"cli_port": 22, "cli_challenge": "c" * 43},
        {"cli_port": 70_000, "cli_challenge": "c" * 43},
        {"cli_port": 40_000, "cli_challenge": "c" * 42},
        {"cli_port": 40_000, "cli_challenge": "é" * 43},
    ],
)
async def test_a_command_that_asks_halfway_is_refused(world: World, query: dict[str, Any]) -> None:
    assert (await world.browser().client.get(f"/auth/oidc/start?{urlencode(query)}")).status_code == 422


async def test_attempts_of_one_address_are_slowed_down_and_those_of_others_not(world: World) -> None:
    world.issuer.wrong = {"nonce": "other"}
    statuses = []
    for _ in range(LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE + 1):
        browser = world.browser()
        back = world.issuer.log_in(await browser.begin(), "1815", **ADA)
        statuses.append((await browser.client.get("/auth/oidc/callback", params=back)).status_code)
    assert statuses == [401] * LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE + [429]
    world.issuer.wrong = {}
    assert (await world.browser("198.51.100.1").log_in(world.issuer)).status_code == 200


async def test_a_vault_without_a_provider_says_so(doors: Doors) -> None:
    for method, path in (("GET", "/auth/oidc/start"), ("GET", "/auth/oidc/callback?code=x&state=y")):
        answer = await doors.ask(None, method, path)
        assert said(answer) == (404, "not-found.identity-provider")
    await doors.make("ada")
    answer = await doors.operator("PUT", "/accounts/ada/identity", {"subject": "1"})
    assert said(answer) == (409, "conflict.no-identity-provider")
    named = {"subject": "1", "issuer": ISSUER}
    assert (await doors.operator("PUT", "/accounts/ada/identity", named)).status_code == 200
