"""What accounts may own, held to at this door: exact among its own writes, and as fresh as its views for all others.

A write that was let through counts from there on, until the views show what came of it. So writers that race at one
door cannot make an account own more than its quota; of several doors each lets through what it sees room for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from govault.domain.account_rows import AccountRow
from govault.domain.actor import Actor
from govault.domain.ownership import Beyond, Growth, beyond, is_bounded
from govault.domain.rows import OwnedRow
from govault.errors import EventLog, OutcomePending, QuotaExceeded
from govault.limits import OWNED_UNDECIDED_MAX
from govault.ports import Views


class _Held(NamedTuple):
    """``until_ms``: when the log takes the write no more, if it has not come to it by then."""

    growth: Growth
    partition: int
    until_ms: int


class Owners:
    """Growth on its way through this door, of accounts that have a quota."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def refuse(self, views: Views, actor: Actor, growth: Growth, now_ms: int, event_id: str) -> bool:
        """Judge what an account would own more; whether it has a quota at all.

        Args:
            event_id: Of the event that asks: what is held for it already is this very growth, sent again.

        Raises:
            QuotaExceeded: It does not fit beside what the account owns and is about to own.
        """
        account = views.accounts().account(growth.owner)
        if account is None or not is_bounded(account):
            return False
        too_much = beyond(account, self._owned(views, growth.owner, event_id), growth)
        if too_much is not None:
            # Some of what is held may have been decided just now, and count twice.
            self._settle(views, now_ms)
            too_much = beyond(account, self._owned(views, growth.owner, event_id), growth)
        if too_much is not None:
            raise _exceeded(actor, account, too_much)
        if len(self._held) >= OWNED_UNDECIDED_MAX:
            self._settle(views, now_ms)
        return True

    @contextmanager
    def held(self, event_id: str, partition: int, growth: Sequence[Growth], until_ms: int) -> Iterator[None]:
        """Count a growth while its event is written and decided; where that stays unknown, until the views know it."""
        for number, one in enumerate(growth):
            self._held[f"{event_id} {number}"] = _Held(one, partition, until_ms)
        try:
            yield
        except BaseException as error:
            if isinstance(error, EventLog) and not isinstance(error, OutcomePending):
                self._let_go(event_id, len(growth))
            raise
        else:
            self._let_go(event_id, len(growth))

    def _let_go(self, event_id: str, count: int) -> None:
        for number in range(count):
            self._held.pop(f"{event_id} {number}", None)

    def _owned(self, views: Views, owner: str, but: str) -> OwnedRow:
        """What an account owns, and is about to own by what is held, but for one event."""
        _, logical_bytes, files = views.owned(owner)
        for key, held in self._held.items():
            if held.growth.owner == owner and key.partition(" ")[0] != but:
                logical_bytes += held.growth.logical_bytes
                files += held.growth.files
        return OwnedRow(owner, logical_bytes, files)

    def _settle(self, views: Views, now_ms: int) -> None:
        """Forget what the views show already, and what can come no more; the oldest where it is too much."""
        for key, held in list(self._held.items()):
            known = views.files(held.partition).outcome(key.partition(" ")[0]) is not None
            if known or now_ms > held.until_ms or len(self._held) >= OWNED_UNDECIDED_MAX:
                del self._held[key]


def _exceeded(actor: Actor, account: AccountRow, too_much: Beyond) -> QuotaExceeded:
    """Figures are for the account itself and for administrators."""
    limit, most, used, asked = too_much
    owner = account.account_id
    if actor.name == owner:
        return QuotaExceeded(
            f"you may own {most} {limit} in this vault, own {used}, and were to own {asked} more: purge trash, "
            "remove files or old versions, or ask an administrator for a larger quota",
            whose="account",
            **too_much._asdict(),
        )
    if actor.is_admin:
        # Nobody can change what is erased.
        rest = "hand what it owned over to another" if account.erased else "or give it a larger quota"
        return QuotaExceeded(
            f"the account {owner}{' (erased)' if account.erased else ''} may own {most} {limit} in this vault, owns "
            f"{used}, and was to own {asked} more: purge trash, remove files or old versions of it, {rest}",
            whose="account",
            owner=owner,
            **too_much._asdict(),
        )
    ask = "ask its owner to make room, or an administrator for a larger quota"
    if account.erased:
        ask = "it was erased; ask an administrator to hand what it owned over to another"
    return QuotaExceeded(
        f"this would belong to another account, which may not own {asked} {limit} more: {ask}",
        whose="account",
        limit=limit,
        asked=asked,
    )
