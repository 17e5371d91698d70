"""An identity provider in memory: it signs what a test tells it to, right or wrong."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from govault.errors import IdentityProvider
from govault.ports import ProviderAnswer
from govault.services.accounts.oidc import challenge_of
from tests.fakes.world import FakeClock

ISSUER = "https://id.example/realms/main"
CLIENT_ID = "vault"
SECRET = "the client's secret"
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
SHORT_RSA_KEY = rsa.generate_private_key(65537, 1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
Json = dict[str, Any]


def jwk(key: Any, kid: str | None, **more: str) -> Json:
    """A public key as the provider publishes it."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    maker: Any = next((found for kind, found in kinds.items() if isinstance(key, kind)), OKPAlgorithm)
    named = {} if kid is None else {"kid": kid}
    return {**maker.to_jwk(key.public_key(), as_dict=True), **named, "use": "sig", **more}


def public_pem(key: Any) -> bytes:
    """What an attacker knows of a key."""
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def unsigned(claims: Mapping[str, object], head: Mapping[str, object], signature: bytes = b"") -> str:
    """A token by hand."""
    parts = [json.dumps(head).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class FakeIssuer:
    """``ProviderHttp``.

    Attributes:
        said: What userinfo says besides the token, by subject.
        away: Whether nothing is answered.
        wrong: Claims that the next tokens say instead; None leaves one out.
        asked: The addresses that were asked, in order.
    """

    clock: FakeClock
    key: Any = RSA_KEY
    algorithm: str = "RS256"
    kid: str | None = "k1"
    keys: list[Json] = field(default_factory=lambda: [jwk(RSA_KEY, "k1")])
    metadata: Json = field(default_factory=dict)
    said: dict[str, Json] = field(default_factory=dict)
    wrong: Json = field(default_factory=dict)
    token: str | None = None
    away: bool = False
    asked: list[str] = field(default_factory=list)
    forms: list[Mapping[str, str]] = field(default_factory=list)
    basic: list[tuple[str, str] | None] = field(default_factory=list)
    codes: dict[str, Json] = field(default_factory=dict)

    def log_in(self, address: str, subject: str, **claims: object) -> dict[str, str]:
        """Somebody logs in where a vault has sent the browser: what comes back in the callback's query."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{ISSUER}/authorize?"), address
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**asked, "claims": {"sub": subject, **claims}}
        return {"code": code, "state": asked["state"], "iss": ISSUER, "session_state": "unasked"}

    def claims(self, nonce: str, **more: object) -> Json:
        """What a right token says now, and what a test has it say instead."""
        now_s = self.clock.time_ms() // 1000
        right = {"iss": ISSUER, "aud": CLIENT_ID, "iat": now_s, "exp": now_s + 300, "nonce": nonce, **more}
        return {name: value for name, value in {**right, **self.wrong}.items() if value is not None}

    async def get(self, url: str, bearer: str = "") -> ProviderAnswer:
        self._reach(url)
        if url.endswith("/.well-known/openid-configuration"):
            return _json(200, self._metadata())
        if url.endswith("/keys"):
            return _json(200, {"keys": self.keys})
        if url.endswith("/userinfo"):
            return _json(200, {"sub": bearer, **self.said.get(bearer, {})})
        return _json(404, {})

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> ProviderAnswer:
        self._reach(url)
        self.forms.append(dict(form))
        self.basic.append(basic)
        known = self.codes.pop(form["code"], None)
        if known is None or known["code_challenge"] != challenge_of(form["code_verifier"]):
            return _json(400, {"error": "invalid_grant"})
        assert form["redirect_uri"] == known["redirect_uri"]
        claims = self.claims(known["nonce"], **known["claims"])
        head = {} if self.kid is None else {"kid": self.kid}
        token = self.token or jwt.encode(claims, self.key, algorithm=self.algorithm, headers=head)
        return _json(200, {"id_token": token, "access_token": claims["sub"], "token_type": "Bearer"})

    def _metadata(self) -> Json:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            **self.metadata,
        }

    def _reach(self, url: str) -> None:
        self.asked.append(url)
        if self.away:
            raise IdentityProvider("the identity provider cannot be reached: it is away")


def _json(status: int, document: object) -> ProviderAnswer:
    return ProviderAnswer(status, json.dumps(document).encode())
