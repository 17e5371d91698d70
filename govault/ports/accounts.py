"""What accounts need from outside the services: slow hashes of passwords, and the keys of personal data."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class PasswordVerdict(NamedTuple):
    """What came of a check. ``outdated``: right, but hashed in a way that is not the configured one any more."""

    ok: bool
    outdated: bool = False


class Passwords(Protocol):
    """Verifiers of passwords. Each call takes tens of milliseconds, off the loop, and few run at once."""

    async def hash(self, password: str, about: Sequence[str] = ()) -> str:
        """A verifier of a password.

        Args:
            about: What is known of whose it is; a password that is guessed from that is refused.

        Raises:
            InvalidRequest: Too short, too long, or guessed first.
        """

    async def verify(self, password: str, verifier: str) -> PasswordVerdict:
        """Whether it is the password; an empty or unknown verifier takes as long and is never right.

        Raises:
            TooManyRequests: As many wait to be checked as may.
        """


class AccountKeys(Protocol):
    """The key of each account's personal data, 32 bytes."""

    def get(self, account_id: str) -> bytes | None:
        """The key; None where there is none, or where it was destroyed."""

    async def make(self, account_id: str) -> bytes:
        """A fresh key, durable in the log when this returns.

        Raises:
            EventLog: The log cannot take it.
        """

    async def destroy(self, account_id: str) -> None:
        """Let nobody read what was sealed with it, ever; the word is durable when this returns.

        Raises:
            EventLog: The log cannot take it.
        """
