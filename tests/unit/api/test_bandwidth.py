"""Bytes a second: whose pace counts, what waits for it, and who is not held up."""

import asyncio
from typing import Any

import pytest

from api.blobs import OUTLET_EXTENSION
from api.middleware.bandwidth import Bandwidth, BytesPerSecond
from api.types import Message, Receive, Scope, Send
from govault.domain.actor import ANYBODY, OPERATOR
from govault.limits import KIB
from tests.simulation.virtual_time import run_virtually

PER_S = 256 * KIB
ADA, BOB = "a_ada", "a_bob"


def scope(name: str, address: str = "192.0.2.7") -> dict[str, Any]:
    state = {"actor_name": name} if name else {}
    return {"type": "http", "client": (address, 1), "state": state, "extensions": {OUTLET_EXTENSION: object()}}


class Exchange:
    """A request whose body comes in pieces of 64 KiB, answered by as many bytes; ``took_s`` in virtual time."""

    def __init__(self, wanted: BytesPerSecond, seconds_worth: int) -> None:
        self._pieces = seconds_worth * 4
        self._door = Bandwidth(self._app, wanted, lambda: asyncio.get_running_loop().time())
        self.ways: set[str] = set()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ways = set(scope["extensions"])
        for _ in range(self._pieces):
            message = await receive()
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def took_s(self, *asked: dict[str, Any]) -> list[float]:
        """How long each of some requests took that come at once."""
        began_s = asyncio.get_running_loop().time()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"0" * (64 * KIB), "more_body": True}

        async def send(message: Message) -> None:
            pass

        async def one(of: dict[str, Any]) -> float:
            await self._door(of, receive, send)
            return asyncio.get_running_loop().time() - began_s

        return list(await asyncio.gather(*(one(of) for of in asked)))


@pytest.mark.parametrize("wanted", [BytesPerSecond(upload=PER_S), BytesPerSecond(download=PER_S)])
def test_what_is_more_than_a_seconds_worth_waits_for_its_pace(wanted: BytesPerSecond) -> None:
    assert run_virtually(Exchange(wanted, 5).took_s(scope(ADA))) == pytest.approx([4.0])


def test_all_that_an_account_does_at_once_has_one_pace_from_whatever_address() -> None:
    took_s = run_virtually(Exchange(BytesPerSecond(download=PER_S), 5).took_s(scope(ADA), scope(ADA, "192.0.2.8")))
    assert max(took_s) == pytest.approx(9.0)
    assert min(took_s) > 7


def test_one_account_does_not_slow_down_another_or_the_operator() -> None:
    asked = [scope(ADA), scope(BOB), scope(OPERATOR)]
    assert run_virtually(Exchange(BytesPerSecond(upload=PER_S), 5).took_s(*asked)) == pytest.approx([4.0, 4.0, 0.0])


@pytest.mark.parametrize("name", [ANYBODY, ""])
def test_whoever_has_no_credential_has_the_pace_of_his_network(name: str) -> None:
    asked = [scope(name, "2001:db8::1"), scope(name, "2001:db8::2"), scope(name, "192.0.2.7")]
    took_s = run_virtually(Exchange(BytesPerSecond(download=PER_S), 5).took_s(*asked))
    assert max(took_s[:2]) == pytest.approx(9.0)
    assert took_s[2] == pytest.approx(4.0)


def test_only_who_has_a_pace_for_downloads_goes_without_the_short_way_out() -> None:
    slow, fast = Exchange(BytesPerSecond(download=PER_S), 1), Exchange(BytesPerSecond(upload=PER_S), 1)
    run_virtually(slow.took_s(scope(ADA)))
    run_virtually(fast.took_s(scope(ADA)))
    assert (slow.ways, fast.ways) == (set(), {OUTLET_EXTENSION})
    run_virtually(slow.took_s(scope(OPERATOR)))
    assert slow.ways == {OUTLET_EXTENSION}


def test_the_paces_of_those_who_left_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.middleware.bandwidth.RATES_TRACKED_MAX", 2)
    exchange = Exchange(BytesPerSecond(upload=PER_S), 1)
    run_virtually(exchange.took_s(*(scope(f"a_{number}") for number in range(5))))
    assert len(exchange._door._uploads._free_s) == 2
