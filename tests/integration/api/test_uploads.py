"""Uploads that go wrong leave nothing; uploads that go right keep what the client said."""

import base64
import hashlib
import random
from collections.abc import AsyncIterator

import pytest

from api.app import create_app
from api.settings import ApiSettings
from govault.auth.token import TokenAuthenticator
from govault.services.contents.upload_terms import UploadWish
from schemas.events.files import VersionCommitted
from tests.fakes.asgi import call
from tests.fakes.epochs import open_epochs
from tests.fakes.vault import ADMIN, TOKEN, Vault

PATH = b"/spaces/main/files/a"


def _digest(name: str, content: bytes) -> str:
    return f"{name}=:{base64.b64encode(hashlib.new(name.replace('-', ''), content).digest()).decode()}:"


def _commits(vault: Vault) -> int:
    return [event.data.TYPE for event in vault.log.events].count(VersionCommitted.TYPE)


async def test_a_client_that_goes_away_leaves_no_file_and_no_event(vault: Vault) -> None:
    for body in ([], [b"half"], [b"x" * 3_000_000]):
        answer = await call(vault.app, "PUT", PATH, [(b"content-length", b"9000000")], body, disconnect=True)
        assert answer.status == 0
    assert _commits(vault) == 0
    assert (await vault.get("a")).status_code == 404


async def test_a_body_shorter_or_longer_than_announced_is_refused(vault: Vault) -> None:
    for announced in (b"5", b"3"):
        answer = await call(vault.app, "PUT", PATH, [(b"content-length", announced)], [b"four"])
        assert answer.status == 422
        assert b"invalid-request.truncated" in answer.body
    assert _commits(vault) == 0


@pytest.mark.parametrize("field", ["content-digest", "repr-digest"])
@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
async def test_right_digests_are_accepted_and_wrong_ones_keep_nothing(vault: Vault, field: str, name: str) -> None:
    wrong = await vault.put("a", b"content", {field: _digest(name, b"other")})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "digest-mismatch")
    assert _commits(vault) == 0
    assert (await vault.get("a")).status_code == 404
    right = await vault.put("a", b"content", {field: f"{_digest(name, b'content')}, unixsum=:AAAA:"})
    assert right.status_code == 201


@pytest.mark.parametrize("value", ["sha-256", "sha-256=abc", "sha-256=:!!:", "sha-256=:YWJj:", "=::"])
async def test_malformed_digests_are_refused(vault: Vault, value: str) -> None:
    answer = await vault.put("a", b"content", {"content-digest": value})
    assert answer.status_code == 400
    assert _commits(vault) == 0


async def test_what_was_sent_back_can_be_verified(vault: Vault) -> None:
    content = random.Random(3).randbytes(100_000)
    await vault.put("a", content)
    assert (await vault.get("a")).headers["repr-digest"] == _digest("sha-256", content)


async def test_a_content_beyond_the_bound_is_refused_announced_or_not(vault: Vault) -> None:
    app = create_app(vault.services, ApiSettings(max_upload_bytes=10), TokenAuthenticator(TOKEN))
    announced = await call(app, "PUT", PATH, [(b"content-length", b"11")], [b"x" * 11])
    chunked = await call(app, "PUT", PATH, [], [b"x" * 6, b"x" * 5])
    exact = await call(app, "PUT", PATH, [], [b"x" * 5, b"x" * 5])
    assert (announced.status, chunked.status, exact.status) == (413, 413, 201)
    assert _commits(vault) == 1


async def test_a_content_that_the_disk_cannot_hold_is_refused_before_it_comes(vault: Vault) -> None:
    answer = await call(vault.app, "PUT", PATH, [(b"content-length", b"900000000000000")], [], disconnect=True)
    assert answer.status in (413, 507)
    small = create_app(vault.services, ApiSettings(max_upload_bytes=10**18), TokenAuthenticator(TOKEN))
    answer = await call(small, "PUT", PATH, [(b"content-length", b"900000000000000")], [], disconnect=True)
    assert answer.status == 507


async def test_a_long_upload_that_must_fail_is_refused_before_its_bytes(vault: Vault) -> None:
    await vault.put("a", b"here")
    headers = [(b"content-length", b"9000000"), (b"if-none-match", b"*")]
    answer = await call(vault.app, "PUT", PATH, headers, [], disconnect=True)
    assert answer.status == 412
    answer = await call(vault.app, "PUT", PATH + b"/b", [(b"content-length", b"9000000")], [], disconnect=True)
    assert answer.status == 409


async def test_what_the_client_said_comes_back(vault: Vault) -> None:
    said = {"govault-mtime": "2024-02-03T04:05:06.789012345Z", "govault-executable": "true"}
    await vault.put("tool", b"#!/bin/sh\n", said)
    answer = await vault.get("tool")
    assert answer.headers["govault-mtime"] == "1706933106789012345"
    assert answer.headers["govault-executable"] == "true"
    await vault.put("link", b"../target", {"govault-kind": "symlink", "govault-mtime": "-1"})
    link = await vault.get("link")
    assert (link.content, link.headers["govault-kind"], link.headers["govault-mtime"]) == (
        b"../target",
        "symlink",
        "-1",
    )


async def test_tags_and_description_come_by_header_or_query(vault: Vault) -> None:
    by_header = await vault.put("a", b"1", {"govault-tags": "red, gr%C3%BCn,red", "govault-description": "l%C3%A4nger"})
    by_query = await vault.put("b?tags=red,blue&description=short", b"2")
    rows = [vault.views.entity(answer.json()["id"]) for answer in (by_header, by_query)]
    assert [(sorted(row.tags), row.description) for row in rows] == [  # type: ignore[union-attr]
        (["grün", "red"], "länger"),
        (["blue", "red"], "short"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"govault-mtime": "yesterday"},
        {"govault-mtime": "2024-02-03T04:05:06"},
        {"govault-mtime": "9" * 40},
        {"govault-executable": "perhaps"},
        {"govault-kind": "device"},
        {"content-encoding": "gzip"},
        {"content-range": "bytes 0-1/2"},
        {"govault-content": "abc"},
        {"idempotency-key": "x" * 256},
        {"govault-tags": "%FF"},
    ],
)
async def test_headers_that_break_their_rule_are_refused(vault: Vault, headers: dict[str, str]) -> None:
    answer = await vault.put("a", b"x", headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["rule"]
    assert _commits(vault) == 0


async def test_a_known_content_is_committed_without_its_bytes(vault: Vault) -> None:
    content = random.Random(5).randbytes(20 * 1024 * 1024)
    told = (await vault.put("a", content)).json()
    await vault.client.post("/spaces", json={"name": "other"})
    for space, path in (("main", "copy"), ("other", "deep/copy")):
        answer = await vault.put(path, b"", {"govault-content": told["etag"], "govault-mtime": "5"}, space=space)
        assert (answer.status_code, answer.json()["result"]) == (201, "created"), answer.text
        assert (answer.json()["new_bytes"], answer.json()["stored_bytes"]) == (0, 0)
        back = await vault.get(path, space=space)
        assert back.content == content
        assert back.headers["govault-mtime"] == "5"
    again = await vault.put("a", b"", {"govault-content": told["etag"]})
    assert again.json()["result"] == "unchanged"
    unknown = await vault.put("b", b"", {"govault-content": "0" * 64})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found.content")


async def test_the_same_bytes_again_are_stored_once(vault: Vault) -> None:
    content = random.Random(6).randbytes(2_000_000)
    first = (await vault.put("a", content)).json()
    second = (await vault.put("b", content)).json()
    assert first["new_bytes"] == 2_000_000
    assert first["stored_bytes"] >= 2_000_000
    assert (second["new_bytes"], second["stored_bytes"]) == (0, 0)


async def test_an_upload_outlives_collections_clock(vault: Vault) -> None:
    content = random.Random(8).randbytes(21 * 1024 * 1024)
    pieces = [content[start : start + 1_000_000] for start in range(0, len(content), 1_000_000)]

    async def body() -> AsyncIterator[bytes]:
        for index, piece in enumerate(pieces):
            if index == 10:
                await open_epochs(vault, 4)
            yield piece

    uploaded = await vault.services.uploads.put(ADMIN, UploadWish("main", "slow"), body(), 10**9)
    assert uploaded.result == "created"
    assert (await vault.get("slow")).content == content
