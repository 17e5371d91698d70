"""Retries, late outcomes and odd answers, against a scripted node."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from govault.client import Attributes, Body, Client, ProtocolError, Reference, Unreachable, transport
from govault.errors import Authentication, Conflict, NotFound, OutcomePending, TooManyRequests, ViewsLagging
from tests.integration.client.fake_node import FakeNode, fake_node, folder_page, problem, upload_answer

WHERE = Reference(space="main", path="a.txt")
EVENT = "e_01M84FEVSFQTWZ0KQRG8ZE60AT"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(transport, "BACKOFF_S_MAX", 0.002)


def keys(node: FakeNode) -> set[str]:
    return {headers["idempotency-key"] for method, _, headers, _ in node.requests if method != "GET"}


async def test_a_busy_node_is_asked_again_under_the_same_key() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if len(node.requests) < 3:
            return problem(503, "cluster.busy", retry_after="0")
        return upload_answer("a.txt", b"hello")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        assert (await vault.files.put(WHERE, b"hello", Attributes())).result == "created"
        assert [body for _, _, _, body in node.requests] == [b"hello"] * 3
        assert len(keys(node)) == 1
        assert node.requests[0][2]["authorization"] == "Bearer secret"


async def test_a_lost_connection_is_made_again_under_the_same_key() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if len(node.requests) == 1:
            assert request.transport is not None
            request.transport.close()
        return upload_answer("a.txt", b"hello")

    async def blocks() -> AsyncIterator[bytes]:
        yield b"hel"
        yield b"lo"

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        await vault.files.put(WHERE, Body(blocks, 5), Attributes())
        assert len(node.requests) == 2
        assert len(keys(node)) == 1
        assert node.requests[1][2]["content-length"] == "5"


async def test_a_stream_that_cannot_be_repeated_is_sent_once() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem(503, "cluster.busy")

    async def blocks() -> AsyncIterator[bytes]:
        yield b"hello"

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(Exception, match="refused"):
            await vault.files.put(WHERE, Body(blocks, replayable=False), Attributes())
        assert len(node.requests) == 1
        assert node.requests[0][2]["transfer-encoding"] == "chunked"


async def test_repeats_are_bounded_and_end_with_the_nodes_own_words() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem(503, "views-lagging")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(ViewsLagging):
            await vault.admin.stats()
        assert len(node.requests) == transport.ATTEMPTS_MAX


async def test_a_refusal_is_not_repeated() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem(409, "conflict.occupied")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(Conflict):
            await vault.files.move(Reference(target=EVENT), WHERE)
        assert len(node.requests) == 1


async def test_an_outcome_known_late_is_waited_for_and_the_request_repeated_under_its_key() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        asked = sum(path.startswith("/outcomes/") for _, path, _, _ in node.requests)
        if request.path.startswith("/outcomes/"):
            if asked < 3:
                return problem(404, "not-found.outcome")
            return web.json_response({"event_id": EVENT, "verdict": "accepted", "facts": {}, "offset": 1})
        if asked:
            return upload_answer("a.txt", b"hello")
        return problem(202, "outcome-pending", location=f"/outcomes/{EVENT}")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        assert (await vault.files.put(WHERE, b"hello", Attributes())).result == "created"
        assert len(keys(node)) == 1
        assert sum(method == "PUT" for method, _, _, _ in node.requests) == 2


@pytest.mark.parametrize("trouble", ["busy", "broken"])
async def test_a_repeat_after_a_late_outcome_meets_the_same_patience_as_any_request(trouble: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/outcomes/"):
            return web.json_response({"event_id": EVENT, "verdict": "accepted", "facts": {}, "offset": 1})
        puts = sum(method == "PUT" for method, _, _, _ in node.requests)
        if puts == 1:
            return problem(202, "outcome-pending", location=f"/outcomes/{EVENT}")
        if puts == 2 and trouble == "busy":
            return problem(503, "cluster.busy", retry_after="0")
        if puts in (2, 3) and trouble == "broken":
            # Twice: the library itself repeats once what an idle connection did not take.
            assert request.transport is not None
            request.transport.close()
        return upload_answer("a.txt", b"hello")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        assert (await vault.files.put(WHERE, b"hello", Attributes())).result == "created"
        assert len(keys(node)) == 1


async def test_an_outcome_that_stays_unknown_ends_with_where_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "OUTCOME_S", 0.05)

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/outcomes/"):
            return problem(404, "not-found.outcome")
        return problem(202, "outcome-pending", location=f"/outcomes/{EVENT}")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(OutcomePending) as pending:
            await vault.files.put(WHERE, b"hello", Attributes())
        assert pending.value.details["event_id"] == EVENT


async def test_a_refused_late_outcome_of_a_stream_is_a_conflict() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/outcomes/"):
            return web.json_response({"event_id": EVENT, "verdict": "refused", "reason": "occupied", "offset": 1})
        return problem(202, "outcome-pending", location=f"/outcomes/{EVENT}")

    async def blocks() -> AsyncIterator[bytes]:
        yield b"hello"

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(Conflict) as refused:
            await vault.files.put(WHERE, Body(blocks, replayable=False), Attributes())
        assert refused.value.specific_code == "conflict.occupied"


async def test_no_node_is_said_at_once() -> None:
    async with Client("http://127.0.0.1:9", "secret") as vault:
        with pytest.raises(Unreachable, match="govault start"):
            await vault.admin.health()


async def test_redirects_are_not_followed_so_the_token_stays_here() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    async with fake_node(elsewhere) as other:

        async def handler(request: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(other.url)

        async with fake_node(handler) as node, Client(node.url, "secret") as vault:
            with pytest.raises(ProtocolError):
                await vault.admin.stats()
        assert other.requests == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"items": 3}', b""])
async def test_what_is_no_answer_of_a_node_is_told_as_such(body: bytes) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(ProtocolError):
            await vault.admin.stats()
        with pytest.raises(ProtocolError):
            [entity async for entity in vault.files.children(Reference(space="main"))]


async def test_a_list_is_read_page_by_page_and_no_further_than_asked() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        from tests.integration.client.fake_node import file_document

        page = int(request.query.get("cursor", "0"))
        return folder_page([file_document(f"f{page}")], str(page + 1) if page < 5 else None)

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        found = [entity.path async for entity in vault.files.children(Reference(space="main"))]
        assert found == [f"f{page}" for page in range(6)]
        node.requests.clear()
        some = [entity.path async for entity in vault.files.children(Reference(space="main"), limit=2)]
        assert some == ["f0", "f1"]
        assert len(node.requests) == 2


async def test_unauthenticated_says_where_a_token_comes_from() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem(401, "authentication")

    async with fake_node(handler) as node, Client(node.url, None) as vault:
        with pytest.raises(Authentication, match="GOVAULT_TOKEN"):
            await vault.admin.stats()
        assert "authorization" not in node.requests[0][2]


async def test_what_is_neither_file_nor_folder_is_not_found() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return problem(404, "not-found.entity-unknown")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(NotFound):
            await vault.files.entity(WHERE)


async def test_a_stream_of_which_there_were_too_many_is_asked_for_again_when_told() -> None:
    answers = [problem(429, "too-many-requests.account", retry_after="0"), web.Response(body=b"content")]

    async def handler(_: web.Request) -> web.StreamResponse:
        return answers.pop(0)

    async with (
        fake_node(handler) as node,
        Client(node.url, "secret") as vault,
        vault.files.transport.stream("GET", "/files/x") as answer,
    ):
        assert await answer.read() == b"content"
        assert len(node.requests) == 2


async def test_a_stream_that_stays_too_many_ends_with_the_nodes_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TURN_S_MAX", 3.0)

    async def handler(_: web.Request) -> web.StreamResponse:
        return problem(429, "too-many-requests.account", retry_after="0")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        with pytest.raises(TooManyRequests):
            async with vault.files.transport.stream("GET", "/files/x"):
                pass
    assert len(node.requests) == 4


async def test_waiting_for_ones_turn_is_no_attempt_and_is_bounded_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        if len(node.requests) <= 2 * transport.ATTEMPTS_MAX:
            return problem(429, "too-many-requests.account", retry_after="0")
        return upload_answer("a.txt", b"hello")

    async with fake_node(handler) as node, Client(node.url, "secret") as vault:
        assert (await vault.files.put(WHERE, b"hello", Attributes())).result == "created"
        assert len(keys(node)) == 1
        assert len(node.requests) == 2 * transport.ATTEMPTS_MAX + 1
        monkeypatch.setattr(transport, "TURN_S_MAX", 3.0)
        node.requests.clear()
        with pytest.raises(TooManyRequests):
            await vault.files.put(WHERE, b"hello", Attributes())
        assert len(node.requests) == 4
