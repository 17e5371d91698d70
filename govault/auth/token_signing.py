"""What the vault says in tokens that carry it themselves: JWTs signed with Ed25519 (RFC 7519, RFC 8037).

The keys follow from the root secret by number. Tokens for different ends are told apart by type and audience (RFC 8725,
3.11), so that none passes for one of another kind. Only ``EdDSA`` is taken, only keys that the log has opened, and only
tokens of this vault.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from govault.errors import Authentication

ALGORITHM = "EdDSA"


class TokenSigner:
    """Signs and verifies. What a token may say beyond issuer and audience, and until when, is its kind's to judge."""

    def __init__(self, vault_id: str, derive: Callable[[str], bytes], opened: Callable[[], Sequence[int]]) -> None:
        """Args:
        derive: A 32-byte key for a purpose, from the vault's root secret.
        opened: The numbers of the signing keys that count now, ascending.
        """
        self._vault_id = vault_id
        self._derive = derive
        self._opened = opened
        self._keys: dict[int, Ed25519PrivateKey] = {}

    def counts(self, number: int) -> bool:
        """Whether what a key signed counts now."""
        return number in self._opened()

    def sign(self, kind: str, audience: str, claims: dict[str, Any]) -> str:
        """A token, signed with the newest key.

        Raises:
            Authentication: No key was opened yet.
        """
        numbers = self._opened()
        if not numbers:
            raise Authentication("this vault has no signing key yet; repeat in a moment")
        number = numbers[-1]
        said = {"iss": self._vault_id, "aud": audience, **claims}
        return jwt.encode(said, self._key(number), algorithm=ALGORITHM, headers={"kid": str(number), "typ": kind})

    def read(self, kind: str, audience: str, text: str, required: list[str]) -> tuple[int, dict[str, Any]] | None:
        """The key's number and the claims of a token, however old; None where it is malformed, or none of ours.

        Args:
            text: Of bounded length.
            required: The claims that have to be there, beside issuer and audience.
        """
        try:
            head = jwt.get_unverified_header(text)
            kid = head.get("kid", "")
            number = int(kid) if isinstance(kid, str) and kid.isascii() and kid.isdecimal() and len(kid) < 10 else -1
            if head.get("typ") != kind or not self.counts(number):
                return None
            said = jwt.decode(
                text,
                self._key(number).public_key(),
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=self._vault_id,
                # The node's own clock is not asked: the log's is, by the caller.
                options={
                    "require": ["iss", "aud", *required],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return number, said

    def published(self) -> dict[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        keys = []
        for number in self._opened():
            key = OKPAlgorithm.to_jwk(self._key(number).public_key(), as_dict=True)
            keys.append({**key, "kid": str(number), "use": "sig", "alg": ALGORITHM})
        return {"keys": keys}

    def _key(self, number: int) -> Ed25519PrivateKey:
        key = self._keys.get(number)
        if key is None:
            key = Ed25519PrivateKey.from_private_bytes(self._derive(f"access tokens {number}"))
            self._keys[number] = key
        return key
