"""ID tokens of an identity provider (OpenID Connect Core 1.0, 3.1.3.7): who somebody is, signed for this vault.

Only three algorithms are taken, each with its own kind of key: no ``none``, and no HMAC, with which whoever knows a
public key could sign. What a token says of its own key counts for nothing but to choose among the provider's.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from govault.errors import Authentication
from govault.limits import OIDC_KEYS_MAX, OIDC_LEEWAY_S, OIDC_TOKEN_BYTES_MAX

Json = dict[str, Any]
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
_KINDS: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "RS256": ("RSA", None, ("n", "e")),
    "ES256": ("EC", "P-256", ("crv", "x", "y")),
    "EdDSA": ("OKP", "Ed25519", ("crv", "x")),
}
"""Algorithm → ``kty``, ``crv`` and the public members of its keys (RFC 7518, RFC 8037)."""
_RSA_BITS_MIN = 2048
_RSA_BITS_MAX = 8192
_SUBJECT_CHARS_MAX = 255
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "nonce"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose key is known; it is still to be checked."""

    text: str
    algorithm: str
    key: PublicKey


def find_key(text: str, keys: Sequence[object]) -> Signed | None:
    """The token with the key that it says it is signed with; None: the provider may have a newer one.

    Args:
        keys: The provider's JWK set.

    Raises:
        Authentication: It is no token, or signed in a way that is never taken.
    """
    if len(text) > OIDC_TOKEN_BYTES_MAX or not text.isascii():
        raise _refused("it is too long, or no ASCII")
    try:
        head = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _refused("it is malformed") from error
    algorithm, kid = head.get("alg"), head.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _KINDS or "crit" in head:
        raise _refused(f"it is signed by {str(algorithm)[:20]!r}, not by one of {', '.join(_KINDS)}")
    fitting = [key for key in keys[:OIDC_KEYS_MAX] if isinstance(key, Mapping) and _fits(key, algorithm, kid)]
    if not fitting or (kid is None and len(fitting) > 1):
        return None
    return Signed(text, algorithm, _public_key(fitting[0], algorithm))


def check_id_token(signed: Signed, expected: Expected, now_s: int) -> Json:
    """What a token says, if all of it is right.

    Raises:
        Authentication: It is not; nothing of it counts.
    """
    try:
        said: Json = jwt.decode(
            signed.text,
            signed.key,
            algorithms=[signed.algorithm],
            audience=expected.client_id,
            issuer=expected.issuer,
            # Times are checked below, by the vault's clock.
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _refused(str(error)) from error
    _check_times(said, now_s)
    audience, azp = said["aud"], said.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and azp is None) or azp not in (None, expected.client_id):
        raise _refused("it is for another client (azp)")
    nonce, subject = said["nonce"], said["sub"]
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _refused("it belongs to another login (nonce)")
    if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARS_MAX:
        raise _refused("it names nobody (sub)")
    return said


def _check_times(said: Json, now_s: int) -> None:
    times = [said["exp"], said["iat"], said.get("nbf", 0)]
    if any(type(time) not in (int, float) for time in times):
        raise _refused("its times are no numbers")
    expires_s, issued_s, begins_s = times
    if not now_s < expires_s + OIDC_LEEWAY_S:
        raise _refused("it has expired; are the clocks right?")
    if max(issued_s, begins_s) > now_s + OIDC_LEEWAY_S:
        raise _refused("it is from the future; are the clocks right?")


def _fits(key: Mapping[str, Any], algorithm: str, kid: object) -> bool:
    kty, crv, _ = _KINDS[algorithm]
    return (
        key.get("kty") == kty
        and (crv is None or key.get("crv") == crv)
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
        and (kid is None or key.get("kid") == kid)
    )


def _public_key(key: Mapping[str, Any], algorithm: str) -> PublicKey:
    kty, _, members = _KINDS[algorithm]
    try:
        found = jwt.PyJWK({"kty": kty, **{name: key[name] for name in members}}, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise _refused("the provider's key for it is malformed") from error
    if isinstance(found, RSAPublicKey) and not _RSA_BITS_MIN <= found.key_size <= _RSA_BITS_MAX:
        raise _refused(f"the provider's key for it has {found.key_size} bits")
    if not isinstance(found, PublicKey):
        raise _refused("the provider's key for it is of another kind")
    return found


def _refused(why: str) -> Authentication:
    return Authentication(
        f"the identity provider's token is not accepted: {why[:200]}", code="authentication.identity-token"
    )
