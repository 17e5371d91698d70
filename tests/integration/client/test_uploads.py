"""Uploads of trees that change under the reader, to a node that misbehaves."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from govault.client import Client, Reference
from govault.client.trees import upload as uploading
from govault.client.trees.report import TransferReport
from govault.client.trees.scan import LocalEntry
from govault.client.trees.upload import Upload, UploadOptions
from govault.errors import GoVaultError, QuotaExceeded, StorageFull
from tests.integration.client.fake_node import fake_node, file_document, folder_page, problem, upload_answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "d"
    folder.mkdir()
    return folder


async def taking(request: web.Request) -> web.StreamResponse:
    """A node that takes everything and has nothing."""
    if request.method == "GET":
        return problem(404, "not-found.entity-unknown")
    return upload_answer(unquote(request.path).partition("/files/")[2], await request.read())


async def upload(url: str, top: Path, **options: Any) -> TransferReport:
    report = TransferReport()
    async with Client(url, "secret") as vault:
        await Upload(vault.files, UploadOptions(**options), report).tree(top, Reference(space="main", path="d"))
    return report


async def test_attributes_travel_as_headers(top: Path) -> None:
    (top / "tool").write_text("x")
    (top / "tool").chmod(0o755)
    os.utime(top / "tool", ns=(1, 1_700_000_000_123_456_789))
    (top / "link").symlink_to("tool")
    async with fake_node(taking) as node:
        await upload(node.url, top)
        puts = {path: (headers, body) for method, path, headers, body in node.requests if method == "PUT"}
    headers, body = puts["/spaces/main/files/d/tool"]
    assert body == b"x"
    assert headers["govault-executable"] == "true"
    assert headers["govault-mtime"] == "1700000000123456789"
    headers, body = puts["/spaces/main/files/d/link"]
    assert (headers["govault-kind"], body) == ("symlink", b"tool")


async def test_a_node_that_took_in_other_bytes_is_found_out(top: Path) -> None:
    (top / "small").write_bytes(b"right")
    (top / "large").write_bytes(b"right" * 100_000)

    async def garbling(request: web.Request) -> web.StreamResponse:
        return problem(404, "not-found") if request.method == "GET" else upload_answer("f", b"other bytes")

    async with fake_node(garbling) as node:
        report = await upload(node.url, top)
    assert report.failed.count == 2
    assert all("other bytes" in why for _, why in report.failed.kept)


async def test_no_more_files_travel_at_once_than_asked(top: Path) -> None:
    for number in range(40):
        (top / f"f{number}").write_text("x")
    now = most = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal now, most
        if request.method == "GET":
            return problem(404, "not-found")
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        now -= 1
        return upload_answer("f", b"x")

    async with fake_node(counting) as node:
        report = await upload(node.url, top, workers=4)
    assert report.new == 40
    assert 2 <= most <= 4


@pytest.mark.parametrize(("code", "family"), [("storage-full", StorageFull), ("quota-exceeded", QuotaExceeded)])
async def test_a_full_vault_or_space_ends_the_whole_upload_at_once(
    top: Path, code: str, family: type[GoVaultError]
) -> None:
    for number in range(200):
        (top / f"f{number}").write_text("x")

    async def full(request: web.Request) -> web.StreamResponse:
        return problem(404, "not-found") if request.method == "GET" else problem(507, code)

    async with fake_node(full) as node:
        with pytest.raises(family):
            await upload(node.url, top, workers=2)
        assert len(node.requests) < 20


async def test_a_file_that_keeps_changing_is_told_and_one_that_settles_is_taken(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "CHANGED_PAUSE_S", 0.001)
    (top / "log").write_bytes(b"x" * 300_000)
    (top / "settles").write_bytes(b"y" * 300_000)
    settled = False

    async def writing(request: web.Request) -> web.StreamResponse:
        nonlocal settled
        if request.method == "GET":
            return problem(404, "not-found")
        body = await request.read()
        name = request.path.rpartition("/")[2]
        if name == "log" or not settled:
            with (top / name).open("ab") as file:
                file.write(b"more")
            settled = settled or name == "settles"
        return upload_answer(name, body)

    async with fake_node(writing) as node:
        report = await upload(node.url, top, workers=1)
    assert [path for path, _ in report.failed.kept] == ["log"]
    assert "changed while it was read" in report.failed.kept[0].why


async def test_a_file_that_became_a_pipe_does_not_hold_the_upload(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "CHANGED_PAUSE_S", 0.001)
    (top / "a").write_text("a")
    (top / "b").write_text("b")

    async def swapping(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            (top / "b").unlink(missing_ok=True)
            os.mkfifo(top / "b")
            return problem(404, "not-found")
        return upload_answer("a", await request.read())

    async with fake_node(swapping) as node:
        report = await asyncio.wait_for(upload(node.url, top, workers=1), 20)
    assert report.new == 1
    assert [path for path, _ in report.failed.kept] == ["b"]


async def test_a_file_that_became_a_link_is_not_followed(top: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (top / "a").write_text("public")

    async def swapping(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            (top / "a").unlink()
            (top / "a").symlink_to(tmp_path / "secret")
            return problem(404, "not-found")
        return upload_answer("a", await request.read())

    async with fake_node(swapping) as node:
        report = await upload(node.url, top)
        assert all(body != b"secret" for _, _, _, body in node.requests)
    assert report.failed.count == 1


async def test_a_large_file_of_which_only_the_time_is_another_does_not_travel(top: Path) -> None:
    content = b"z" * 400_000
    (top / "f").write_bytes(content)

    async def knowing(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return folder_page([file_document("d/f", content)], path="d")
        assert request.headers["govault-content"]
        return upload_answer("f", content, "touched")

    async with fake_node(knowing) as node:
        report = await upload(node.url, top)
    assert (report.changed, report.sent_bytes) == (1, 0)


async def test_empty_folders_are_made_and_others_are_not_asked_for(top: Path) -> None:
    (top / "empty").mkdir()
    (top / "full").mkdir()
    (top / "full/f").write_text("x")

    async def node_(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return folder_page([], path="d")
        if "/folders/" in request.path:
            from tests.integration.client.fake_node import folder_document

            return web.json_response(folder_document("d/empty"), status=201)
        return upload_answer("f", await request.read())

    async with fake_node(node_) as node:
        report = await upload(node.url, top)
        made = [path for method, path, _, _ in node.requests if method == "PUT" and "/folders/" in path]
    assert made == ["/spaces/main/folders/d/empty"]
    assert report.folders == 1


async def test_a_large_file_that_becomes_shorter_while_it_is_sent_is_sent_as_it_is_then(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "CHANGED_PAUSE_S", 0.0)
    (top / "log").write_bytes(b"x" * 3_000_000)
    pread = os.pread

    def rotating(descriptor: int, size_bytes: int, offset: int) -> bytes:
        if offset:
            os.truncate(top / "log", 1_000_000)
        return pread(descriptor, size_bytes, offset)

    monkeypatch.setattr(os, "pread", rotating)
    async with fake_node(taking) as node:
        report = await upload(node.url, top)
        bodies = [len(body) for method, _, _, body in node.requests if method == "PUT"]
    assert (report.failed.count, report.new) == (0, 1)
    assert bodies == [1_000_000]


async def test_a_small_file_that_became_large_since_it_was_listed_is_sent_whole(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "log").write_bytes(b"x")
    read_whole = uploading._read_whole

    def grown(entry: LocalEntry) -> object:
        (top / "log").write_bytes(b"x" * 500_000)
        return read_whole(entry)

    monkeypatch.setattr(uploading, "_read_whole", grown)
    async with fake_node(taking) as node:
        report = await upload(node.url, top)
        bodies = [len(body) for method, _, _, body in node.requests if method == "PUT"]
    assert (report.failed.count, report.new) == (0, 1)
    assert bodies == [500_000]


@pytest.mark.parametrize(("mtime_ns", "sent"), [(2**63, None), (2**63 - 1, str(2**63 - 1)), (-(2**63), None)])
async def test_what_has_a_time_that_no_vault_takes_is_uploaded_without_it(
    top: Path, mtime_ns: int, sent: str | None
) -> None:
    (top / "link").symlink_to("x")
    entry = LocalEntry("link", os.fsencode(top / "link"), "symlink", 1, mtime_ns)
    async with fake_node(taking) as node, Client(node.url, "secret") as vault:
        where = Reference(space="main", path="link")
        await Upload(vault.files, UploadOptions(), TransferReport()).single(entry, where)
        (headers,) = [headers for method, _, headers, _ in node.requests if method == "PUT"]
    assert headers.get("govault-mtime") == sent
