"""The administrator's token: made at first start, kept in a file of mode 0600, compared in constant time."""

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from govault.domain.actor import ADMIN_ROLE, OPERATOR
from govault.errors import Authentication, Config
from govault.ports import Randomness

TOKEN_PREFIX = "gv_admin_"
_TOKEN_RANDOM_BYTES = 32
_TOKEN_FILE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential stands for.

    Attributes:
        name: The actor's name: ``admin`` or an account id.
        principals: The name with its groups and roles.
        session_id: The session that the credential belongs to; empty where none.
        scopes: What an API token is for; None: everything that the account may.
        api_token_id: The API token that the credential is; empty where it is none.
        must_change: Whether the password must be changed before anything else.
    """

    name: str
    principals: tuple[str, ...]
    session_id: str = ""
    scopes: tuple[str, ...] | None = None
    must_change: bool = False
    api_token_id: str = ""


OPERATOR_IDENTITY = Identity(OPERATOR, (OPERATOR, ADMIN_ROLE))
"""Whoever holds the data folder."""


class Authenticator(Protocol):
    """Turns the ``Authorization`` header of a request into an identity."""

    async def authenticate(self, authorization: str | None) -> Identity:
        """The identity behind the header.

        Raises:
            Authentication: None, malformed or unknown; the message does not tell which.
        """


class TokenAuthenticator:
    """Knows one bearer token, the operator's: of whoever holds the data folder."""

    def __init__(self, token: str) -> None:
        self._digest = sha256(token.encode()).digest()

    async def authenticate(self, authorization: str | None) -> Identity:
        """See ``Authenticator``. Hashes first, so that neither content nor length of the token shows in time."""
        scheme, _, credential = (authorization or "").partition(" ")
        given = sha256(credential.strip().encode("utf-8", "surrogateescape")).digest()
        if hmac.compare_digest(given, self._digest) and scheme.lower() == "bearer":
            return OPERATOR_IDENTITY
        raise Authentication("a valid bearer token is needed")


def read_or_make_token(path: Path, randomness: Randomness) -> str:
    """The token in the file; made there, readable by its owner only, where the file does not exist yet.

    Raises:
        Config: The file is unreadable, empty or open to others.
    """
    try:
        return read_token(path)
    except FileNotFoundError:
        _make(path, TOKEN_PREFIX + randomness.token(_TOKEN_RANDOM_BYTES).hex())
        return read_token(path)


def read_token(path: Path) -> str:
    """The token in the file.

    Raises:
        FileNotFoundError: No such file.
        Config: It is unreadable, empty or open to others.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            token = file.read(_TOKEN_FILE_BYTES_MAX).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Config(f"the token file {path} cannot be read ({error.strerror}); give this user read access") from error
    if mode & 0o077:
        raise Config(f"the token file {path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
    if not token:
        raise Config(f"the token file {path} is empty; remove it and start again to make a new token")
    return token


def _make(path: Path, token: str) -> None:
    """Write the file whole or not at all: a crash leaves either no token or a good one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(token.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
