"""What clients, broken and unfriendly ones too, send to a real HTTP server, byte by byte."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from govault.limits import HTTP_HEAD_BYTES_MAX
from govault.node import http_requests
from tests.fakes.vault import TOKEN
from tests.integration.node.test_short_way_out import Connection, Server, on_a_server

AUTHORISED = f"host: x\r\nauthorization: Bearer {TOKEN}\r\n"
OFFER = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n"


def put(fields: str, body: str = "", path: str = "new") -> str:
    return f"PUT /spaces/main/files/{path} HTTP/1.1\r\n{AUTHORISED}{fields}\r\n{body}"


def get(path: str, fields: str = "") -> str:
    return f"GET /spaces/main/files/{path} HTTP/1.1\r\n{AUTHORISED}{fields}\r\n"


async def said(connection: Connection, *pieces: str) -> list[tuple[int, bytes]]:
    """Every answer to what is sent piece by piece and then ended, until the server closes."""
    for piece in pieces:
        connection.writer.write(piece.encode("latin-1"))
        await connection.writer.drain()
        await asyncio.sleep(0)
    connection.writer.write_eof()
    answers = []
    while True:
        try:
            answers.append(await connection.answer())
        except asyncio.IncompleteReadError:
            return answers


@pytest.mark.parametrize(
    "pieces",
    [
        [put(OFFER + "content-length: 5\r\n", "hello"), get("new")],
        [put(OFFER + "content-length: 5\r\n"), "he", "llo", get("new")],
        [put(OFFER + "transfer-encoding: chunked\r\n"), "5\r\nhello\r\n0\r\n\r\n", get("new", OFFER)],
        [put(OFFER + "content-length: 5\r\n", "hello") + get("new", OFFER)],
    ],
)
def test_an_offer_to_speak_another_protocol_costs_no_byte(tmp_path: Path, pieces: Sequence[str]) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            (put_status, _), last = await said(connection, *pieces)
        assert put_status == 201
        assert last == (200, b"hello")

    on_a_server(tmp_path, story)


def test_who_has_said_all_and_closes_its_side_gets_its_answers(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            answers = await said(connection, put("content-length: 5\r\n", "hello") + get("new") + get("big"))
            assert [status for status, _ in answers] == [201, 200, 200]
        async with server.connected() as connection:
            assert await said(connection, put("content-length: 50\r\n", "hello", "cut")) == []
        async with server.connected() as connection:
            assert [status for status, _ in await said(connection, get("cut"))] == [404]

    on_a_server(tmp_path, story)


@pytest.mark.parametrize(
    ("request_text", "status", "words"),
    [
        ("GET /livez HTTP/1.1\r\n\r\n", 400, "exactly one Host"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "exactly one Host"),
        ("GET /livez HTTP/1.1\r\nHost: a b/c\r\n\r\n", 400, "Host must be"),
        ("GET /livez HTTP/2.0\r\nHost: a\r\n\r\n", 505, "speak HTTP/1.1"),
        ("rubbish\r\n\r\n", 400, "not HTTP/1.1"),
        (put("transfer-encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 501, "send the content as it is"),
        (put("transfer-encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"), 400, "chunk size"),
        (put("content-length: 5\r\ncontent-length: 6\r\n", "hello"), 400, "Content-Length"),
        (get("new", "x: " + "a" * HTTP_HEAD_BYTES_MAX + "\r\n"), 431, "more than"),
        (get("new", "x: a\r\n" * (HTTP_HEAD_BYTES_MAX // len("x: a\r\n"))), 431, "more than"),
        (get("a" * HTTP_HEAD_BYTES_MAX), 431, "more than"),
        (put("transfer-encoding: chunked\r\n", f"0\r\nx: {'a' * HTTP_HEAD_BYTES_MAX}\r\n\r\n"), 431, "more than"),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason_and_nothing_is_kept(
    tmp_path: Path, request_text: str, status: int, words: str
) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            connection.writer.write(request_text.encode())
            told, body = await connection.answer()
            assert (told, await connection.reader.read()) == (status, b"")
        problem = orjson.loads(body)
        assert problem["status"] == status
        assert words in problem["detail"]
        assert problem["request_id"]
        async with server.connected() as connection:
            assert [status for status, _ in await said(connection, get("new"))] == [404]

    on_a_server(tmp_path, story)


def test_a_head_that_never_ends_is_cut_before_it_fills_the_memory(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            connection.writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Endless: ")
            sent = 0
            with pytest.raises(ConnectionError):  # noqa: PT012 (some writes still fit)
                while sent < 100 * HTTP_HEAD_BYTES_MAX:
                    connection.writer.write(b"a" * HTTP_HEAD_BYTES_MAX)
                    await connection.writer.drain()
                    sent += HTTP_HEAD_BYTES_MAX

    on_a_server(tmp_path, story)


@pytest.mark.parametrize(
    ("beginning", "answers"),
    [
        (b"", []),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n", [408]),
        (b"\r\n", [408]),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n\r\n", [200]),
        (b"PUT /spaces/main/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", [401]),
    ],
)
def test_who_begins_and_does_not_go_on_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: bytes, answers: list[int]
) -> None:
    monkeypatch.setattr(http_requests, "HTTP_HEAD_WAIT_S", 0.05)

    async def story(server: Server) -> None:
        async with server.connected() as connection:
            connection.writer.write(beginning)
            for status in answers:
                assert (await connection.answer())[0] == status
                connection.writer.write(b"\r\n")
            assert await connection.reader.read() == b""

    on_a_server(tmp_path, story)


def test_of_what_follows_a_body_only_digests_count(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        chunks = "5\r\nhello\r\n0\r\n"
        async with server.connected() as connection:
            trailers = 'if-match: "0000"\r\nauthorization: Bearer other\r\nexpect: 100-continue\r\n\r\n'
            answers = await said(connection, put("transfer-encoding: chunked\r\n", chunks + trailers))
            assert [status for status, _ in answers] == [201]
        async with server.connected() as connection:
            trailer = "content-digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n\r\n"
            answers = await said(connection, put("transfer-encoding: chunked\r\n", chunks + trailer, "other"))
            assert [status for status, _ in answers] == [400]

    on_a_server(tmp_path, story)
