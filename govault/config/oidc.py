"""``accounts.oidc``: an identity provider that people may log in at."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from govault.config.section import Section
from govault.config.values import FilePath, Texts


class Oidc(Section):
    """An identity provider. Off without an issuer."""

    issuer: str | None = Field(
        None,
        description="The provider's issuer, exactly as it writes it, like https://id.example/realms/main. Null: none.",
    )
    client_id: str = Field("", max_length=500, description="How the provider knows this vault.")
    client_secret_file: FilePath | None = Field(
        None, description="A file that holds the secret shared with the provider. Null: a public client, PKCE alone."
    )
    public_url: str | None = Field(
        None,
        description="Where browsers reach this vault, like https://vault.example. At the provider, register "
        "{public_url}/auth/oidc/callback as redirect address.",
    )
    name: str = Field("single sign-on", min_length=1, max_length=100, description="What people call the provider.")
    scopes: Texts = Field(("openid", "profile", "email"), description="What to ask for; openid must be among it.")
    create_accounts: bool = Field(
        False,
        description="Whether whoever the provider knows gets an account at his first login; else an administrator "
        "links accounts (govault user link), and others are refused.",
    )
    login_claim: str = Field(
        "preferred_username", min_length=1, max_length=100, description="The claim that a new account's login is from."
    )
    name_claim: str = Field("name", min_length=1, max_length=100, description="The claim with the name for people.")
    email_claim: str = Field("email", min_length=1, max_length=100, description="The claim with the e-mail address.")
    email_domains: Texts = Field(
        (),
        description="Let in only whose e-mail address the provider calls verified and is in one of these domains, like "
        "example.org; empty: anybody.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.issuer is None:
            return self
        _check_url("issuer", self.issuer)
        if not self.client_id or self.public_url is None:
            raise ValueError("issuer needs client_id and public_url")
        _check_url("public_url", self.public_url)
        if urlsplit(self.public_url).path.rstrip("/"):
            raise ValueError(f"public_url {self.public_url!r} must have no path")
        if "openid" not in self.scopes or any(not scope or " " in scope for scope in self.scopes):
            raise ValueError("scopes must have openid among them, each a word")
        return self


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    extra = parts.query or parts.fragment or parts.username or parts.password
    if not parts.hostname or extra or (parts.scheme != "https" and not plain):
        raise ValueError(f"{name} {url!r} must be https://host[:port][/path] (http only for this machine itself)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
