"""What a node tells somebody to bring back later, so that it need not remember it: sealed, and for a while only.

AES-256-GCM under a key of the vault, so every node opens what another has sealed, and nobody reads or changes it.
"""

import base64
import binascii
import os

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_CHARS_MAX = 4000
"""Browsers keep cookies of 4096 bytes."""


class SealedNotes:
    """Seals and opens notes of one purpose."""

    def __init__(self, key: bytes, purpose: str) -> None:
        """Args:
        key: 32 bytes, of the vault.
        purpose: A note of one purpose never opens as one of another.
        """
        self._cipher = AESGCM(key)
        self._purpose = purpose.encode()

    def seal(self, note: dict[str, str | int], expires_ms: int) -> str:
        """A note as text for cookies and URLs."""
        nonce = os.urandom(_NONCE_BYTES)
        content = self._cipher.encrypt(nonce, orjson.dumps([expires_ms, note]), self._purpose)
        return base64.urlsafe_b64encode(nonce + content).rstrip(b"=").decode()

    def open(self, text: str, now_ms: int) -> dict[str, str | int] | None:
        """The note; None where it was not sealed here, or is too old."""
        if len(text) > _CHARS_MAX or not text.isascii():
            return None
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            opened = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._purpose)
        except (InvalidTag, ValueError, binascii.Error):
            return None
        expires_ms, note = orjson.loads(opened)
        return note if now_ms < expires_ms else None
