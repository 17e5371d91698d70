"""How an identity provider is asked."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class ProviderAnswer(NamedTuple):
    """What came back, whatever the status."""

    status: int
    body: bytes


class ProviderHttp(Protocol):
    """Requests to an identity provider, each bounded in time and size. No redirect is followed.

    Raises:
        IdentityProvider: It cannot be reached, is too slow, or answers too much.
    """

    async def get(self, url: str, bearer: str = "") -> ProviderAnswer:
        """A document, asked for with a bearer token or without any."""

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> ProviderAnswer:
        """A form, sent once. ``basic``: name and secret for the ``Authorization`` header."""
