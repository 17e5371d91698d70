"""Cursors of paged lists: opaque, bound to the query they were made for."""

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from govault.errors import InvalidRequest

CURSOR_BYTES_MAX = 4096
_SEAL_BYTES = 8
_DIGITS_MAX = 15

QueryPart = str | int | bool | None
Query = Sequence[QueryPart]
"""What a cursor is bound to: everything of the request that decides which items there are, and in which order."""


def make(query: Query, place: str) -> str:
    """A cursor that leads the same query to ``place``, the key of the last item that was answered."""
    body = place.encode()
    return base64.urlsafe_b64encode(_seal(query, body) + body).rstrip(b"=").decode()


def place(query: Query, cursor: str) -> str:
    """Where a cursor leads; empty for no cursor.

    Raises:
        InvalidRequest: It is not a cursor, or one of another query.
    """
    if not cursor:
        return ""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body = raw[_SEAL_BYTES:]
        if len(cursor) <= CURSOR_BYTES_MAX and raw[:_SEAL_BYTES] == _seal(query, body):
            return body.decode()
    except (binascii.Error, ValueError):
        pass
    raise _refused()


class Veil:
    """Keeps what a cursor names from whoever may not see it: a search may stop at a file that is hidden from him.

    Every node of the vault has the same key, so that a page may come from another node than the one before.
    """

    def __init__(self, key: bytes) -> None:
        """Args:
        key: 32 secret bytes.
        """
        self._cipher = AESSIV(key)

    def hide(self, cursor: str, reader: str) -> str:
        """A cursor for one reader; empty stays empty."""
        if not cursor:
            return ""
        return base64.urlsafe_b64encode(self._cipher.encrypt(cursor.encode(), [reader.encode()])).rstrip(b"=").decode()

    def show(self, hidden: str, reader: str) -> str:
        """What was hidden for this reader.

        Raises:
            InvalidRequest: It was not.
        """
        if not hidden:
            return ""
        try:
            raw = base64.b64decode(hidden + "=" * (-len(hidden) % 4), altchars=b"-_", validate=True)
            if len(hidden) <= CURSOR_BYTES_MAX:
                return self._cipher.decrypt(raw, [reader.encode()]).decode()
        except (binascii.Error, ValueError, InvalidTag):
            pass
        raise _refused()


def number(query: Query, cursor: str) -> int | None:
    """Where a cursor leads in a list that numbers order; None for no cursor.

    Raises:
        InvalidRequest: It is not a cursor, or one of another query.
    """
    text = place(query, cursor)
    if text and not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise _refused()
    return int(text) if text else None


def _refused() -> InvalidRequest:
    return InvalidRequest(
        "the cursor does not belong to this query; begin again without one", rule="cursor-of-another-query"
    )


def _seal(query: Query, body: bytes) -> bytes:
    bound = orjson.dumps(list(query))
    sealed = len(bound).to_bytes(4, "big") + bound + body
    return blake2b(sealed, digest_size=_SEAL_BYTES, person=b"govault-cursor").digest()
