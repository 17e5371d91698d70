"""Join tokens as text: who lets the new node in, and what it shows them.

``gvj1.`` and base64url of JSON. The secret follows from the token's id by a key that only nodes of the vault have, so
that any of them can check it; the log has no more than its hash.
"""

import base64
import binascii
import hashlib
import json
from typing import NamedTuple

from blake3 import blake3

from govault.errors import InvalidRequest

PREFIX = "gvj1."
TOKEN_ID_BYTES = 16
SECRET_BYTES = 32
_TEXT_BYTES_MAX = 8192


class Introducer(NamedTuple):
    """A node that lets others in, and where peers reach it (host:port)."""

    node_id: str
    addresses: tuple[str, ...]


class JoinToken(NamedTuple):
    """What a token says.

    Attributes:
        vault_id: The vault that it opens.
    """

    token_id: bytes
    secret: bytes
    introducers: tuple[Introducer, ...]
    vault_id: str

    @property
    def token_hash(self) -> str:
        """What the log knows it by."""
        return hash_of(self.secret)

    def text(self) -> str:
        """As people pass it on."""
        said = {
            "i": self.token_id.hex(),
            "s": self.secret.hex(),
            "v": self.vault_id,
            "n": [[one.node_id, list(one.addresses)] for one in self.introducers],
        }
        return PREFIX + base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).decode().rstrip("=")


def secret_of(token_id: bytes, key: bytes) -> bytes:
    """The secret of a token id, 32 bytes.

    Args:
        key: The vault's key for join tokens.
    """
    secret: bytes = blake3(token_id, key=key).digest()
    return secret


def hash_of(secret: bytes) -> str:
    """What the log knows a secret by."""
    return hashlib.sha256(b"govault join token" + secret).hexdigest()


def parse(text: str) -> JoinToken:
    """The token of a text.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        if not text.startswith(PREFIX) or len(text) > _TEXT_BYTES_MAX:
            raise ValueError("it does not begin as one")
        encoded = text[len(PREFIX) :]
        said = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        token_id, secret = bytes.fromhex(said["i"]), bytes.fromhex(said["s"])
        introducers = tuple(Introducer(str(node), tuple(map(str, addresses))) for node, addresses in said["n"])
        vault_id = str(said["v"])
        if len(token_id) != TOKEN_ID_BYTES or len(secret) != SECRET_BYTES or not introducers or not vault_id:
            raise ValueError("a part of it is missing")
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise InvalidRequest(
            "this is not a join token: take the whole line that `govault cluster token` prints, from gvj1. on",
            rule="join-token",
        ) from error
    return JoinToken(token_id, secret, introducers, vault_id)
