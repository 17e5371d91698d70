"""Access tokens: short-lived JWTs signed with Ed25519 (RFC 7519, RFC 8037), by keys that follow from the root secret.

A token says whose session it is, and nothing of what its bearer may do: that is looked up at every request. Only
``EdDSA`` is taken, only keys that the log has opened, and only tokens made for this vault.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from govault.errors import Authentication
from govault.limits import ACCESS_TOKEN_BYTES_MAX, ACCESS_TOKEN_VALID_S, ACCESS_TOKENS_CACHED_MAX

ALGORITHM = "EdDSA"
AUDIENCE = "govault"
_REQUIRED = ["iss", "aud", "sub", "sid", "iat", "exp"]


class Claims(NamedTuple):
    """What a valid token says. Times in seconds since the epoch."""

    account_id: str
    session_id: str
    issued_s: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token."""

    text: str
    expires_s: int


class AccessTokens:
    """Signs and checks. Tokens that were checked once are remembered until they expire, in a bounded number."""

    def __init__(self, vault_id: str, derive: Callable[[str], bytes], opened: Callable[[], Sequence[int]]) -> None:
        """Args:
        derive: A 32-byte key for a purpose, from the vault's root secret.
        opened: The numbers of the signing keys that count now, ascending.
        """
        self._vault_id = vault_id
        self._derive = derive
        self._opened = opened
        self._keys: dict[int, Ed25519PrivateKey] = {}
        self._checked: OrderedDict[bytes, tuple[int, Claims]] = OrderedDict()

    def issue(self, account_id: str, session_id: str, now_s: int) -> Issued:
        """A token for a session, signed with the newest key.

        Raises:
            Authentication: No key was opened yet.
        """
        numbers = self._opened()
        if not numbers:
            raise Authentication("this vault has no signing key yet; repeat in a moment")
        expires_s = now_s + ACCESS_TOKEN_VALID_S
        claims = {
            "iss": self._vault_id,
            "aud": AUDIENCE,
            "sub": account_id,
            "sid": session_id,
            "iat": now_s,
            "exp": expires_s,
        }
        number = numbers[-1]
        text = jwt.encode(claims, self._key(number), algorithm=ALGORITHM, headers={"kid": str(number)})
        return Issued(text, expires_s)

    def check(self, text: str, now_s: int) -> Claims | None:
        """What the token says; None where it is malformed, of another vault, expired, or signed by no key of now."""
        if len(text) > ACCESS_TOKEN_BYTES_MAX or not text.isascii():
            return None
        seen = sha256(text.encode()).digest()
        known = self._checked.get(seen)
        if known is not None:
            number, claims = known
            return claims if now_s < claims.expires_s and number in self._opened() else None
        decoded = self._decode(text, now_s)
        if decoded is None:
            return None
        self._checked[seen] = decoded
        if len(self._checked) > ACCESS_TOKENS_CACHED_MAX:
            self._checked.popitem(last=False)
        return decoded[1]

    def published(self) -> dict[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        keys = []
        for number in self._opened():
            key = OKPAlgorithm.to_jwk(self._key(number).public_key(), as_dict=True)
            keys.append({**key, "kid": str(number), "use": "sig", "alg": ALGORITHM})
        return {"keys": keys}

    def _decode(self, text: str, now_s: int) -> tuple[int, Claims] | None:
        try:
            kid = jwt.get_unverified_header(text).get("kid", "")
            number = int(kid) if isinstance(kid, str) and kid.isascii() and kid.isdecimal() and len(kid) < 10 else -1
            if number not in self._opened():
                return None
            said = jwt.decode(
                text,
                self._key(number).public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._vault_id,
                # The node's own clock is not asked: the log's is.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            claims = Claims(said["sub"], said["sid"], said["iat"], said["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            return None
        words = isinstance(claims.account_id, str) and isinstance(claims.session_id, str)
        times = type(claims.issued_s) is int and type(claims.expires_s) is int
        if not words or not times or not now_s < claims.expires_s:
            return None
        return number, claims

    def _key(self, number: int) -> Ed25519PrivateKey:
        key = self._keys.get(number)
        if key is None:
            key = Ed25519PrivateKey.from_private_bytes(self._derive(f"access tokens {number}"))
            self._keys[number] = key
        return key
