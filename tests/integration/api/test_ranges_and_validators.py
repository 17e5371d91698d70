"""Parts of contents, and answers that depend on what the client has (RFC 9110, 13 and 14)."""

import random
import re
from email.utils import formatdate

import pytest

from tests.fakes.vault import Vault

CONTENT = random.Random(1).randbytes(3 * 1024 * 1024 + 11)
SIZE = len(CONTENT)


@pytest.fixture
async def etag(vault: Vault) -> str:
    """The file's tag."""
    answer = await vault.put("big.bin", CONTENT)
    assert answer.status_code == 201
    return answer.headers["etag"]


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=1000000-2000000", 1_000_000, 2_000_001),
        (f"bytes=5-{SIZE * 2}", 5, SIZE),
    ],
)
async def test_one_range_is_a_206_with_its_place(vault: Vault, etag: str, value: str, start: int, stop: int) -> None:
    answer = await vault.get("big.bin", {"range": value})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.content == CONTENT[start:stop]
    assert answer.headers["etag"] == etag


async def test_many_ranges_are_a_multipart(vault: Vault, etag: str) -> None:
    answer = await vault.get("big.bin", {"range": "bytes=0-9, -5, 1500000-1500009"})
    assert answer.status_code == 206
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", answer.headers["content-type"])
    assert boundary is not None
    assert len(answer.content) == int(answer.headers["content-length"])
    parts = answer.content.split(b"\r\n--" + boundary[1].encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    found = [part.split(b"\r\n\r\n", 1) for part in parts[1:-1]]
    assert [body for _, body in found] == [CONTENT[:10], CONTENT[-5:], CONTENT[1_500_000:1_500_010]]
    assert b"content-range: bytes 0-9/%d" % SIZE in found[0][0]


async def test_a_range_beyond_the_end_is_a_416_that_tells_the_size(vault: Vault, etag: str) -> None:
    answer = await vault.get("big.bin", {"range": f"bytes={SIZE}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


async def test_a_malformed_range_is_ignored(vault: Vault, etag: str) -> None:
    answer = await vault.get("big.bin", {"range": "bytes=x"})
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


async def test_if_range_sends_the_part_only_of_the_same_content(vault: Vault, etag: str) -> None:
    date = (await vault.get("big.bin")).headers["last-modified"]
    for value, status in (
        (etag, 206),
        (f"W/{etag}", 200),
        ('"other"', 200),
        (date, 206),
        (formatdate(0, usegmt=True), 200),
        ("nonsense", 200),
    ):
        answer = await vault.get("big.bin", {"range": "bytes=0-0", "if-range": value})
        assert answer.status_code == status, value


async def test_conditions_of_a_get(vault: Vault, etag: str) -> None:
    date = (await vault.get("big.bin")).headers["last-modified"]
    old, future = formatdate(1, usegmt=True), formatdate(4_000_000_000, usegmt=True)
    for headers, status in (
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f'"x", W/{etag}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": future}, 200),
        ({"if-modified-since": date}, 304),
        ({"if-modified-since": future}, 304),
        ({"if-modified-since": old}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-match": etag}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": f"W/{etag}"}, 412),
        ({"if-match": '"x"'}, 412),
        ({"if-unmodified-since": old}, 412),
        ({"if-unmodified-since": date}, 200),
        ({"if-match": etag, "if-unmodified-since": old}, 200),
        ({"if-match": '"x"', "if-none-match": etag}, 412),
    ):
        answer = await vault.get("big.bin", headers)
        assert answer.status_code == status, headers
        if status == 304:
            assert answer.content == b""
            assert answer.headers["etag"] == etag
            assert "last-modified" in answer.headers


async def test_head_tells_what_get_would_and_sends_nothing(vault: Vault, etag: str) -> None:
    get = await vault.get("big.bin")
    head = await vault.client.head("/spaces/main/files/big.bin", headers={"range": "bytes=0-0"})
    assert head.status_code == 200
    assert head.content == b""
    assert get.headers["content-length"] == str(SIZE)
    skipped = {"govault-position", "x-request-id", "date"}
    assert {k: v for k, v in head.headers.items() if k not in skipped} == {
        k: v for k, v in get.headers.items() if k not in skipped
    }


async def test_an_empty_file_is_served_and_has_no_range(vault: Vault) -> None:
    assert (await vault.put("empty")).status_code == 201
    answer = await vault.get("empty")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert (await vault.get("empty", {"range": "bytes=0-"})).status_code == 416


async def test_versions_are_served_by_number_and_by_hash(vault: Vault) -> None:
    first = (await vault.put("a", b"one")).json()
    await vault.put("a", b"two")
    for url in (
        f"/files/{first['etag']}",
        f"/files/{first['id']}?version=1",
        f"/files/{first['id']}@1",
        f"/files/{first['id']}/versions/1/content",
        "/spaces/main/files/a?version=1",
    ):
        answer = await vault.client.get(url)
        assert (answer.status_code, answer.content) == (200, b"one"), url
        assert answer.headers["govault-version"] == "1"
    for url in ("/spaces/main/files/a?version=3", f"/files/{'0' * 64}", "/files/f_01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        assert (await vault.client.get(url)).status_code == 404, url
    for url in ("/spaces/main/files/a?version=0", "/spaces/main/files/a?version=x", "/files/nonsense"):
        assert (await vault.client.get(url)).status_code == 422, url


@pytest.mark.parametrize(
    ("name", "content", "kind", "shown"),
    [
        ("a.txt", b"text", "text/plain; charset=utf-8", "inline"),
        ("a.png", b"\x89PNG\r\n\x1a\n rest", "image/png", "inline"),
        ("a.html", b"<html><script>alert(1)</script>", "text/html; charset=utf-8", "attachment"),
        ("a.svg", b"<svg onload='alert(1)'/>", "image/svg+xml", "attachment"),
        ("a.js", b"alert(1)", "text/javascript; charset=utf-8", "attachment"),
        ("a.png", b"<html>not a picture", "text/html; charset=utf-8", "attachment"),
        ("a.bin", bytes(range(256)), "application/octet-stream", "attachment"),
    ],
)
async def test_active_content_is_never_shown_in_our_name(
    vault: Vault, name: str, content: bytes, kind: str, shown: str
) -> None:
    await vault.put(name, content)
    answer = await vault.get(name)
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].partition(";")[0] == shown
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_names_beyond_ascii_are_told_exactly(vault: Vault) -> None:
    await vault.put("%E2%82%AC%20%22x%22.txt", b"euro")
    disposition = (await vault.get("%E2%82%AC%20%22x%22.txt")).headers["content-disposition"]
    assert disposition == "inline; filename=\"_ _x_.txt\"; filename*=UTF-8''%E2%82%AC%20%22x%22.txt"
