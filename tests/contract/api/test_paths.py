"""CONTRACT's rules of paths, over HTTP: each refusal is a 422 under the rule's name."""

import unicodedata
from urllib.parse import quote

import orjson
import pytest

from tests.fakes.asgi import call
from tests.fakes.vault import Vault

REFUSED = [
    ("", "empty-segment"),
    ("a//b", "empty-segment"),
    ("a/", "empty-segment"),
    ("%2e", "dot-segment"),
    ("a/%2E/b", "dot-segment"),
    ("%2e%2e/b", "dot-dot-segment"),
    ("a/..%2Fb", "encoded-slash"),
    ("a%2Fb", "encoded-slash"),
    ("a%00b", "nul"),
    ("a%0Ab", "control-character"),
    ("a%7Fb", "control-character"),
    ("a%C2%85b", "control-character"),
    ("%FF", "invalid-utf8"),
    ("%C0%AF", "invalid-utf8"),
    ("%ED%A0%80", "invalid-utf8"),
    ("a%2", "bad-escape"),
    ("a%zz", "bad-escape"),
    ("x" * 256, "segment-too-long"),
    (quote("ü" * 128), "segment-too-long"),
    ("/".join(["x" * 200] * 6), "path-too-long"),
    ("/".join(["x"] * 513), "too-deep"),
]


@pytest.mark.parametrize(("path", "rule"), REFUSED)
async def test_a_path_that_breaks_a_rule_is_refused_by_its_name(vault: Vault, path: str, rule: str) -> None:
    for method in ("PUT", "GET"):
        answer = await raw_request(vault, method, b"/spaces/main/files/" + path.encode())
        assert answer[0] == 422, (method, answer)
        assert answer[1]["rule"] == rule


ACCEPTED = [
    "a",
    "a/b/c",
    "ä ö",
    "100%",
    "a+b",
    "con",
    "...",
    "~",
    "a;b=c",
    "a?b",
    "a#b",
    "日本/語",
    "\u200d",
    "x" * 255,
]


@pytest.mark.parametrize("path", ACCEPTED)
async def test_other_names_are_kept_byte_by_byte(vault: Vault, path: str) -> None:
    url = quote(path, safe="/")
    answer = await vault.put(url, b"content")
    assert answer.status_code == 201, answer.text
    assert answer.json()["path"] == unicodedata.normalize("NFC", path)
    assert (await vault.get(url)).content == b"content"


async def test_a_name_is_normalised_and_that_is_told(vault: Vault) -> None:
    decomposed = quote("Cafe\u0301")
    answer = await vault.put(decomposed, b"x")
    assert answer.json()["path"] == "Caf\u00e9"
    assert answer.json()["path_normalised"] is True
    assert (await vault.get(quote("Caf\u00e9"))).status_code == 200


async def test_percent_signs_are_decoded_once(vault: Vault) -> None:
    assert (await vault.put("a%252Fb", b"x")).json()["path"] == "a%2Fb"
    assert (await vault.get("a/b")).status_code == 404


async def test_names_that_differ_in_case_are_different(vault: Vault) -> None:
    await vault.put("Name", b"1")
    await vault.put("name", b"2")
    assert (await vault.get("Name")).content == b"1"


@pytest.mark.parametrize(
    "path",
    [
        b"/spaces/s%2Ffiles%2Fx/files/q",
        b"/spaces/Main/files/q",
        b"/spaces/..%2Fmain/files/q",
        b"/spaces/a/files/q",
        b"/spaces/-ab/files/q",
        b"/spaces//files/q",
        b"/spaces/%6Dain%00/files/q",
    ],
)
async def test_a_bad_space_name_is_never_another_file(vault: Vault, path: bytes) -> None:
    await vault.put("x/files/q", b"secret")
    for method in ("GET", "PUT"):
        status, told = await raw_request(vault, method, path)
        assert (status, told["rule"]) == (422, "space-name")


async def test_a_file_cannot_hold_others(vault: Vault) -> None:
    await vault.put("a", b"x")
    answer = await vault.put("a/b", b"y")
    assert answer.status_code == 409
    assert answer.json()["reason"] == "not-a-folder"


async def test_a_folder_is_no_file(vault: Vault) -> None:
    await vault.put("a/b", b"x")
    assert (await vault.put("a", b"y")).status_code == 409
    assert (await vault.get("a")).status_code == 409


async def test_an_unknown_space_is_not_found(vault: Vault) -> None:
    assert (await vault.put("a", b"x", space="nowhere")).status_code == 404
    assert (await vault.get("a", space="nowhere")).status_code == 404


async def raw_request(vault: Vault, method: str, raw_path: bytes) -> tuple[int, dict[str, object]]:
    """A request whose path no client library has touched."""
    answer = await call(vault.app, method, raw_path)
    return answer.status, orjson.loads(answer.body)
