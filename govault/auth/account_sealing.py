"""Personal data in events: sealed with AES-256-GCM under a key of the account's own, which an erasure destroys."""

import base64
import binascii
import os
import unicodedata
from dataclasses import asdict, dataclass

import orjson
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.errors import ChunkDamaged

_NONCE_BYTES = 12
_VERSION = b"\x01"
_PAD_BYTES = 64
"""Lengths tell little: what is sealed is filled up to a multiple of this."""


@dataclass(frozen=True, slots=True)
class Personal:
    """What is known of an account's person."""

    login: str = ""
    display_name: str = ""
    email: str = ""


class AccountSealing:
    """Seals and opens. Stateless but for the key of login hashes."""

    def __init__(self, login_key: bytes) -> None:
        """Args:
        login_key: 32 bytes, of the vault.
        """
        self._login_key = login_key

    def login_hash(self, login: str) -> str:
        """What makes a login unique without telling it, hex: the same however it was typed."""
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold())
        return blake3(folded.encode("utf-8", "surrogatepass"), key=self._login_key).hexdigest()

    def identity_hash(self, issuer: str, subject: str) -> str:
        """What binds an account to somebody of an identity provider without telling whom, hex."""
        text = f"oidc\0{issuer}\0{subject}"
        return blake3(text.encode("utf-8", "surrogatepass"), key=self._login_key).hexdigest()

    def seal_personal(self, key: bytes, account_id: str, personal: Personal) -> str:
        """Personal data as an event carries it, base64."""
        return _seal(key, f"personal {account_id}", orjson.dumps(asdict(personal)))

    def open_personal(self, key: bytes, account_id: str, sealed: str) -> Personal:
        """Personal data of an event.

        Raises:
            ChunkDamaged: It was not sealed with the key, or not for the account.
        """
        return Personal(**orjson.loads(_open(key, f"personal {account_id}", sealed)))

    def seal_verifier(self, key: bytes, account_id: str, verifier: str) -> str:
        """A password's verifier as an event carries it, base64."""
        return _seal(key, f"verifier {account_id}", verifier.encode())

    def open_verifier(self, key: bytes, account_id: str, sealed: str) -> str:
        """A password's verifier of an event.

        Raises:
            ChunkDamaged: It was not sealed with the key, or not for the account.
        """
        return _open(key, f"verifier {account_id}", sealed).decode()


def _seal(key: bytes, purpose: str, content: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    padded = len(content).to_bytes(4, "big") + content
    padded += bytes(-len(padded) % _PAD_BYTES)
    return base64.b64encode(_VERSION + nonce + AESGCM(key).encrypt(nonce, padded, purpose.encode())).decode()


def _open(key: bytes, purpose: str, sealed: str) -> bytes:
    try:
        raw = base64.b64decode(sealed, validate=True)
        if raw[:1] != _VERSION:
            raise ValueError("another version")
        nonce, content = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
        padded = AESGCM(key).decrypt(nonce, content, purpose.encode())
        return padded[4 : 4 + int.from_bytes(padded[:4], "big")]
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise ChunkDamaged(f"what is sealed as {purpose} does not open", code="accounts.sealed-damaged") from error
