"""A request at a raw ASGI door: no framework between the socket and the services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.types import Receive, Scope, Send, header, joined_header
from govault.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What a raw door works on.

    Attributes:
        params: Path parameters, still percent-encoded.
        query: Query fields, decoded.
    """

    scope: Scope
    receive: Receive
    send: Send
    params: dict[str, str]
    query: dict[str, str]

    @property
    def actor(self) -> Actor:
        """Who asks; the gate has put it there."""
        actor = self.scope["state"]["actor"]
        assert isinstance(actor, Actor)
        return actor

    @property
    def is_head(self) -> bool:
        """Whether no body may be sent back."""
        return bool(self.scope["method"] == "HEAD")

    def header(self, name: bytes) -> str | None:
        """One header's value."""
        return header(self.scope, name)

    def joined(self, name: bytes) -> str | None:
        """A list header's value, over all its lines."""
        return joined_header(self.scope, name)


Door = Callable[[RawRequest], Awaitable[None]]
