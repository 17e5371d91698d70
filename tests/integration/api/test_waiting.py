"""Waits at the edge are bounded: for bytes that do not come, for positions that are not reached."""

import asyncio

import pytest

import api.bodies
import api.dispatch
import api.middleware.gate
from api.bodies import body_of
from api.dispatch import read_small_body
from api.raw import RawRequest
from api.types import Message
from govault.errors import InvalidRequest
from schemas.events.files import VersionCommitted
from streams.views.tokens import make_token
from tests.fakes.vault import FILES_PARTITIONS, Vault


def _request(messages: list[Message]) -> RawRequest:
    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        raise AssertionError(f"nothing is sent back, least of all {message}")

    return RawRequest({"headers": []}, receive, send, {}, {})


async def test_a_body_of_which_nothing_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.bodies, "UPLOAD_IDLE_TIMEOUT_S", 0.001)
    taken = []

    async def take() -> None:
        async for data in body_of(_request([{"type": "http.request", "body": b"some", "more_body": True}]), None):
            taken.append(data)

    with pytest.raises(InvalidRequest) as caught:
        await take()
    assert caught.value.specific_code == "invalid-request.idle"
    assert taken == [b"some"]


async def test_a_small_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.dispatch, "UPLOAD_IDLE_TIMEOUT_S", 0.001)
    request = _request([{"type": "http.request", "body": b"{", "more_body": True}])
    with pytest.raises(InvalidRequest) as caught:
        await read_small_body(request.scope, request.receive)
    assert caught.value.specific_code == "invalid-request.idle"


async def test_a_client_that_stops_sending_leaves_nothing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.bodies, "UPLOAD_IDLE_TIMEOUT_S", 0.001)

    messages: list[Message] = [{"type": "http.request", "body": b"some", "more_body": True}]
    request = _request(messages)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "root_path": "",
        "path": "/spaces/main/files/a",
        "raw_path": b"/spaces/main/files/a",
        "query_string": b"",
        "headers": [(b"authorization", vault.client.headers["authorization"].encode())],
    }
    await vault.app(scope, request.receive, send)
    assert sent[0]["status"] == 422
    assert VersionCommitted not in [type(event.data) for event in vault.log.events]


async def test_a_position_that_is_not_reached_in_time_is_a_503(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.middleware.gate, "AT_LEAST_WAIT_S", 0.001)
    places = [place for place in vault.views.applied() if place[1] < FILES_PARTITIONS]
    token = make_token("test-vault", places, dict.fromkeys(places, 1000))
    answer = await vault.client.get("/spaces", headers={"govault-at-least": token})
    assert (answer.status_code, answer.json()["code"]) == (503, "views-lagging")
    assert answer.headers["retry-after"]


async def test_a_position_that_is_reached_in_time_is_waited_for(vault: Vault) -> None:
    applied = dict(vault.views.applied())
    space = vault.services.targets.space("main")
    place = next(found for found in applied if found == (VersionCommitted.TOPIC, space.partition))
    token = make_token("test-vault", list(applied), {**applied, place: applied[place] + 1})
    vault.log.held = True
    writing = asyncio.create_task(vault.put("a", b"x"))
    reading = asyncio.create_task(vault.get("a", {"govault-at-least": token}))
    await vault.log.wait_appended(VersionCommitted, 1)
    assert not reading.done()
    vault.log.release()
    assert (await writing).status_code == 201
    assert (await reading).content == b"x"
