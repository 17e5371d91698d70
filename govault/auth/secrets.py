"""Secrets that are told once and kept as hashes: API tokens, refresh tokens, invites.

Each is 256 random bits with the id of what it opens before it, so that it is found without a search; being random, it
needs no slow hash. Their forms are told apart by their beginnings, also by scanners for leaked secrets.
"""

import base64
import binascii
import hmac
import re
from hashlib import sha256
from typing import NamedTuple

from govault.ports import Randomness
from schemas.ids import is_token_id

SECRET_BYTES = 32
API_TOKEN_PREFIX = "gv_token_"
REFRESH_PREFIX = "gv_refresh_"
INVITE_PREFIX = "gv_invite_"
_SESSION_ID = re.compile(r"[0-9a-f]{32}")
SECRET_CHARS = 43


class Shown(NamedTuple):
    """A secret as somebody showed it: the id of what it opens, and its hash, hex."""

    opens: str
    secret_hash: str


def new_secret(randomness: Randomness) -> str:
    """256 random bits, as 43 characters."""
    return base64.urlsafe_b64encode(randomness.token(SECRET_BYTES)).rstrip(b"=").decode()


def hash_secret(secret: str) -> str:
    """What is kept of a secret, hex."""
    return sha256(secret.encode()).hexdigest()


def same(one_hash: str, other_hash: str) -> bool:
    """Whether two hashes are the same, in a time that tells nothing."""
    return hmac.compare_digest(one_hash, other_hash)


def api_token(token_id: str, secret: str) -> str:
    """The text of an API token."""
    return f"{API_TOKEN_PREFIX}{token_id.removeprefix('t_')}_{secret}"


def refresh_token(session_id: str, secret: str) -> str:
    """The text of a refresh token."""
    return f"{REFRESH_PREFIX}{session_id}_{secret}"


def invite(secret: str) -> str:
    """The text of an invite."""
    return INVITE_PREFIX + secret


def read_api_token(text: str) -> Shown | None:
    """What an API token says; None where the text has not the form of one."""
    shown = _read(text, API_TOKEN_PREFIX)
    if shown is None or not is_token_id("t_" + shown.opens):
        return None
    return Shown("t_" + shown.opens, shown.secret_hash)


def read_refresh_token(text: str) -> Shown | None:
    """What a refresh token says; None where the text has not the form of one."""
    shown = _read(text, REFRESH_PREFIX)
    return shown if shown is not None and _SESSION_ID.fullmatch(shown.opens) else None


def read_invite(text: str) -> str | None:
    """The hash of an invite; None where the text has not the form of one."""
    secret = text.removeprefix(INVITE_PREFIX)
    return hash_secret(secret) if text.startswith(INVITE_PREFIX) and _is_secret(secret) else None


def _read(text: str, prefix: str) -> Shown | None:
    opens, _, secret = text.removeprefix(prefix).partition("_")
    if not text.startswith(prefix) or not _is_secret(secret):
        return None
    return Shown(opens, hash_secret(secret))


def _is_secret(text: str) -> bool:
    if len(text) != SECRET_CHARS or not text.isascii():
        return False
    try:
        return len(base64.b64decode(text + "=", altchars=b"-_", validate=True)) == SECRET_BYTES
    except (binascii.Error, ValueError):
        return False
