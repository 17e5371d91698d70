"""Access tokens: only those of this vault, of its keys, of now."""

from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.auth.access_tokens import AccessTokens, Claims
from govault.auth.token_signing import TokenSigner
from govault.errors import Authentication
from govault.limits import ACCESS_TOKEN_VALID_S
from tests.unit.auth.wrong_tokens import changed, signed_with_the_public_key

NOW_S = 1_790_000_000


def derive(purpose: str) -> bytes:
    return sha256(purpose.encode()).digest()


def tokens(*opened: int, vault_id: str = "v") -> AccessTokens:
    return AccessTokens(TokenSigner(vault_id, derive, lambda: opened))


def signed(claims: dict[str, Any], key: Any = None, alg: str = "EdDSA", kid: object = "1", typ: object = "JWT") -> str:
    own = Ed25519PrivateKey.from_private_bytes(derive("access tokens 1"))
    return jwt.encode(claims, own if key is None else key, algorithm=alg, headers={"kid": kid, "typ": typ})


def claims(**changed: object) -> dict[str, Any]:
    whole = {"iss": "v", "aud": "govault", "sub": "a_1", "sid": "s", "iat": NOW_S, "exp": NOW_S + 60, **changed}
    return {name: value for name, value in whole.items() if value is not None}


def test_a_token_says_whose_session_it_is_until_it_expires() -> None:
    issued = tokens(1, 2).issue("a_1", "s", NOW_S)
    assert issued.expires_s == NOW_S + ACCESS_TOKEN_VALID_S
    checker = tokens(1, 2)
    for _ in range(2):
        assert checker.check(issued.text, NOW_S) == Claims("a_1", "s", NOW_S, issued.expires_s)
    assert checker.check(issued.text, issued.expires_s) is None
    assert tokens(1, 2).check(issued.text, issued.expires_s) is None


def test_a_token_ends_with_the_key_that_signed_it() -> None:
    opened = [1, 2]
    checker = AccessTokens(TokenSigner("v", derive, lambda: opened))
    text = checker.issue("a_1", "s", NOW_S).text
    assert checker.check(text, NOW_S)
    opened.remove(2)
    assert checker.check(text, NOW_S) is None


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(Authentication):
        tokens().issue("a_1", "s", NOW_S)


def test_published_keys_verify_what_was_signed() -> None:
    maker = tokens(1)
    text = maker.issue("a_1", "s", NOW_S).text
    (key,) = maker.published()["keys"]
    assert "d" not in key
    public = jwt.PyJWK(key).key
    assert jwt.decode(text, public, algorithms=["EdDSA"], audience="govault", options={"verify_exp": False})["sub"]


@pytest.mark.parametrize(
    "text",
    [
        signed(claims(exp=NOW_S)),
        signed(claims(exp=None)),
        signed(claims(exp=str(NOW_S + 60))),
        signed(claims(exp=True)),
        signed(claims(sid=None)),
        signed(claims(sub=7)),
        signed(claims(sid=["s"])),
        signed(claims(iss="another")),
        signed(claims(aud="another")),
        signed(claims(), kid="2"),
        signed(claims(), typ="govault-file+jwt"),
        signed(claims(), typ=None),
        signed(claims(), kid="01 "),
        signed(claims(), kid="-1"),
        signed(claims(), key=Ed25519PrivateKey.generate()),
        signed(claims(), key="secret" * 8, alg="HS256"),
        jwt.encode(claims(), None, algorithm="none", headers={"kid": "1"}),
        "",
        "a.b.c",
        "..",
        "\ud800.e30.x",
        "x" * 100_000,
    ],
)
def test_any_other_token_says_nothing(text: str) -> None:
    assert tokens(1).check(text, NOW_S) is None


def test_the_public_key_as_a_shared_secret_says_nothing() -> None:
    (key,) = tokens(1).published()["keys"]
    assert tokens(1).check(signed_with_the_public_key(signed(claims()), key["x"], "JWT"), NOW_S) is None


def test_ten_thousand_changed_tokens_say_nothing() -> None:
    checker = tokens(1)
    for text in changed(signed(claims()), seed=5):
        assert checker.check(text, NOW_S) is None, text
