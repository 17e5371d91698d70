"""ID tokens: right ones name somebody, and whatever is wrong with one, it names nobody."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from govault.auth.id_tokens import Expected, check_id_token, find_key
from govault.errors import Authentication
from govault.limits import OIDC_LEEWAY_S, OIDC_TOKEN_BYTES_MAX
from tests.fakes.issuer import (
    CLIENT_ID,
    EC_KEY,
    ED_KEY,
    ISSUER,
    OTHER_RSA_KEY,
    RSA_KEY,
    SHORT_RSA_KEY,
    jwk,
    public_pem,
    unsigned,
)

NOW_S = 1_800_000_000
EXPECTED = Expected(ISSUER, CLIENT_ID, "the nonce")
KEYS = [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed", alg="EdDSA")]


def claims(**more: object) -> dict[str, Any]:
    right: dict[str, Any] = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": "248289761001",
        "nonce": "the nonce",
        "iat": NOW_S,
        "exp": NOW_S + 300,
    }
    return {name: value for name, value in {**right, **more}.items() if value is not None}


def signed(said: dict[str, Any], key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa") -> str:
    return jwt.encode(said, key, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


def check(text: str, keys: list[Any] = KEYS) -> dict[str, Any] | None:
    found = find_key(text, keys)
    return None if found is None else check_id_token(found, EXPECTED, NOW_S)


def refuses(text: str, why: str, keys: list[Any] = KEYS) -> None:
    with pytest.raises(Authentication, match=why) as told:
        check(text, keys)
    assert told.value.specific_code == "authentication.identity-token"


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec"), (ED_KEY, "EdDSA", "ed")]
)
def test_a_right_token_of_each_algorithm_names_somebody(key: Any, algorithm: str, kid: str) -> None:
    said = check(signed(claims(), key, algorithm, kid))
    assert said is not None
    assert said["sub"] == "248289761001"


def test_a_token_without_a_kid_is_taken_where_one_key_can_be_meant() -> None:
    assert check(signed(claims(), kid=None)) is not None
    assert check(signed(claims(), kid=None), [*KEYS, jwk(OTHER_RSA_KEY, "other")]) is None


def test_an_audience_among_others_needs_the_client_as_azp() -> None:
    assert check(signed(claims(aud=[CLIENT_ID]))) is not None
    assert check(signed(claims(aud=["other", CLIENT_ID], azp=CLIENT_ID))) is not None
    refuses(signed(claims(aud=["other", CLIENT_ID])), "azp")
    refuses(signed(claims(aud=["other", CLIENT_ID], azp="other")), "azp")
    refuses(signed(claims(azp="other")), "azp")


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    assert check(signed(claims(exp=NOW_S - OIDC_LEEWAY_S + 1))) is not None
    assert check(signed(claims(iat=NOW_S + OIDC_LEEWAY_S, nbf=NOW_S + OIDC_LEEWAY_S))) is not None
    refuses(signed(claims(exp=NOW_S - OIDC_LEEWAY_S)), "expired")
    refuses(signed(claims(iat=NOW_S + OIDC_LEEWAY_S + 1)), "future")
    refuses(signed(claims(nbf=NOW_S + OIDC_LEEWAY_S + 1)), "future")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "RS512", "PS256", "HS256", "ES384"])
def test_any_other_algorithm_is_refused_whatever_follows(algorithm: str) -> None:
    refuses(unsigned(claims(), {"alg": algorithm, "kid": "rsa"}), "signed by")
    refuses(unsigned(claims(), {"alg": algorithm, "kid": "rsa"}, b"x" * 256), "signed by")


@pytest.mark.parametrize("algorithm", [None, 7, ["RS256"], {"alg": "RS256"}])
def test_an_algorithm_that_is_no_word_is_refused(algorithm: object) -> None:
    refuses(unsigned(claims(), {"alg": algorithm, "kid": "rsa"}), "malformed|signed by")


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    head = {"alg": "HS256", "kid": "rsa", "typ": "JWT"}
    unsigned_text = unsigned(claims(), head).rpartition(".")[0]
    for secret in (public_pem(RSA_KEY), public_pem(RSA_KEY).strip()):
        refuses(unsigned(claims(), head, hmac.digest(secret, unsigned_text.encode(), sha256)), "signed by")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": ISSUER + "/"}, id="nearly the issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"aud": "other"}, id="another audience"),
        pytest.param({"aud": ["other"]}, id="other audiences"),
        pytest.param({"aud": []}, id="empty audience"),
        pytest.param({"aud": {CLIENT_ID: 1}}, id="an object as audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"nonce": "another nonce"}, id="another nonce"),
        pytest.param({"nonce": ""}, id="empty nonce"),
        pytest.param({"nonce": ["the nonce"]}, id="a list as nonce"),
        pytest.param({"nonce": None}, id="no nonce"),
        pytest.param({"exp": None}, id="no end"),
        pytest.param({"exp": "4000000000"}, id="an end that is text"),
        pytest.param({"exp": True}, id="an end that is true"),
        pytest.param({"iat": None}, id="no beginning"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"sub": ""}, id="empty subject"),
        pytest.param({"sub": "x" * 256}, id="a subject too long"),
    ],
)
def test_a_token_that_says_something_wrong_is_refused(said: dict[str, Any]) -> None:
    refuses(signed(claims(**said)), "not accepted")


def test_another_key_under_the_kid_is_refused() -> None:
    refuses(signed(claims(), OTHER_RSA_KEY), "not accepted")


def test_a_key_of_another_kind_under_the_kid_counts_as_none() -> None:
    assert check(signed(claims(), RSA_KEY, kid="ec")) is None
    assert check(signed(claims(), RSA_KEY), [jwk(RSA_KEY, "rsa", use="enc")]) is None
    assert check(signed(claims(), RSA_KEY), [jwk(RSA_KEY, "rsa", alg="RS512")]) is None
    assert check(signed(claims(), RSA_KEY), ["rsa", None, 7, {}]) is None


def test_an_unknown_kid_finds_no_key() -> None:
    assert check(signed(claims(), kid="unknown")) is None


def test_the_token_s_own_key_counts_for_nothing() -> None:
    head = {"kid": "rsa", "jwk": jwk(OTHER_RSA_KEY, "rsa"), "jku": "https://evil.example/keys"}
    refuses(jwt.encode(claims(), OTHER_RSA_KEY, algorithm="RS256", headers=head), "not accepted")


def test_short_and_malformed_keys_of_the_provider_are_refused() -> None:
    refuses(unsigned(claims(), {"alg": "RS256", "kid": "short"}), "1024 bits", [jwk(SHORT_RSA_KEY, "short")])
    refuses(signed(claims()), "malformed", [{**jwk(RSA_KEY, "rsa"), "n": "!"}])
    refuses(signed(claims()), "malformed", [{"kty": "RSA", "kid": "rsa"}])
    outside = {**jwk(ec.generate_private_key(ec.SECP256R1()), "ec"), "x": "AA"}
    refuses(signed(claims(), EC_KEY, "ES256", "ec"), "malformed", [outside])


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-3], lambda text: text + ".x", lambda text: text.replace(".", "")]
)
def test_what_is_cut_or_lengthened_is_refused(spoil: Callable[[str], str]) -> None:
    refuses(spoil(signed(claims())), "not accepted")


def test_critical_extensions_and_endless_texts_are_refused() -> None:
    head = {"kid": "rsa", "crit": ["exp"]}
    refuses(jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers=head), "not accepted")
    refuses("x" * (OIDC_TOKEN_BYTES_MAX + 1), "too long")
    refuses("é.é.é", "no ASCII")
    refuses("", "malformed")
