"""What every route has in common: identity, request ids, problems, headers, limits."""

import random

import pytest
from structlog.testing import capture_logs

from api.app import create_app
from api.settings import ApiSettings
from govault.auth.token import TokenAuthenticator
from tests.fakes.asgi import call
from tests.fakes.vault import TOKEN, Vault

PRIVATE = [
    ("GET", b"/files"),
    ("POST", b"/files"),
    ("GET", b"/files/f_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("GET", b"/spaces"),
    ("PUT", b"/spaces/main/files/a"),
    ("DELETE", b"/spaces/main/files/a"),
    ("GET", b"/spaces/main/folders/?archive=zip"),
    ("GET", b"/outcomes/e_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("GET", b"/metrics"),
    ("GET", b"/nowhere"),
    ("GET", b"/%68ealth"),
    ("GET", b"/static%2F../files"),
    ("GET", b"/health/../files"),
]


@pytest.mark.parametrize(("method", "path"), PRIVATE)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1]])
async def test_without_the_token_nothing_is_told(vault: Vault, method: str, path: bytes, token: str | None) -> None:
    answer = await call(vault.app, method, path, token=token)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "govault-position" not in answer.headers
    assert b"main" not in answer.body


async def test_a_request_id_is_kept_or_made(vault: Vault) -> None:
    kept = await vault.get("a", {"x-request-id": "from-the-client"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "from-the-client"
    made = [await vault.get("a", {"x-request-id": bad}) for bad in ("", "a b", "x" * 200)]
    assert len({answer.headers["x-request-id"] for answer in made}) == 3
    assert all(len(answer.headers["x-request-id"]) == 16 for answer in made)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found.route"),
        ("PUT", "/spaces/main", 405, "invalid-request.method"),
        ("POST", "/spaces/main/files/a", 405, "invalid-request.method"),
        ("PUT", "/files", 405, "invalid-request.method"),
        ("TRACE", "/spaces", 405, "invalid-request.method"),
        ("POST", "/spaces", 422, "invalid-request.fields"),
    ],
)
async def test_what_the_framework_refuses_is_a_problem_too(
    vault: Vault, method: str, path: str, status: int, code: str
) -> None:
    answer = await vault.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert method not in answer.headers["allow"]
        assert len(answer.headers["allow"]) > 2


async def test_allow_names_the_methods_of_both_kinds_of_doors(vault: Vault) -> None:
    answer = await vault.client.post("/spaces/main/files/a")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"


async def test_a_small_body_is_bounded_announced_or_not(vault: Vault) -> None:
    big = b'{"name":"' + b"x" * 2_000_000 + b'"}'
    announced = await call(vault.app, "POST", b"/spaces", [(b"content-length", b"2000011")], [big])
    chunked = await call(vault.app, "POST", b"/spaces", [], [big[:900_000], big[900_000:]])
    assert (announced.status, chunked.status) == (413, 413)


async def test_a_crash_is_a_500_that_tells_nothing_but_the_request(vault: Vault) -> None:
    vault.views.files_with_hash = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
    with capture_logs() as logs:
        answer = await vault.client.get("/files/" + "a" * 64)
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert any(
        entry["event"] == "http.crashed" and entry["request_id"] == answer.json()["request_id"] for entry in logs
    )


async def test_every_request_is_logged_and_counted(vault: Vault) -> None:
    with capture_logs() as logs:
        await vault.put("a", b"four")
        await vault.get("a")
    put, get = [entry for entry in logs if entry["event"] == "http.request"]
    assert (put["method"], put["status"], put["bytes_in"], put["actor"]) == ("PUT", 201, 4, "admin")
    assert (get["bytes_out"], get["route"]) == (4, "/spaces/{space}/files/{path}")
    labels = {"method": "GET", "route": "/spaces/{space}/files/{path}", "status": "200"}
    assert vault.settings.registry.get_sample_value("govault_http_request_seconds_count", labels) == 1


async def test_a_damaged_chunk_is_never_served(vault: Vault) -> None:
    content = random.Random(1).randbytes(4_000_000)
    await vault.put("a", content)
    packs = sorted((vault.root / "store" / "packs").rglob("*"), key=lambda path: path.stat().st_size)
    with packs[-1].open("r+b") as pack:
        pack.seek(packs[-1].stat().st_size - 100_000)
        pack.write(b"damage")
    cut = await call(vault.app, "GET", b"/spaces/main/files/a")
    assert cut.status == 200
    assert cut.error is not None
    assert not cut.complete
    assert len(cut.body) < len(content)
    assert content.startswith(cut.body)
    where = b"bytes=%d-%d" % (len(cut.body), len(cut.body) + 9)
    clean = await call(vault.app, "GET", b"/spaces/main/files/a", [(b"range", where)])
    assert clean.status == 500
    assert clean.complete


async def test_browsers_of_configured_origins_may_call(vault: Vault) -> None:
    settings = ApiSettings(cors_origins=("https://ui.test",))
    app = create_app(vault.services, settings, TokenAuthenticator(TOKEN))
    asked = [(b"origin", b"https://ui.test"), (b"access-control-request-method", b"PUT")]
    preflight = await call(app, "OPTIONS", b"/spaces/main/files/a", asked, token=None)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "https://ui.test"
    refused = await call(app, "GET", b"/files", [(b"origin", b"https://ui.test")], token=None)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://ui.test"
    other = await call(app, "GET", b"/spaces", [(b"origin", b"https://evil.test")])
    assert "access-control-allow-origin" not in other.headers
    off = await call(vault.app, "OPTIONS", b"/spaces/main/files/a", asked, token=None)
    assert off.status == 401


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (b"/spaces/main/files/a?versoin=1", "query-unknown"),
        (b"/spaces/main/files/a?version=1&version=2", "query-twice"),
        (b"/spaces/main/files/a?version=%FF", "query"),
        (b"/files/f_01ARZ3NDEKTSV4RRFFQ69G5FAV?x", "query-unknown"),
    ],
)
async def test_a_query_that_is_not_understood_is_never_ignored(vault: Vault, path: bytes, rule: str) -> None:
    answer = await call(vault.app, "GET", path)
    assert answer.status == 422
    assert f'"rule":"{rule}"'.encode() in answer.body


@pytest.mark.parametrize(
    "path", ["/spaces", "/files?limit=1", "/spaces/main/folders/", "/openapi.json", "/spaces/main"]
)
async def test_head_is_answered_wherever_get_is(vault: Vault, path: str) -> None:
    get, head = await vault.client.get(path), await vault.client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
    for name in ("content-type", "content-length", "etag"):
        assert head.headers.get(name) == get.headers.get(name)
