"""Access tokens of sessions: short-lived, signed (``govault.auth.token_signing``).

A token says whose session it is, and nothing of what its bearer may do: that is looked up at every request.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from govault.auth.token_signing import TokenSigner
from govault.limits import ACCESS_TOKEN_BYTES_MAX, ACCESS_TOKEN_VALID_S, ACCESS_TOKENS_CACHED_MAX

KIND = "JWT"
AUDIENCE = "govault"
_REQUIRED = ["sub", "sid", "iat", "exp"]


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

    def __init__(self, signer: TokenSigner) -> None:
        self._signer = signer
        self._checked: OrderedDict[bytes, tuple[int, Claims]] = OrderedDict()

    def issue(self, account_id: str, session_id: str, now_s: int) -> Issued:
        """A token for a session, signed with the newest key.

        Raises:
            Authentication: No key was opened yet.
        """
        expires_s = now_s + ACCESS_TOKEN_VALID_S
        claims = {"sub": account_id, "sid": session_id, "iat": now_s, "exp": expires_s}
        return Issued(self._signer.sign(KIND, AUDIENCE, claims), expires_s)

    def check(self, text: str, now_s: int) -> Claims | None:
        """What the token says; None where it is malformed, of another vault, expired, or signed by no key of now."""
        if len(text) > ACCESS_TOKEN_BYTES_MAX or not text.isascii():
            return None
        seen = sha256(text.encode()).digest()
        known = self._checked.get(seen)
        if known is not None:
            number, claims = known
            return claims if now_s < claims.expires_s and self._signer.counts(number) else None
        decoded = self._decode(text, now_s)
        if decoded is None:
            return None
        self._checked[seen] = decoded
        if len(self._checked) > ACCESS_TOKENS_CACHED_MAX:
            self._checked.popitem(last=False)
        return decoded[1]

    def published(self) -> dict[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        return self._signer.published()

    def _decode(self, text: str, now_s: int) -> tuple[int, Claims] | None:
        read = self._signer.read(KIND, AUDIENCE, text, _REQUIRED)
        if read is None:
            return None
        number, said = read
        claims = Claims(said["sub"], said["sid"], said["iat"], said["exp"])
        words = isinstance(claims.account_id, str) and isinstance(claims.session_id, str)
        times = type(claims.issued_s) is int and type(claims.expires_s) is int
        if not words or not times or not now_s < claims.expires_s:
            return None
        return number, claims
