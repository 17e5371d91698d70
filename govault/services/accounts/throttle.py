"""Slows down whoever guesses passwords, without letting them lock anybody out.

What is counted is the pair of a login and an address: guesses from elsewhere never slow an owner at an address of his
own down. An address that tries many logins is slowed down as a whole. Kept in memory, bounded; each node counts alone.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from govault.domain.addresses import network_of
from govault.errors import TooManyRequests
from govault.limits import (
    LOGIN_ATTEMPTS_FREE,
    LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE,
    LOGIN_WAIT_S_MAX,
    LOGINS_TRACKED_MAX,
)
from govault.ports import Clock

_FORGET_S = 3600.0
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float
    until_s: float


class LoginThrottle:
    """Asked before each attempt, and told of each failure."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._addresses: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, login_hash: str, address: str) -> None:
        """Let an attempt pass, or refuse it; attempts at the same time each count.

        Raises:
            TooManyRequests: ``retry_after_s`` in details.
        """
        now_s = self._clock.monotonic_s()
        address = network_of(address)
        failures = self._pairs.get((login_hash, address))
        if failures is not None and now_s < failures.until_s:
            raise _slow_down(failures.until_s - now_s)
        left, at_s = self._addresses.pop(address, (float(LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE), now_s))
        per_s = LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE / 60
        left = min(LOGIN_ATTEMPTS_PER_ADDRESS_PER_MINUTE, left + (now_s - at_s) * per_s)
        _remember(self._addresses, address, (max(0.0, left - 1), now_s))
        if left < 1:
            raise _slow_down((1 - left) / per_s)
        self._failed(login_hash, address, now_s)

    def succeeded(self, login_hash: str, address: str, *, counts: bool = False) -> None:
        """The attempt that passed was right: nothing is held against the pair, nor the address.

        Args:
            counts: Whether the address has used up one of its attempts all the same.
        """
        address = network_of(address)
        self._pairs.pop((login_hash, address), None)
        known = self._addresses.get(address)
        if known is not None and not counts:
            self._addresses[address] = (known[0] + 1, known[1])

    def undecided(self, login_hash: str, address: str) -> None:
        """The attempt that passed was never judged: it is not held against the pair, as earlier failures still are.

        The address has used up one of its attempts all the same.
        """
        pair = (login_hash, network_of(address))
        known = self._pairs.get(pair)
        if known is None:
            return
        known.count -= 1
        known.until_s = known.last_s + _wait_s(known.count)
        if not known.count:
            del self._pairs[pair]

    def _failed(self, login_hash: str, address: str, now_s: float) -> None:
        """An attempt counts as failed until it has succeeded, so that many at once gain nothing."""
        pair = (login_hash, address)
        known = self._pairs.pop(pair, None)
        count = 1 if known is None or now_s - known.last_s > _FORGET_S else known.count + 1
        _remember(self._pairs, pair, _Failures(count, now_s, now_s + _wait_s(count)))


def _remember(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    if len(kept) > LOGINS_TRACKED_MAX:
        kept.popitem(last=False)


def _wait_s(count: int) -> float:
    """How long to wait after so many failures."""
    beyond = count - LOGIN_ATTEMPTS_FREE
    return min(LOGIN_WAIT_S_MAX, 2.0 ** min(beyond, 16)) if beyond >= 0 else 0.0


def _slow_down(wait_s: float) -> TooManyRequests:
    return TooManyRequests(
        f"too many attempts to log in from here; wait {max(1, round(wait_s))} s", retry_after_s=max(1, round(wait_s))
    )
