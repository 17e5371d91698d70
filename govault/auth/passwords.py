"""Password verifiers: Argon2id (RFC 9106) or bcrypt, in the form that names its scheme and costs.

Costs are those that OWASP's password storage sheet asks for. A verifier of another scheme or of other costs is checked
as well, and said to be outdated, so that the next login replaces it.
"""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Literal, TypeVar, TypeVarTuple

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from govault.auth.password_rules import check_guessable
from govault.errors import InvalidRequest, TooManyRequests
from govault.limits import (
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    PASSWORD_HASHES_AT_ONCE,
    PASSWORD_HASHES_WAITING_MAX,
)
from govault.ports import PasswordVerdict

Scheme = Literal["argon2id", "bcrypt"]
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
_SALT_BYTES = _HASH_BYTES = 32
_BCRYPT_COST = 12
_ARGON_START = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$"
_BCRYPT_START = f"$bcrypt-sha256${_BCRYPT_COST}$"
_BCRYPT = "$bcrypt-sha256$"


class PasswordHashing:
    """``Passwords`` in threads of its own, a few at once: guesses never take the whole machine."""

    def __init__(self, scheme: Scheme = "argon2id") -> None:
        self._scheme = scheme
        self._threads = ThreadPoolExecutor(PASSWORD_HASHES_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody: str | None = None

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str, about: Sequence[str] = ()) -> str:
        """See the port."""
        if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
            raise InvalidRequest(
                f"a password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters, this one has {len(password)}",
                rule="accounts.password-length",
            )
        return await self._in_thread(self._checked_hash, password, about)

    async def verify(self, password: str, verifier: str) -> PasswordVerdict:
        """See the port."""
        return await self._in_thread(self._verify, password, verifier)

    async def _in_thread(self, act: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Raises:
        TooManyRequests: As many wait for a thread as may.
        """
        if self._waiting >= PASSWORD_HASHES_WAITING_MAX:
            raise TooManyRequests(
                "more passwords wait to be checked than this node checks in a few seconds; try again",
                code="too-many-requests.passwords",
                retry_after_s=2,
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, act, *arguments)
        finally:
            self._waiting -= 1

    def _checked_hash(self, password: str, about: Sequence[str]) -> str:
        check_guessable(password, about)
        return self._hash(password)

    def _hash(self, password: str) -> str:
        material = _material(password)
        if self._scheme == "bcrypt":
            return _BCRYPT_START + bcrypt.hashpw(_short(material), bcrypt.gensalt(_BCRYPT_COST)).decode()
        derive = Argon2id(
            salt=os.urandom(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=_PASSES,
            lanes=_LANES,
            memory_cost=_MEMORY_KIB,
        )
        return derive.derive_phc_encoded(material)

    def _verify(self, password: str, verifier: str) -> PasswordVerdict:
        material = _material(password[:PASSWORD_CHARS_MAX])
        if not verifier or len(password) > PASSWORD_CHARS_MAX:
            # Whoever is unknown takes as long as whoever is known.
            if self._nobody is None:
                self._nobody = self._hash("nobody's password")
            _matches(material, self._nobody)
            return PasswordVerdict(False)
        current = _BCRYPT_START if self._scheme == "bcrypt" else _ARGON_START
        return PasswordVerdict(_matches(material, verifier), not verifier.startswith(current))


def _matches(material: bytes, verifier: str) -> bool:
    if verifier.startswith(_BCRYPT):
        kept = verifier.removeprefix(_BCRYPT).partition("$")[2]
        try:
            return bcrypt.checkpw(_short(material), kept.encode())
        except ValueError:
            return False
    try:
        Argon2id.verify_phc_encoded(material, verifier)
    except InvalidKey:
        return False
    return True


def _material(password: str) -> bytes:
    """The same bytes however the characters were typed (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _short(material: bytes) -> bytes:
    """bcrypt takes 72 bytes and stops at a NUL: it gets a digest in letters instead."""
    return base64.b64encode(sha256(material).digest())
