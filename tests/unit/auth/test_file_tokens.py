"""File tokens: only those of this vault, of its keys, of now, that say all they must; and no tokens of sessions."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.auth.access_tokens import AccessTokens
from govault.auth.file_tokens import FileClaims, FileTokens, Issuer
from govault.auth.token_signing import TokenSigner
from govault.errors import Authentication
from govault.limits import FILE_TOKEN_BYTES_MAX, FILE_TOKEN_VALID_S, FILE_TOKEN_VALID_S_MAX
from schemas.ids import ulid
from schemas.rest.file_tokens import FileTokenAsk
from tests.unit.auth.test_access_tokens import NOW_S, derive
from tests.unit.auth.wrong_tokens import changed, signed_with_the_public_key

ACCOUNT, FILE, TOKEN = "a_" + ulid(1, b"account---"), "f_" + ulid(1, b"file------"), "k_" + ulid(1, b"token-----")
GOOD = FileClaims(
    TOKEN, Issuer(ACCOUNT, "session", "s"), FILE, None, ("GET", "HEAD"), NOW_S * 1000 + 5, NOW_S + FILE_TOKEN_VALID_S
)


def signer(*opened: int, vault_id: str = "v") -> TokenSigner:
    return TokenSigner(vault_id, derive, lambda: opened)


def tokens(*opened: int) -> FileTokens:
    return FileTokens(signer(*opened))


def said(**changed: object) -> dict[str, Any]:
    whole = {
        "iss": "v",
        "aud": "govault-file",
        "sub": ACCOUNT,
        "jti": TOKEN,
        "by": ["session", "s"],
        "file": FILE,
        "methods": ["GET"],
        "iat": NOW_S,
        "issued_ms": NOW_S * 1000,
        "exp": NOW_S + 60,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(claims: dict[str, Any], key: Any = None, alg: str = "EdDSA", typ: object = "govault-file+jwt") -> str:
    own = Ed25519PrivateKey.from_private_bytes(derive("access tokens 1"))
    return jwt.encode(claims, own if key is None else key, algorithm=alg, headers={"kid": "1", "typ": typ})


@pytest.mark.parametrize(
    "claims",
    [
        GOOD,
        GOOD._replace(version=3, methods=("PUT",)),
        GOOD._replace(issuer=Issuer(ACCOUNT, "api-token", "t_1")),
        GOOD._replace(issuer=Issuer("admin", "operator")),
    ],
)
def test_a_token_says_what_it_was_issued_with_until_it_expires(claims: FileClaims) -> None:
    text = tokens(1, 2).issue(claims)
    assert tokens(1, 2).check(text, NOW_S) == claims
    assert tokens(1, 2).check(text, claims.expires_s - 1) == claims
    assert tokens(1, 2).check(text, claims.expires_s) is None
    assert tokens(1).check(text, NOW_S) is None
    assert len(text) < FILE_TOKEN_BYTES_MAX / 2


def test_what_the_tests_sign_is_good_where_nothing_is_wrong() -> None:
    assert tokens(1).check(signed(said()), NOW_S) is not None


@pytest.mark.parametrize(
    "text",
    [
        signed(said(exp=NOW_S)),
        signed(said(exp=None)),
        signed(said(exp=str(NOW_S + 60))),
        signed(said(exp=float(NOW_S + 60))),
        signed(said(exp=True)),
        signed(said(issued_ms=None)),
        signed(said(issued_ms=-1)),
        signed(said(iss="another")),
        signed(said(aud="govault")),
        signed(said(aud=None)),
        signed(said(sub=7)),
        signed(said(sub="admin")),
        signed(said(sub="ada")),
        signed(said(by=["operator", ""])),
        signed(said(by=["session", ""])),
        signed(said(by=["session", 7])),
        signed(said(by=["session"])),
        signed(said(by="session")),
        signed(said(by=["password", "p"])),
        signed(said(by=[["session"], "s"])),
        signed(said(by=["session", "s" * 65])),
        signed(said(file="s_" + FILE[2:])),
        signed(said(file=[FILE])),
        signed(said(file=None)),
        signed(said(jti="t_" + TOKEN[2:])),
        signed(said(jti=1)),
        signed(said(methods=[])),
        signed(said(methods="GET")),
        signed(said(methods=["GET", "DELETE"])),
        signed(said(methods=[["GET"]])),
        signed(said(version=0)),
        signed(said(version="1")),
        signed(said(version=True)),
        signed(said(), typ="JWT"),
        signed(said(), typ=None),
        signed(said(), key=Ed25519PrivateKey.generate()),
        signed(said(), key="secret" * 8, alg="HS256"),
        jwt.encode(said(), None, algorithm="none", headers={"kid": "1", "typ": "govault-file+jwt"}),
        signed(said(more="x" * FILE_TOKEN_BYTES_MAX)),
        signed(said())[:-20],
        signed(said()).rpartition(".")[0],
        signed(said()) + ".x",
        "",
        "..",
        "a.b.c",
        "\ud800.e30.x",
        "x" * 100_000,
    ],
)
def test_any_other_token_says_nothing(text: str) -> None:
    assert tokens(1).check(text, NOW_S) is None


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(Authentication):
        tokens().issue(GOOD)


def test_neither_kind_of_token_passes_for_the_other() -> None:
    sessions = AccessTokens(signer(1))
    of_session, of_file = sessions.issue(ACCOUNT, "s", NOW_S).text, tokens(1).issue(GOOD)
    assert sessions.check(of_session, NOW_S) is not None
    assert tokens(1).check(of_file, NOW_S) is not None
    assert sessions.check(of_file, NOW_S) is None
    assert tokens(1).check(of_session, NOW_S) is None


def test_type_and_audience_each_keep_the_kinds_apart() -> None:
    """Were all claims there and one of the two forgotten, the other would still refuse."""
    both = said(sid="s")
    sessions = AccessTokens(signer(1))
    assert sessions.check(signed({**both, "aud": "govault"}, typ="JWT"), NOW_S) is not None
    assert sessions.check(signed({**both, "aud": "govault"}), NOW_S) is None
    assert sessions.check(signed(both, typ="JWT"), NOW_S) is None
    assert tokens(1).check(signed(both, typ="JWT"), NOW_S) is None
    assert tokens(1).check(signed({**both, "aud": "govault"}), NOW_S) is None


def test_the_public_key_as_a_shared_secret_says_nothing() -> None:
    (key,) = signer(1).published()["keys"]
    assert tokens(1).check(signed_with_the_public_key(signed(said()), key["x"], "govault-file+jwt"), NOW_S) is None


def test_ten_thousand_changed_tokens_say_nothing() -> None:
    checker = tokens(1)
    for text in changed(signed(said()), seed=7):
        assert checker.check(text, NOW_S) is None, text


def test_what_may_be_asked_for_over_http_is_what_the_limits_say() -> None:
    schema = FileTokenAsk.model_json_schema()["properties"]["expires_s"]
    assert (schema["default"], schema["maximum"]) == (FILE_TOKEN_VALID_S, FILE_TOKEN_VALID_S_MAX)
