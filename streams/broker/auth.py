"""Who may talk to the log: two principals with passwords, by SASL/PLAIN.

Any local user can open a loopback port, so nothing but ApiVersions and the handshake is
answered before a login.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Final

PATH: Final = "credentials.json"
MECHANISM: Final = "PLAIN"
_PLAIN_BYTES_MAX = 4096


class Principal(Enum):
    """What a login may do."""

    FULL = "full"
    READER = "reader"
    """Reads topics and keeps offsets in groups of its own; writes nothing else."""


class LoginRefused(Exception):
    """Wrong name or password; the message tells a client nothing more."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The two pairs of a log. `repr` shows no password."""

    user: str
    password: str
    reader_user: str
    reader_password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, reader_user={self.reader_user!r})"

    def login(self, message: bytes) -> Principal:
        """Check an RFC 4616 message: authorisation id NUL name NUL password.

        Raises:
            LoginRefused: not these credentials, or no such message.
        """
        parts = message.split(b"\0")
        if len(message) > _PLAIN_BYTES_MAX or len(parts) != 3:
            raise LoginRefused("Authentication failed: not a SASL/PLAIN message")
        identity, name, password = parts
        # Both pairs are always compared, so that the time taken says nothing.
        full = _same(name, self.user) & _same(password, self.password)
        reader = _same(name, self.reader_user) & _same(password, self.reader_password)
        if not (full or reader) or identity not in (b"", name):
            raise LoginRefused("Authentication failed: Invalid username or password")
        return Principal.FULL if full else Principal.READER


def _same(given: bytes, expected: str) -> bool:
    return hmac.compare_digest(given, expected.encode())


def load_credentials(path: Path) -> Credentials:
    """Read stored credentials; raises `OSError`, `ValueError`, `TypeError` when they are unusable."""
    return Credentials(**json.loads(path.read_bytes()))


def load_or_make_credentials(folder: Path) -> Credentials:
    """The credentials of a log folder, made (mode 0600) at the first start and kept."""
    path = folder / PATH
    if path.exists():
        return load_credentials(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Credentials("govault", secrets.token_urlsafe(24), "reader", secrets.token_urlsafe(24))
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps(asdict(made), indent=1).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    return made
