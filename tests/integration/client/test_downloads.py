"""Downloads from a node that is hostile, forgetful or dies in between."""

import asyncio
import os
import random
import stat
import threading
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from govault.client import Client, Reference
from govault.client.trees import fetch
from govault.client.trees.download import Download, DownloadOptions
from govault.client.trees.report import TransferReport
from govault.client.trees.target import LocalTarget, Wanted, part_name
from govault.errors import DigestMismatch
from tests.integration.client.fake_node import fake_node, file_document, folder_document, folder_page, problem

BIG = random.Random(3).randbytes(3 * 1024 * 1024 + 17)
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


def node_with(entries: list[dict[str, Any]], content: Serve) -> Serve:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "/folders/" in request.path:
            return folder_page(entries)
        return await content(request)

    return handler


def serving(content: bytes) -> Serve:
    async def serve(request: web.Request) -> web.StreamResponse:
        start = request.http_range.start or 0
        if start:
            headers = {"content-range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            return web.Response(body=content[start:], status=206, headers=headers)
        return web.Response(body=content)

    return serve


async def download(url: str, top: Path, **options: Any) -> TransferReport:
    report = TransferReport()
    target = LocalTarget(top)
    try:
        async with Client(url, "secret") as vault:
            running = Download(vault.files, target, DownloadOptions(**options), report)
            await running.tree(Reference(space="main"))
    finally:
        target.close()
    return report


def part_of(content: bytes, path: str = "big") -> str:
    return part_name(Wanted(path, len(content), sha256(content).hexdigest(), None, False))


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "t" / "target"


HOSTILE = ["../evil", "a/../../evil", "/etc/evil", "a//evil", "..", ".", "a/./evil", "evil\x00", "e" * 300]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_name_that_leads_out_of_the_target_is_skipped_and_told(top: Path, name: str) -> None:
    entries = [file_document(name, b"x"), folder_document(name), file_document("good", b"x")]
    async with fake_node(node_with(entries, serving(b"x"))) as node:
        report = await download(node.url, top)
    assert report.skipped.count == 2
    assert report.is_partial
    assert sorted(path.name for path in top.parent.rglob("*")) == ["good", "target"]


async def test_a_file_below_a_link_of_the_same_listing_is_not_written_through_it(top: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = str(outside).encode()
    entries = [
        file_document("d", target, kind="symlink", id="f_01M84FEVSFQTWZ0KQRG8ZE60AB"),
        file_document("d/x", b"x"),
    ]

    async def content(request: web.Request) -> web.StreamResponse:
        return web.Response(body=target if request.path.endswith("AB") else b"x")

    async with fake_node(node_with(entries, content)) as node:
        await download(node.url, top, workers=1)
        report = await download(node.url, top, workers=1)
    assert report.failed.count == 1
    assert not list(outside.iterdir())


async def test_a_link_target_that_is_no_link_target_is_refused(top: Path) -> None:
    entries = [file_document("link", b"x" * 5000, kind="symlink")]
    async with fake_node(node_with(entries, serving(b"x" * 5000))) as node:
        report = await download(node.url, top)
    assert report.failed.count == 1
    assert not list(top.iterdir())


@pytest.mark.parametrize("sent", [b"other", b"", b"longer than it was listed"])
async def test_small_content_that_is_not_what_was_listed_is_not_put_in_place(top: Path, sent: bytes) -> None:
    async with fake_node(node_with([file_document("f", b"right")], serving(sent))) as node:
        report = await download(node.url, top)
    assert report.failed.count == 1
    assert not list(top.iterdir())


async def test_large_content_that_is_not_what_was_listed_is_not_put_in_place(top: Path) -> None:
    wrong = BIG[:-1] + b"?"
    async with fake_node(node_with([file_document("big", BIG)], serving(wrong))) as node:
        report = await download(node.url, top)
    assert report.failed.count == 1
    assert not list(top.iterdir())


async def test_a_node_that_sends_without_end_is_cut_off(top: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except (ConnectionError, RuntimeError):
            return response

    async with fake_node(node_with([file_document("big", BIG)], endless)) as node:
        report = await download(node.url, top)
    assert report.failed.count == 1
    assert not list(top.iterdir())


async def big_cut_off(request: web.Request, start: int, stop: int) -> web.StreamResponse:
    """Announce ``BIG`` from a byte on, and break the connection where another one is reached before its end."""
    response = web.StreamResponse(status=206 if start else 200)
    response.content_length = len(BIG) - start
    if start:
        response.headers["content-range"] = f"bytes {start}-{len(BIG) - 1}/{len(BIG)}"
    await response.prepare(request)
    await response.write(BIG[start:stop])
    if stop < len(BIG):
        assert request.transport is not None
        request.transport.close()
    return response


async def test_a_connection_that_breaks_goes_on_where_it_stopped(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "RETRY_FIRST_S", 0.001)
    asked: list[tuple[str | None, str | None]] = []

    async def breaking(request: web.Request) -> web.StreamResponse:
        asked.append((request.headers.get("range"), request.headers.get("if-range")))
        start = request.http_range.start or 0
        return await big_cut_off(request, start, len(BIG) if len(asked) > 2 else start + 1_500_000)

    async with fake_node(node_with([file_document("big", BIG)], breaking)) as node:
        report = await download(node.url, top)
    assert not report.is_partial
    assert (top / "big").read_bytes() == BIG
    assert len(asked) == 3
    assert asked[0] == (None, None)
    assert asked[1][1] == f'"{sha256(BIG).hexdigest()}"'
    assert [path.name for path in top.iterdir()] == ["big"]


async def test_a_connection_that_breaks_after_the_range_was_not_granted_loses_nothing(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "RETRY_FIRST_S", 0.001)
    asked: list[str | None] = []

    async def whimsical(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("range"))
        start = (request.http_range.start or 0) if len(asked) != 2 else 0
        return await big_cut_off(request, start, len(BIG) if len(asked) > 2 else 1_500_000 * len(asked))

    async with fake_node(node_with([file_document("big", BIG)], whimsical)) as node:
        report = await download(node.url, top)
    assert not report.is_partial
    assert (top / "big").read_bytes() == BIG
    assert len(asked) == 3


async def test_a_part_of_an_earlier_run_is_gone_on_with(top: Path) -> None:
    top.mkdir(parents=True)
    (top / part_of(BIG)).write_bytes(BIG[:2_000_000])
    async with fake_node(node_with([file_document("big", BIG)], serving(BIG))) as node:
        report = await download(node.url, top)
        ranges = [headers.get("range") for _, path, headers, _ in node.requests if "/folders/" not in path]
    assert ranges == ["bytes=2000000-"]
    assert report.resumed_bytes == 2_000_000
    assert (top / "big").read_bytes() == BIG


async def test_a_part_that_was_tampered_with_is_fetched_anew(top: Path) -> None:
    top.mkdir(parents=True)
    (top / part_of(BIG)).write_bytes(b"?" * 2_000_000)
    async with fake_node(node_with([file_document("big", BIG)], serving(BIG))) as node:
        report = await download(node.url, top)
    assert not report.is_partial
    assert (top / "big").read_bytes() == BIG


async def test_a_node_that_ignores_the_range_is_read_from_the_first_byte(top: Path) -> None:
    top.mkdir(parents=True)
    (top / part_of(BIG)).write_bytes(BIG[:2_000_000])

    async def whole(request: web.Request) -> web.StreamResponse:
        return web.Response(body=BIG)

    async with fake_node(node_with([file_document("big", BIG)], whole)) as node:
        await download(node.url, top)
    assert (top / "big").read_bytes() == BIG


async def test_a_complete_part_needs_no_byte_more(top: Path) -> None:
    top.mkdir(parents=True)
    (top / part_of(BIG)).write_bytes(BIG)
    async with fake_node(node_with([file_document("big", BIG)], serving(BIG))) as node:
        await download(node.url, top)
        assert all("/folders/" in path for _, path, _, _ in node.requests)
    assert (top / "big").read_bytes() == BIG


async def test_what_was_overwritten_since_it_was_listed_comes_as_it_is_now(top: Path) -> None:
    new = file_document("f", b"the new one")

    async def content(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/metadata"):
            return web.json_response(new)
        if request.headers.get("if-match") != new["etag"]:
            return problem(412, "precondition-failed")
        return web.Response(body=b"the new one")

    async with fake_node(node_with([file_document("f", b"the old one")], content)) as node:
        report = await download(node.url, top)
    assert not report.is_partial
    assert (top / "f").read_bytes() == b"the new one"


async def test_what_is_there_already_is_not_fetched(top: Path) -> None:
    entries = [file_document("f", b"right"), file_document("link", b"f", kind="symlink")]

    async def content(request: web.Request) -> web.StreamResponse:
        first = sum("/folders/" not in path for _, path, _, _ in node.requests) == 1
        return web.Response(body=b"right" if first else b"f")

    async with fake_node(node_with(entries, content)) as node:
        assert (await download(node.url, top, workers=1)).new == 2
        node.requests.clear()
        report = await download(node.url, top)
        assert (report.new, report.unchanged) == (0, 2)
        assert len(node.requests) == 1


async def test_checksum_finds_a_changed_content_of_the_same_size_and_time(top: Path) -> None:
    entries = [file_document("f", b"right")]
    async with fake_node(node_with(entries, serving(b"right"))) as node:
        await download(node.url, top)
        path = top / "f"
        status = path.stat()
        path.write_bytes(b"wrong")
        import os

        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (await download(node.url, top)).unchanged == 1
        assert (await download(node.url, top, checksum=True)).changed == 1
    assert path.read_bytes() == b"right"


async def test_a_dry_run_writes_nothing(top: Path) -> None:
    entries = [folder_document("d"), file_document("d/f", b"right")]
    async with fake_node(node_with(entries, serving(b"right"))) as node:
        report = await download(node.url, top, dry_run=True)
    assert report.new == 1
    assert not list(top.iterdir())


async def test_a_single_wrong_file_is_an_error(top: Path) -> None:
    target = LocalTarget(top)
    async with fake_node(serving(b"wrong")) as node, Client(node.url, "secret") as vault:
        from schemas.rest.namespace import FileDocument

        document = FileDocument.model_validate(file_document("f", b"right"))
        with pytest.raises(DigestMismatch):
            await Download(vault.files, target, DownloadOptions(), TransferReport()).file(document, "f")
    target.close()


async def test_a_cancelled_download_writes_into_no_file_that_got_the_number_of_its_descriptor(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, go_on = threading.Event(), threading.Event()
    closed_early: list[int] = []

    def slow(descriptor: int, content: bytes) -> None:
        part = os.fstat(descriptor)
        storing.set()
        assert go_on.wait(10)
        try:
            if not os.path.samestat(part, os.fstat(descriptor)):
                closed_early.append(descriptor)
        except OSError:
            closed_early.append(descriptor)

    monkeypatch.setattr(fetch, "write_all", slow)
    async with fake_node(node_with([file_document("big", BIG)], serving(BIG))) as node:
        running = asyncio.create_task(download(node.url, top))
        assert await asyncio.to_thread(storing.wait, 10)
        running.cancel()
        for _ in range(100):
            await asyncio.sleep(0)
        ended_early = running.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert (ended_early, closed_early) == (False, [])


async def test_a_part_that_was_begun_before_the_file_became_executable_becomes_executable(top: Path) -> None:
    top.mkdir(parents=True)
    part = top / part_of(BIG)
    part.write_bytes(BIG[: 2 * 1024 * 1024])
    part.chmod(0o640)
    async with fake_node(node_with([file_document("big", BIG, executable=True)], serving(BIG))) as node:
        report = await download(node.url, top)
    assert report.resumed_bytes == 2 * 1024 * 1024
    assert stat.S_IMODE((top / "big").stat().st_mode) == 0o750
