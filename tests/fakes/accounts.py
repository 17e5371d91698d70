"""Accounts without slow hashes and without a broker: keys in memory, sessions followed from a ``MemoryLog``."""

import hashlib
import hmac
from collections.abc import AsyncGenerator, Sequence

from govault.auth.token import TokenAuthenticator
from govault.errors import InvalidRequest
from govault.limits import PASSWORD_CHARS_MIN
from govault.ports import LogRecord, PasswordVerdict, Randomness
from govault.services.accounts.assembly import AccountServices, AccountsPorts, Registration, assemble_accounts
from govault.services.catalog import Services
from schemas.topics import Topic
from tests.fakes.log import MemoryLog
from tests.fakes.world import FakeClock


class FastPasswords:
    """``Passwords`` that take no time; verifiers begin with ``scheme``.

    Attributes:
        refuses: Whether no password may be chosen.
        checks: How many verifications were asked, those of nobody's too.
    """

    def __init__(self, scheme: str = "fast") -> None:
        self.scheme = scheme
        self.checks = 0
        self.refuses = False

    async def hash(self, password: str, about: Sequence[str] = ()) -> str:
        if self.refuses or len(password) < PASSWORD_CHARS_MIN:
            raise InvalidRequest("too short", rule="accounts.password-length")
        return f"{self.scheme}:{hashlib.sha256(password.encode()).hexdigest()}"

    async def verify(self, password: str, verifier: str) -> PasswordVerdict:
        self.checks += 1
        scheme, _, digest = verifier.partition(":")
        ok = hmac.compare_digest(digest, hashlib.sha256(password.encode()).hexdigest())
        return PasswordVerdict(ok, ok and scheme != self.scheme)


class MemoryAccountKeys:
    """``AccountKeys``."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self.keys: dict[str, bytes] = {}

    def get(self, account_id: str) -> bytes | None:
        return self.keys.get(account_id)

    async def make(self, account_id: str) -> bytes:
        self.keys[account_id] = self._randomness.token(32)
        return self.keys[account_id]

    async def destroy(self, account_id: str) -> None:
        self.keys.pop(account_id, None)


class MemoryLogReader:
    """``LogReader`` of a ``MemoryLog``."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        return {0: (0, len(self._of(topic, 0)))}

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        found = (record.position.offset for record in self._of(topic, partition) if record.time_ms >= time_ms)
        return next(found, None)

    async def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        at = start
        while stop is None or at < stop:
            known = self._of(topic, partition)
            if at >= len(known):
                if stop is not None:
                    return
                await self._log.wait_grown()
                continue
            yield known[at]
            at += 1

    def _of(self, topic: Topic, partition: int) -> list[LogRecord]:
        return [
            LogRecord(*record)
            for record in self._log.records
            if record.position.topic is topic and record.position.partition == partition
        ]


def accounts_of(
    services: Services,
    log: MemoryLog,
    clock: FakeClock,
    randomness: Randomness,
    mac_key: bytes,
    token: str,
    registration: Registration = "admin",
) -> AccountServices:
    """The accounts of a vault in memory. Their ``table.run`` is the caller's to run."""
    return assemble_accounts(
        AccountsPorts(
            log=log,
            reader=MemoryLogReader(log),
            views=services.views,
            clock=clock,
            randomness=randomness,
            keys=MemoryAccountKeys(randomness),
            passwords=FastPasswords(),
            mac_key=mac_key,
            derive=lambda purpose: hashlib.sha256(purpose.encode()).digest(),
            vault_id="test-vault",
        ),
        services.submitter,
        TokenAuthenticator(token),
        registration,
    )
