"""Tokens that nobody signed, made of ones that somebody did."""

import base64
import json
import random
from collections.abc import Iterator

import jwt

_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. =\x00\xff"


def changed(text: str, seed: int, count: int = 10_000) -> Iterator[str]:
    """Texts that differ from a token in one place, or lack a little there."""
    chance = random.Random(seed)
    for _ in range(count):
        # The last digit of base64 holds bits that count for nothing.
        at = chance.randrange(len(text) - 1)
        other = text[:at] + chance.choice(_SIGNS) + text[at + chance.randrange(3) :]
        if other != text:
            yield other


def signed_with_the_public_key(token: str, public_x: str, typ: str) -> str:
    """The claims of a token, with the published key as a shared secret.

    Args:
        public_x: The key, as a JWK has it.
    """
    raw = base64.urlsafe_b64decode(public_x + "=")
    text = f"{_coded(json.dumps({'alg': 'HS256', 'kid': '1', 'typ': typ}).encode())}.{token.split('.')[1]}"
    return (
        f"{text}.{_coded(jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), raw))}"
    )


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
