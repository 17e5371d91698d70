"""``accounts.oidc``: what is refused at the start, with the key to change."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from govault.config.oidc import Oidc
from govault.errors import Config
from govault.node.accounts import oidc_settings

RIGHT: dict[str, Any] = {
    "issuer": "https://id.example/realms/main",
    "client_id": "vault",
    "public_url": "https://vault.example/",
}


def test_without_an_issuer_there_is_no_provider() -> None:
    assert oidc_settings(Oidc()) is None


def test_the_redirect_address_is_that_of_the_vault_and_a_client_may_have_no_secret() -> None:
    settings = oidc_settings(Oidc(**RIGHT, email_domains=("Example.ORG",)))
    assert settings is not None
    assert settings.redirect_uri == "https://vault.example/auth/oidc/callback"
    assert (settings.client_secret, settings.email_domains) == ("", ("example.org",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"client_id": ""}, "client_id and public_url"),
        ({"public_url": None}, "client_id and public_url"),
        ({"public_url": "https://vault.example/below"}, "no path"),
        ({"public_url": "vault.example"}, "public_url"),
        ({"issuer": "http://id.example"}, "http only for this machine"),
        ({"issuer": "https://id.example?x=1"}, "issuer"),
        ({"issuer": "https://me:secret@id.example"}, "issuer"),
        ({"scopes": ("profile",)}, "openid"),
        ({"scopes": ("openid", "a b")}, "each a word"),
    ],
)
def test_half_a_provider_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Oidc(**RIGHT | change)


def test_this_machine_itself_may_speak_plain_http() -> None:
    for issuer in ("http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"):
        assert Oidc(**RIGHT | {"issuer": issuer}).issuer == issuer


def test_a_secret_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    asked = Oidc(**RIGHT, client_secret_file=file)
    with pytest.raises(Config, match="client_secret_file"):
        oidc_settings(asked)
    file.write_text("\n")
    with pytest.raises(Config, match="empty"):
        oidc_settings(asked)
    file.write_text("hush\n")
    settings = oidc_settings(asked)
    assert settings is not None
    assert settings.client_secret == "hush"
