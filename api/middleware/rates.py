"""How many requests whoever asks may make a minute: an account, an address without a credential, a share link.

A token bucket for each, in memory and bounded; each node counts alone. The operator has none. Answers tell where one
stands by the fields of draft-ietf-httpapi-ratelimit-headers.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from api.types import Headers, Scope
from govault.domain.actor import OPERATOR
from govault.domain.addresses import network_of
from govault.errors import TooManyRequests
from govault.limits import RATES_TRACKED_MAX

RATE_FIELDS = "rate_fields"
"""In the request's state: the header fields that its answer shall carry."""
_MINUTE_S = 60
_ADVICE = {"account": "spread the requests", "address": "log in", "share-link": "ask for a link of your own"}


@dataclass(frozen=True, slots=True)
class RequestsPerMinute:
    """What each may ask; 0: as much as he likes."""

    account: int = 60_000
    address: int = 30_000
    share_link: int = 6_000


class Rates:
    """Takes one request from the bucket of whoever makes it, and notes what the answer shall tell of the bucket."""

    def __init__(self, wanted: RequestsPerMinute, monotonic_s: Callable[[], float]) -> None:
        self._now_s = monotonic_s
        self._accounts = _Buckets("account", wanted.account)
        self._addresses = _Buckets("address", wanted.address)
        self._links = _Buckets("share-link", wanted.share_link)

    def count_account(self, scope: Scope, name: str) -> None:
        """A request of an account, or of the operator, who has no bucket.

        Raises:
            TooManyRequests: ``retry_after_s`` in details.
        """
        if name != OPERATOR:
            self._count(self._accounts, scope, name)

    def count_address(self, scope: Scope) -> None:
        """A request without a valid credential. Addresses of one IPv6 network count as one: a host has them all.

        Raises:
            TooManyRequests: ``retry_after_s`` in details.
        """
        client = scope.get("client")
        self._count(self._addresses, scope, network_of(client[0]) if client else "")

    def count_link(self, scope: Scope, name: str) -> None:
        """A request by a share link.

        Raises:
            TooManyRequests: ``retry_after_s`` in details.
        """
        self._count(self._links, scope, name)

    def _count(self, buckets: "_Buckets", scope: Scope, key: str) -> None:
        if not buckets.per_minute:
            return
        wait_s, told = buckets.take(key, self._now_s())
        scope["state"][RATE_FIELDS] = told
        if wait_s > 0:
            retry_after_s = max(1, math.ceil(wait_s))
            raise TooManyRequests(
                f"more than {buckets.per_minute} requests a minute of one {buckets.kind}: wait {retry_after_s} s, "
                f"or {_ADVICE[buckets.kind]}",
                code=f"too-many-requests.{buckets.kind}",
                retry_after_s=retry_after_s,
            )


class _Buckets:
    """The buckets of one kind: each holds the requests of a minute, and fills evenly. A forgotten one is full."""

    def __init__(self, kind: str, per_minute: int) -> None:
        self.kind = kind
        self.per_minute = per_minute
        self._policy = (b"ratelimit-policy", f'"{kind}";q={per_minute};w={_MINUTE_S}'.encode())
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> tuple[float, Headers]:
        """One request from a bucket: how long to wait for it (0: it passes), and what to tell of the bucket."""
        per_s = self.per_minute / _MINUTE_S
        left, at_s = self._kept.get(key, (float(self.per_minute), now_s))
        left = min(float(self.per_minute), left + max(0.0, now_s - at_s) * per_s)
        passes = left >= 1
        wait_s = 0.0 if passes else (1 - left) / per_s
        left = left - 1 if passes else left
        self._kept[key] = (left, now_s)
        self._kept.move_to_end(key)
        if len(self._kept) > RATES_TRACKED_MAX:
            self._kept.popitem(last=False)
        full_s = math.ceil((self.per_minute - left) / per_s)
        return wait_s, [self._policy, (b"ratelimit", f'"{self.kind}";r={int(left)};t={full_s}'.encode())]
