"""An identity provider (OpenID Connect): what it publishes of itself, and who somebody is that it sends back.

It is asked when somebody logs in and never before: one that is away fails logins, and nothing else.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from govault.auth.id_tokens import Expected, Signed, check_id_token, find_key
from govault.errors import Authentication, IdentityProvider
from govault.limits import OIDC_AWAY_S, OIDC_KEYS_FRESH_S, OIDC_METADATA_FRESH_S
from govault.ports import Clock, ProviderAnswer, ProviderHttp

Json = dict[str, Any]
_WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """What the configuration says of the provider.

    Attributes:
        client_secret: Empty: a public client.
        redirect_uri: Where it sends people back to.
        name: What people call it.
        create_accounts: Whether whoever it knows gets an account.
        email_domains: Of whom to let in, casefolded; empty: anybody.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str = ""
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    create_accounts: bool = False
    login_claim: str = "preferred_username"
    name_claim: str = "name"
    email_claim: str = "email"
    email_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Somebody:
    """Who came back, and what the provider says of him.

    Attributes:
        access_token: To ask the provider for more with.
    """

    subject: str
    claims: Json
    access_token: str


class Provider:
    """Asks the provider. What it publishes is remembered for a while, and a failure for a moment."""

    def __init__(self, settings: OidcSettings, http: ProviderHttp, clock: Clock) -> None:
        self.settings = settings
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._away: tuple[float, IdentityProvider] | None = None
        self._metadata: tuple[float, Json] | None = None
        self._keys: tuple[float, list[object]] | None = None

    async def address(self, state: str, nonce: str, challenge: str) -> str:
        """Where a browser goes to log in.

        Args:
            challenge: SHA-256 of the verifier, base64url (RFC 7636).

        Raises:
            IdentityProvider: The provider is away.
        """
        endpoint = (await self._known())["authorization_endpoint"]
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def redeem(self, code: str, verifier: str, nonce: str) -> Somebody:
        """Who a code stands for; the provider gives that away once.

        Raises:
            Authentication: The provider does not take the code, or its token is not accepted.
            IdentityProvider: The provider is away.
        """
        metadata = await self._known()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "code_verifier": verifier,
        }
        answer = await self._http.post(metadata["token_endpoint"], form, self._authenticated(metadata, form))
        said = _document(answer, "the token endpoint") if answer.status < 500 else {}
        if answer.status != 200:
            raise self._not_taken(answer, said)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise IdentityProvider("the identity provider gave no ID token; is openid among the scopes?")
        expected = Expected(self.settings.issuer, self.settings.client_id, nonce)
        claims = check_id_token(await self._with_key(token), expected, self._clock.time_ms() // 1000)
        access = said.get("access_token")
        return Somebody(claims["sub"], claims, access if isinstance(access, str) else "")

    async def about(self, who: Somebody, wanted: Sequence[str]) -> Json:
        """What the provider says of somebody; asked for more where his token lacks a claim that is wanted.

        Raises:
            Authentication: It speaks of somebody else.
            IdentityProvider: The provider is away.
        """
        endpoint = (await self._known()).get("userinfo_endpoint")
        if not isinstance(endpoint, str) or not who.access_token or all(name in who.claims for name in wanted):
            return who.claims
        self._check_url(endpoint)
        said = _document(await self._http.get(endpoint, who.access_token), "the userinfo endpoint", 200)
        if said.get("sub") != who.subject:
            raise Authentication(
                "the identity provider speaks of somebody else (userinfo)", code="authentication.identity-token"
            )
        return {**said, **who.claims}

    async def _with_key(self, token: str) -> Signed:
        """The token with its key; keys that were remembered are asked for anew once, for the provider changes them."""
        keys, fresh = await self._published_keys(anew=False)
        found = find_key(token, keys)
        if found is None and not fresh:
            keys, _ = await self._published_keys(anew=True)
            found = find_key(token, keys)
        if found is None:
            raise Authentication(
                "the identity provider's token is signed with none of its keys", code="authentication.identity-token"
            )
        return found

    async def _known(self) -> Json:
        """The provider's metadata (OpenID Connect Discovery 1.0)."""
        async with self._lock:
            if self._metadata is None or self._is_old(self._metadata[0], OIDC_METADATA_FRESH_S):
                said = await self._fetched(self.settings.issuer.rstrip("/") + _WELL_KNOWN)
                self._check_metadata(said)
                self._metadata = (self._clock.monotonic_s(), said)
            return self._metadata[1]

    async def _published_keys(self, *, anew: bool) -> tuple[list[object], bool]:
        """The provider's keys, and whether they were asked for just now."""
        uri = (await self._known())["jwks_uri"]
        async with self._lock:
            if not anew and self._keys is not None and not self._is_old(self._keys[0], OIDC_KEYS_FRESH_S):
                return self._keys[1], False
            keys = (await self._fetched(uri)).get("keys")
            if not isinstance(keys, list):
                raise IdentityProvider("the identity provider publishes no keys")
            self._keys = (self._clock.monotonic_s(), keys)
            return keys, True

    async def _fetched(self, url: str) -> Json:
        """A document, or at once the failure of a moment ago: whoever waits need not wait for it in a row."""
        if self._away is not None and not self._is_old(self._away[0], OIDC_AWAY_S):
            raise IdentityProvider(str(self._away[1]))
        try:
            return _document(await self._http.get(url), url, 200)
        except IdentityProvider as error:
            self._away = (self._clock.monotonic_s(), error)
            raise

    def _is_old(self, since_s: float, age_s: float) -> bool:
        return self._clock.monotonic_s() - since_s > age_s

    def _check_metadata(self, said: Json) -> None:
        issuer = said.get("issuer")
        if issuer != self.settings.issuer:
            raise IdentityProvider(
                f"the identity provider says that it is {str(issuer)[:200]!r}; write accounts.oidc.issuer exactly so, "
                "if it is the one that is meant"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(said.get(name), str):
                raise IdentityProvider(f"the identity provider says of no {name}")
            self._check_url(said[name])

    def _check_url(self, url: str) -> None:
        """What is reached over TLS must not lead to where it is not."""
        scheme = urlsplit(url).scheme
        if scheme != "https" and (scheme, urlsplit(self.settings.issuer).scheme) != ("http", "http"):
            raise IdentityProvider(f"the identity provider's address {url[:200]!r} is not https")

    def _authenticated(self, metadata: Json, form: dict[str, str]) -> tuple[str, str] | None:
        """How this client shows who it is (RFC 6749, 2.3.1): the header's words, or more fields of the form."""
        client_id, secret = self.settings.client_id, self.settings.client_secret
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if not secret:
            form["client_id"] = client_id
            return None
        if isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods:
            form.update(client_id=client_id, client_secret=secret)
            return None
        return quote_plus(client_id), quote_plus(secret)

    def _not_taken(self, answer: ProviderAnswer, said: Json) -> Authentication | IdentityProvider:
        error = said.get("error")
        word = error[:100] if isinstance(error, str) and error.isprintable() else f"status {answer.status}"
        if word == "invalid_grant":
            return Authentication(
                "the identity provider does not take the code: it was used, or is too old; log in again",
                code="authentication.identity-code",
            )
        return IdentityProvider(f"the identity provider refuses this vault ({word}); see accounts.oidc")


def _document(answer: ProviderAnswer, of: str, status: int | None = None) -> Json:
    if status is not None and answer.status != status:
        raise IdentityProvider(f"the identity provider answers {answer.status} at {of}")
    try:
        said = orjson.loads(answer.body)
    except ValueError as error:
        raise IdentityProvider(f"the identity provider does not answer JSON at {of}") from error
    if not isinstance(said, dict):
        raise IdentityProvider(f"the identity provider does not answer an object at {of}")
    return said
