"""Slowing down whoever guesses."""

import pytest

from govault.errors import TooManyRequests
from govault.limits import (
    LOGIN_ATTEMPTS_FREE,
    LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE,
    LOGIN_WAIT_S_MAX,
    LOGINS_TRACKED_MAX,
)
from govault.services.accounts.throttle import LoginThrottle
from tests.fakes.world import FakeClock


def passes(throttle: LoginThrottle, login: str, address: str) -> bool:
    try:
        throttle.check(login, address)
    except TooManyRequests:
        return False
    return True


def test_waits_double_up_to_a_bound_and_success_ends_them() -> None:
    clock = FakeClock()
    throttle = LoginThrottle(clock)
    waits: list[int] = []
    for _ in range(LOGIN_ATTEMPTS_FREE + 8):
        throttle.check("ada", "192.0.2.1")
        if len(waits) >= LOGIN_ATTEMPTS_FREE - 1:
            with pytest.raises(TooManyRequests) as refused:
                throttle.check("ada", "192.0.2.1")
            waits.append(int(str(refused.value.details["retry_after_s"])))
            clock.advance(waits[-1])
        else:
            waits.append(0)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits[-1] == LOGIN_WAIT_S_MAX
    throttle.succeeded("ada", "192.0.2.1")
    assert [passes(throttle, "ada", "192.0.2.1") for _ in range(2)] == [True, True]


def test_many_at_once_gain_nothing() -> None:
    throttle = LoginThrottle(FakeClock())
    assert sum(passes(throttle, "ada", "192.0.2.1") for _ in range(50)) == LOGIN_ATTEMPTS_FREE


def test_an_owner_elsewhere_is_never_slowed_down_by_guesses() -> None:
    throttle = LoginThrottle(FakeClock())
    for number in range(1000):
        passes(throttle, "ada", f"192.0.2.{number}")
    assert passes(throttle, "ada", "198.51.100.1")


def test_a_whole_network_of_ipv6_is_one_guesser() -> None:
    throttle = LoginThrottle(FakeClock())
    guesses = [passes(throttle, "ada", f"2001:db8::{number:x}") for number in range(50)]
    assert sum(guesses) == LOGIN_ATTEMPTS_FREE
    assert passes(throttle, "ada", "2001:db8:0:1::1")


def test_an_address_that_tries_many_logins_is_slowed_down_as_a_whole_and_recovers() -> None:
    clock = FakeClock()
    throttle = LoginThrottle(clock)
    tried = sum(passes(throttle, f"login-{number}", "192.0.2.1") for number in range(500))
    assert tried == LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE
    with pytest.raises(TooManyRequests) as refused:
        throttle.check("one more", "192.0.2.1")
    clock.advance(float(str(refused.value.details["retry_after_s"])))
    assert passes(throttle, "one more", "192.0.2.1")


def test_who_logs_in_often_from_one_address_is_not_slowed_down() -> None:
    throttle = LoginThrottle(FakeClock())
    for number in range(10 * LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE):
        throttle.check(f"login-{number % 7}", "192.0.2.1")
        throttle.succeeded(f"login-{number % 7}", "192.0.2.1")
    made = 0
    while passes(throttle, "register", "192.0.2.1"):
        throttle.succeeded("register", "192.0.2.1", counts=True)
        made += 1
    assert made == LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE


def test_what_is_remembered_is_bounded() -> None:
    throttle = LoginThrottle(FakeClock())
    for number in range(LOGINS_TRACKED_MAX + 10):
        passes(throttle, "ada", f"address {number}")
    assert len(throttle._pairs) == len(throttle._addresses) == LOGINS_TRACKED_MAX


def test_an_attempt_that_was_never_judged_is_held_against_nobody_and_forgives_nothing() -> None:
    throttle = LoginThrottle(FakeClock())
    for _ in range(LOGIN_ATTEMPTS_FREE + 3):
        throttle.check("ada", "192.0.2.1")
        throttle.undecided("ada", "192.0.2.1")
    for _ in range(LOGIN_ATTEMPTS_FREE):
        throttle.check("ada", "192.0.2.1")
    assert not passes(throttle, "ada", "192.0.2.1")
