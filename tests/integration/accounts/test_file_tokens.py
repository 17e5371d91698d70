"""Addresses of one file for a short while: what they open, for whom they speak, and when they end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.middleware.access import AccessEntry
from api.middleware.gate import Gate
from api.middleware.rates import Rates, RequestsPerMinute
from api.settings import ApiSettings
from api.types import Message, Receive, Scope, Send
from govault.limits import ACCOUNTS_LAG_S_MAX, FILE_TOKEN_VALID_S
from schemas.events.files import RulesActivated
from schemas.ids import is_file_token_id
from tests.fakes.vault import ADMIN, open_vault
from tests.integration.accounts.conftest import PASSWORD, Doors
from tests.integration.namespace.test_shares import at_rules_2

CLOSED = "not-found.file-token-closed"


@dataclass
class Ada:
    """Somebody who may write one file of others, and read nothing else."""

    doors: Doors
    id: str
    file_id: str
    token: str

    async def address(self, **ask: object) -> str:
        """An address of the file, by her session."""
        return str((await self.made(**ask))["url"])

    async def made(self, token: str = "", **ask: object) -> dict[str, Any]:
        answer = await self.doors.ask(token or self.token, "POST", f"/files/{self.file_id}/tokens", ask)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def operator(self, method: str, path: str, json: object = None) -> None:
        answer = await self.doors.operator(method, path, json)
        assert answer.status_code < 300, answer.text

    async def open(self, url: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Use an address, as whoever has nothing else."""
        transport = httpx.ASGITransport(app=self.doors.vault.app, raise_app_exceptions=False, client=("192.0.2.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
            return await client.request(method, url, **more)

    async def code(self, url: str, method: str = "GET", **more: Any) -> tuple[int, str]:
        """How it is answered: status, and the code of a problem."""
        answer = await self.open(url, method, **more)
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""


async def ada_of(doors: Doors) -> Ada:
    made = await doors.make("ada")
    await at_rules_2(doors.vault)
    file = (await doors.vault.put("films/plan.mp4", b"first")).json()
    await doors.vault.put("films/plan.mp4", b"0123456789", {"content-type": "video/mp4"})
    await doors.vault.put("films/other", b"hidden")
    await doors.operator("PUT", f"/files/{file['id']}/access/{made['id']}", {"level": "write"})
    return Ada(doors, made["id"], file["id"], await doors.token("ada"))


@pytest.fixture
async def ada(doors: Doors) -> Ada:
    return await ada_of(doors)


async def test_an_address_needs_neither_header_nor_cookie_and_answers_as_any_download(ada: Ada) -> None:
    made = await ada.made()
    assert is_file_token_id(made["id"])
    assert (made["file"], made["version"], made["methods"]) == (ada.file_id, None, ["GET", "HEAD"])
    url = made["url"]
    whole = await ada.open(url)
    usual = await ada.doors.ask(ada.token, "GET", f"/files/{ada.file_id}")
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    for name in (
        "etag",
        "content-disposition",
        "accept-ranges",
        "content-security-policy",
        "repr-digest",
        "content-type",
    ):
        assert whole.headers[name] == usual.headers[name], name
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["referrer-policy"] == "no-referrer"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "govault-position" not in whole.headers
    part = await ada.open(url, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert (await ada.open(url, headers={"range": "bytes=99-"})).status_code == 416
    head = await ada.open(url, "HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")
    assert (await ada.open(url, headers={"if-none-match": whole.headers["etag"]})).status_code == 304
    assert (await ada.open(url, headers={"if-match": '"x"'})).status_code == 412
    attached = await ada.open(url, params={"download": ""})
    assert attached.headers["content-disposition"].startswith("attachment")
    assert (await ada.open(url, params={"version": "1"})).status_code == 422


async def test_an_address_is_no_credential_anywhere_else_and_credentials_are_none_there(ada: Ada) -> None:
    made = await ada.made(methods=["GET", "HEAD", "PUT"])
    text = made["token"]
    for method, path in (
        ("GET", f"/files/{ada.file_id}"),
        ("GET", f"/files/{ada.file_id}?access_token={text}"),
        ("GET", "/spaces/main/files/films/plan.mp4"),
        ("POST", f"/files/{ada.file_id}/tokens"),
        ("GET", "/me"),
        ("GET", f"/content/{text}/more"),
        ("DELETE", f"/content/{text}"),
        ("PATCH", f"/content/{text}"),
    ):
        for given in (text, None):
            answer = await ada.doors.ask(given, method, path)
            # Without a credential the route is asked as anybody, and knows no such field.
            refused = 422 if "?" in path and given is None else 401
            assert answer.status_code == refused, (method, path, given)
    cookie = {"cookie": f"govault_access={text}"}
    assert (await ada.doors.ask(None, "GET", "/me", headers=cookie)).status_code == 401
    for text in (ada.token, "the-token-of-the-tests", "a.b.c", "%2e%2e", "\u00e9", "x" * 10_000):
        assert await ada.code(f"/content/{text}") == (404, CLOSED), text
    assert (await ada.open("/content/")).status_code == 401
    # Whatever else comes along counts nothing.
    assert (await ada.doors.ask("nonsense", "GET", made["url"])).content == b"0123456789"
    assert (await ada.doors.ask("the-token-of-the-tests", "GET", "/content/a.b.c")).status_code == 404


async def test_an_address_is_for_the_methods_that_it_names(ada: Ada) -> None:
    reads, looks, writes = [await ada.address(methods=methods) for methods in (["GET"], ["HEAD"], ["PUT"])]
    denied = (403, "access-denied.file-token-method")
    assert await ada.code(reads) == (200, "")
    assert (await ada.open(reads, "HEAD")).status_code == 403
    assert await ada.code(reads, "PUT", content=b"x") == denied
    assert await ada.code(looks) == denied
    assert (await ada.open(looks, "HEAD")).status_code == 200
    assert await ada.code(writes) == denied
    assert await ada.code(writes, "PUT", content=b"next") == (200, "")


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        ({"methods": []}, 422),
        ({"methods": ["DELETE"]}, 422),
        ({"methods": ["get"]}, 422),
        ({"expires_s": 0}, 422),
        ({"expires_s": 86_401}, 422),
        ({"expires_s": 1.5}, 422),
        ({"version": 99}, 404),
        ({"version": 1, "methods": ["PUT"]}, 422),
        ({"more": 1}, 422),
    ],
)
async def test_what_no_address_can_be_is_refused(ada: Ada, ask: dict[str, object], status: int) -> None:
    answer = await ada.doors.ask(ada.token, "POST", f"/files/{ada.file_id}/tokens", ask)
    assert answer.status_code == status, answer.text


async def test_an_address_leads_to_the_current_version_or_to_the_one_that_was_asked_for(ada: Ada) -> None:
    current, first = await ada.address(), await ada.address(version=1)
    second = (await ada.doors.ask(ada.token, "GET", f"/files/{ada.file_id}")).headers["etag"].strip('"')
    by_hash = await ada.doors.ask(ada.token, "POST", f"/files/{second}/tokens", {})
    assert (by_hash.json()["file"], by_hash.json()["version"]) == (ada.file_id, 2)
    by_number = await ada.doors.ask(ada.token, "POST", f"/files/{ada.file_id}@1/tokens", {})
    await ada.doors.vault.put("films/plan.mp4", b"third")
    assert (await ada.open(current)).content == b"third"
    assert (await ada.open(first)).content == (await ada.open(by_number.json()["url"])).content == b"first"
    assert (await ada.open(by_hash.json()["url"])).content == b"0123456789"
    await ada.operator("DELETE", f"/files/{ada.file_id}/versions/1")
    assert await ada.code(first) == (404, CLOSED)


async def test_nobody_makes_an_address_of_what_he_may_not(ada: Ada) -> None:
    other = (await ada.doors.operator("GET", "/spaces/main/files/films/other?metadata=true")).json()["id"]
    assert (await ada.doors.ask(ada.token, "POST", f"/files/{other}/tokens", {})).status_code == 404
    folder = (await ada.doors.operator("GET", "/spaces/main/folders/films")).json()["folder"]["id"]
    answer = await ada.doors.operator("POST", f"/files/{folder}/tokens", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict.not-a-file")
    await ada.operator("PUT", f"/files/{ada.file_id}/access/{ada.id}", {"level": "read"})
    denied = await ada.doors.ask(ada.token, "POST", f"/files/{ada.file_id}/tokens", {"methods": ["GET", "PUT"]})
    assert denied.status_code == 403
    assert (await ada.doors.ask(None, "POST", f"/files/{ada.file_id}/tokens", {})).status_code == 401
    assert (await ada.open(await ada.address())).status_code == 200


async def test_an_address_ends_by_its_time(ada: Ada) -> None:
    usual, short = await ada.address(), await ada.address(expires_s=60)
    ada.doors.vault.clock.advance(61)
    await fresh(ada)
    assert await ada.code(short) == (404, CLOSED)
    assert await ada.code(usual) == (200, "")
    ada.doors.vault.clock.advance(FILE_TOKEN_VALID_S - 61)
    await fresh(ada)
    assert await ada.code(usual) == (404, CLOSED)


async def fresh(ada: Ada) -> None:
    accounts = ada.doors.accounts
    await accounts.freshness.work()


async def test_an_address_ends_with_the_session_by_which_it_was_made(ada: Ada) -> None:
    first = await ada.address()
    ada.token, kept = await ada.doors.token("ada"), ada.token
    second = await ada.address()
    await ada.doors.ask(kept, "POST", "/auth/logout")
    assert await ada.code(first) == (404, CLOSED)
    assert await ada.code(second) == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "ask"),
    [
        ("DELETE", "/accounts/ada/sessions", None),
        ("PATCH", "/accounts/ada", {"disabled": True}),
        ("DELETE", "/accounts/ada", None),
        ("POST", "/accounts/ada/password", {"password": PASSWORD + "!"}),
    ],
)
async def test_an_address_ends_with_all_that_its_account_may(
    ada: Ada, method: str, path: str, ask: dict[str, object] | None
) -> None:
    machine = (await ada.doors.operator("POST", "/accounts/ada/tokens", {"name": "t", "scopes": ["write"]})).json()
    urls = [await ada.address(), (await ada.made(machine["token"]))["url"]]
    ada.doors.vault.clock.advance(0.01)
    assert [await ada.code(url) for url in urls] == [(200, "")] * 2
    await ada.operator(method, path, ask)
    assert [await ada.code(url) for url in urls] == [(404, CLOSED)] * 2


async def test_what_is_made_after_a_logout_everywhere_counts_at_once(ada: Ada) -> None:
    machine = (await ada.doors.operator("POST", "/accounts/ada/tokens", {"name": "t", "scopes": ["write"]})).json()
    before = (await ada.made(machine["token"]))["url"]
    await ada.operator("DELETE", "/accounts/ada/sessions")
    after = (await ada.made(machine["token"]))["url"]
    assert [await ada.code(url) for url in (before, after)] == [(404, CLOSED), (200, "")]


async def test_an_address_ends_when_its_maker_may_no_more_and_opens_again_when_he_may(ada: Ada) -> None:
    url = await ada.address(methods=["GET", "PUT"])
    await ada.operator("PUT", f"/files/{ada.file_id}/access/{ada.id}", {"level": "read"})
    assert await ada.code(url, "PUT", content=b"x") == (404, CLOSED)
    assert await ada.code(url) == (200, "")
    await ada.operator("DELETE", f"/files/{ada.file_id}/access/{ada.id}")
    assert await ada.code(url) == (404, CLOSED)
    await ada.operator("PUT", f"/files/{ada.file_id}/access/{ada.id}", {"level": "read"})
    assert await ada.code(url) == (200, "")
    await ada.operator("DELETE", f"/files/{ada.file_id}")
    assert await ada.code(url) == (404, CLOSED)
    await ada.operator("DELETE", f"/trash/{ada.file_id}")
    assert await ada.code(url) == (404, CLOSED)


async def test_an_address_follows_its_file_wherever_it_goes(ada: Ada) -> None:
    url = await ada.address(methods=["GET", "PUT"])
    await ada.operator("PATCH", f"/files/{ada.file_id}", {"path": "elsewhere/film"})
    await ada.doors.vault.put("films/plan.mp4", b"another file")
    assert (await ada.open(url)).content == b"0123456789"
    assert await ada.code(url, "PUT", content=b"next") == (200, "")
    assert (await ada.doors.vault.get("elsewhere/film")).content == b"next"
    assert (await ada.doors.vault.get("films/plan.mp4")).content == b"another file"


async def test_a_file_that_moves_while_its_next_version_comes_gets_it_all_the_same(ada: Ada) -> None:
    url = await ada.address(methods=["PUT"])

    async def body() -> AsyncIterator[bytes]:
        yield b"ne"
        await ada.operator("PATCH", f"/files/{ada.file_id}", {"path": "elsewhere/film"})
        await ada.doors.vault.put("films/plan.mp4", b"another file")
        yield b"xt"

    assert await ada.code(url, "PUT", content=body()) == (200, "")
    assert (await ada.doors.vault.get("elsewhere/film")).content == b"next"
    assert (await ada.doors.vault.get("films/plan.mp4")).content == b"another file"


async def test_by_an_api_token_an_address_has_its_scopes_and_its_end(ada: Ada) -> None:
    await ada.doors.make("root", roles=["admin"])
    issued = {
        scope: (await ada.doors.operator("POST", "/accounts/root/tokens", {"name": "t", "scopes": [scope]})).json()
        for scope in ("read", "write", "admin")
    }
    path = f"/files/{ada.file_id}/tokens"
    assert (await ada.doors.ask(issued["read"]["token"], "POST", path, {})).status_code == 403
    # Without the scope the administrator is nobody special, and was granted nothing.
    assert (await ada.doors.ask(issued["write"]["token"], "POST", path, {})).status_code == 404
    url = (await ada.doors.ask(issued["admin"]["token"], "POST", path, {})).json()["url"]
    assert await ada.code(url) == (200, "")
    await ada.operator("DELETE", f"/accounts/root/tokens/{issued['admin']['id']}")
    assert await ada.code(url) == (404, CLOSED)


async def test_an_address_of_the_operator_speaks_for_him(ada: Ada) -> None:
    made = (await ada.doors.operator("POST", f"/files/{ada.file_id}/tokens", {"methods": ["PUT"]})).json()
    assert await ada.code(made["url"], "PUT", content=b"his") == (200, "")
    versions = (await ada.doors.operator("GET", f"/files/{ada.file_id}/versions")).json()["items"]
    assert {one["version"]: one["actor"] for one in versions}[3] == "admin"


async def test_a_put_makes_the_next_version_of_that_file_and_tells_nothing_else(ada: Ada) -> None:
    await ada.operator("PATCH", f"/files/{ada.file_id}", {"tags": ["kept"]})
    url = await ada.address(methods=["PUT"])
    stored = await ada.open(url, "PUT", content=b"hidden")
    assert stored.json() == {
        "id": ada.file_id,
        "version": 3,
        "etag": stored.headers["etag"].strip('"'),
        "size_bytes": 6,
        "media_type": stored.json()["media_type"],
        "result": "version",
    }
    assert await ada.code(url, "PUT", content=b"hidden") == (200, "")
    versions = (await ada.doors.operator("GET", f"/files/{ada.file_id}/versions")).json()["items"]
    assert {one["version"]: one["actor"] for one in versions} == {3: ada.id, 2: "admin", 1: "admin"}
    about = (await ada.doors.operator("GET", f"/files/{ada.file_id}/metadata")).json()
    assert (about["tags"], about["path"]) == (["kept"], "films/plan.mp4")


@pytest.mark.parametrize(
    "header",
    [
        {"govault-content": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
        {"govault-tags": "mine"},
        {"govault-description": "mine"},
        {"govault-kind": "symlink"},
    ],
)
async def test_a_put_brings_bytes_and_neither_other_contents_nor_words(ada: Ada, header: dict[str, str]) -> None:
    """By a hash, who has the address would fetch whatever its maker can read."""
    url = await ada.address(methods=["GET", "PUT"])
    assert (await ada.open(url, "PUT", headers=header)).status_code == 422
    assert (await ada.open(url, "PUT", params={"tags": "mine"})).status_code == 422
    assert (await ada.open(url)).content == b"0123456789"


async def test_the_condition_of_a_put_tells_the_content_only_to_who_may_read_it(ada: Ada) -> None:
    both, writes = await ada.address(methods=["GET", "PUT"]), await ada.address(methods=["PUT"])
    etag = (await ada.open(both)).headers["etag"]
    wrong = {"if-match": f'"{"0" * 64}"'}
    told = await ada.open(both, "PUT", content=b"next", headers=wrong)
    assert (told.status_code, told.headers["etag"]) == (412, etag)
    untold = await ada.open(writes, "PUT", content=b"next", headers=wrong)
    assert (untold.status_code, "etag" in untold.headers) == (412, False)
    assert etag.strip('"') not in untold.text
    assert (await ada.open(writes, "PUT", content=b"next", headers={"if-match": etag})).status_code == 200
    assert (await ada.open(writes, "PUT", content=b"more", headers={"if-none-match": "*"})).status_code == 412


async def test_a_repeated_put_is_answered_with_its_first_outcome(ada: Ada) -> None:
    url = await ada.address(methods=["GET", "PUT"])
    key = {"idempotency-key": "k1", "if-match": (await ada.open(url)).headers["etag"]}
    first = await ada.open(url, "PUT", content=b"next", headers=key)
    again = await ada.open(url, "PUT", content=b"next", headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json()["version"] == again.json()["version"] == 3
    # The keys of whoever made the address are others.
    own = await ada.doors.ask(ada.token, "PATCH", f"/files/{ada.file_id}", {"tags": ["x"]}, {"idempotency-key": "k1"})
    assert own.status_code == 200


async def test_a_full_quota_is_told_without_its_figures(ada: Ada) -> None:
    url = await ada.address(methods=["PUT"])
    space = ada.doors.vault.views.space_named("main")
    assert space is not None
    answer = await ada.doors.operator("PATCH", "/spaces/main", {"quota": {"bytes_max": 20}})
    if answer.status_code == 409:
        submit = ada.doors.vault.services.submitter.submit
        await submit(ADMIN, RulesActivated(rules=3), space.partition, subject="rules")
        answer = await ada.doors.operator("PATCH", "/spaces/main", {"quota": {"bytes_max": 20}})
    assert answer.status_code == 200, answer.text
    refused = await ada.open(url, "PUT", content=b"x" * 100)
    assert (refused.status_code, refused.json()["code"]) == (507, "quota-exceeded")
    assert not {"most", "used", "asked"} & set(refused.json())


async def test_a_node_that_has_not_heard_lately_whom_the_vault_lets_in_opens_nothing(ada: Ada) -> None:
    url = await ada.address()
    ada.doors.vault.clock.advance(ACCOUNTS_LAG_S_MAX + 1)
    assert await ada.code(url) == (503, "views-lagging.accounts")


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[tuple[Ada, list[AccessEntry]]]:
    """A vault with room for few requests, and its access log."""
    entries: list[AccessEntry] = []
    rates = RequestsPerMinute(account=5, address=4, share_link=3)
    async with open_vault(tmp_path, ApiSettings(rates=rates, access_log=entries.append)) as vault:
        yield await ada_of(Doors(vault)), entries


async def test_requests_by_an_address_are_its_makers_and_guesses_those_of_who_guesses(
    few: tuple[Ada, list[AccessEntry]],
) -> None:
    ada, entries = few
    url = await ada.address()
    assert [(await ada.code(url))[0] for _ in range(5)] == [200] * 4 + [429]
    assert (await ada.doors.status(ada.token)) == 429
    assert [(await ada.code("/content/a.b.c"))[0] for _ in range(5)] == [404] * 4 + [429]
    assert {entry.path for entry in entries if entry.route == "/content/{token}"} == {"/content/-"}
    assert entries[-5].actor == ""
    assert [entry.actor for entry in entries if entry.status == 200 and entry.path == "/content/-"] == [ada.id] * 4


async def test_an_address_of_the_operator_has_the_rate_of_a_share_link(few: tuple[Ada, list[AccessEntry]]) -> None:
    ada, _ = few
    made = (await ada.doors.operator("POST", f"/files/{ada.file_id}/tokens", {})).json()
    assert [(await ada.code(made["url"]))[0] for _ in range(4)] == [200] * 3 + [429]


async def test_the_gate_says_whose_the_bytes_are_before_any_goes(ada: Ada) -> None:
    """The pace of bytes is that of whoever the request's state names when it passes the gate."""
    seen: list[tuple[str, str]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["state"]["actor_name"], scope["state"]["actor"].name))

    async def nothing(*_: Message) -> Message:
        return {}

    services = ada.doors.vault.services
    assert services.accounts is not None
    rates = Rates(RequestsPerMinute(), lambda: 0.0)
    gate = Gate(inner, services.accounts.authenticator, lambda: services.views, rates, False, services.file_tokens)
    path = (await ada.address()).encode()
    scope = {"type": "http", "method": "GET", "raw_path": path, "headers": [], "state": {"request_id": "r"}}
    await gate(scope, nothing, nothing)
    assert seen == [(ada.id, ada.id)]
