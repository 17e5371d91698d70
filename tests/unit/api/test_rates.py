"""Requests a minute: what passes, what is told of it, and whose bucket it comes from."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.middleware.rates import RATE_FIELDS, Rates, RequestsPerMinute
from govault.errors import TooManyRequests
from govault.limits import RATES_TRACKED_MAX
from tests.fakes.world import FakeClock

ADA, BOB = "a_ada", "a_bob"


def scope(address: str = "192.0.2.7") -> dict[str, Any]:
    return {"type": "http", "client": (address, 1), "state": {}}


def told(asked: dict[str, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in asked["state"].get(RATE_FIELDS, [])}


def passes(rates: Rates, name: str) -> bool:
    try:
        rates.count_account(scope(), name)
    except TooManyRequests:
        return False
    return True


def from_address(rates: Rates, address: str) -> bool:
    try:
        rates.count_address(scope(address))
    except TooManyRequests:
        return False
    return True


def test_a_minutes_requests_pass_at_once_and_then_as_many_as_the_minute_has_room_for() -> None:
    clock = FakeClock()
    rates = Rates(RequestsPerMinute(account=6), clock.monotonic_s)
    assert [passes(rates, ADA) for _ in range(8)] == [True] * 6 + [False] * 2
    clock.advance(10)
    assert [passes(rates, ADA) for _ in range(2)] == [True, False]
    clock.advance(3600)
    assert [passes(rates, ADA) for _ in range(8)] == [True] * 6 + [False] * 2


def test_answers_tell_the_policy_what_is_left_and_when_all_is_there_again() -> None:
    clock = FakeClock()
    rates = Rates(RequestsPerMinute(account=6), clock.monotonic_s)
    first = scope()
    rates.count_account(first, ADA)
    assert told(first) == {"ratelimit-policy": '"account";q=6;w=60', "ratelimit": '"account";r=5;t=10'}
    for _ in range(5):
        rates.count_account(scope(), ADA)
    clock.advance(4)
    refused = scope()
    with pytest.raises(TooManyRequests) as caught:
        rates.count_account(refused, ADA)
    assert told(refused)["ratelimit"] == '"account";r=0;t=56'
    assert caught.value.details["retry_after_s"] == 6
    assert caught.value.specific_code == "too-many-requests.account"


def test_whoever_waits_as_long_as_told_passes() -> None:
    clock = FakeClock()
    rates = Rates(RequestsPerMinute(account=7), clock.monotonic_s)
    for _ in range(7):
        rates.count_account(scope(), ADA)
    for _ in range(20):
        with pytest.raises(TooManyRequests) as caught:
            rates.count_account(scope(), ADA)
        clock.advance(float(str(caught.value.details["retry_after_s"])))
        rates.count_account(scope(), ADA)


def test_one_takes_nothing_from_another_and_the_operator_has_no_limit() -> None:
    rates = Rates(RequestsPerMinute(account=1, address=1, share_link=1), FakeClock().monotonic_s)
    assert [passes(rates, ADA), passes(rates, ADA), passes(rates, BOB)] == [True, False, True]
    assert from_address(rates, "192.0.2.7")
    rates.count_link(scope(), ADA)
    assert all(passes(rates, "admin") for _ in range(100))
    asked = scope()
    rates.count_account(asked, "admin")
    assert told(asked) == {}


def test_zero_is_no_limit() -> None:
    rates = Rates(RequestsPerMinute(0, 0, 0), FakeClock().monotonic_s)
    for _ in range(1000):
        asked = scope()
        rates.count_account(asked, ADA)
        rates.count_address(asked)
        rates.count_link(asked, "share:l_x")
        assert told(asked) == {}


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("not:an:address", "not:another", False),
    ],
)
def test_addresses_of_one_ipv6_network_count_as_one(first: str, second: str, one: bool) -> None:
    rates = Rates(RequestsPerMinute(address=1), FakeClock().monotonic_s)
    assert from_address(rates, first)
    assert from_address(rates, second) is not one


def test_the_one_heard_of_longest_ago_is_forgotten_when_there_are_too_many() -> None:
    rates = Rates(RequestsPerMinute(address=1), FakeClock().monotonic_s)
    assert from_address(rates, "first")
    for number in range(RATES_TRACKED_MAX - 1):
        from_address(rates, f"other {number}")
    assert not from_address(rates, "first")
    assert from_address(rates, "one more")
    assert not from_address(rates, "first")
    assert from_address(rates, "other 0")


@given(
    per_minute=st.integers(1, 50),
    pauses_s=st.lists(st.sampled_from([0.0, 0.001, 0.1, 1.0, 7.3, 60.0, 200.0]), min_size=1, max_size=200),
)
def test_in_any_time_no_more_passes_than_one_minutes_and_what_the_time_has_room_for(
    per_minute: int, pauses_s: list[float]
) -> None:
    clock = FakeClock()
    rates = Rates(RequestsPerMinute(account=per_minute), clock.monotonic_s)
    passed_at_s: list[float] = []
    for pause_s in pauses_s:
        clock.advance(pause_s)
        if passes(rates, ADA):
            passed_at_s.append(clock.monotonic_s())
    for first, began_s in enumerate(passed_at_s):
        for count, ended_s in enumerate(passed_at_s[first:], 1):
            assert count <= per_minute + (ended_s - began_s) * per_minute / 60 + 1e-3
