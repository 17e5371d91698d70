"""Joining: what a node answers to one that wants to belong to the vault."""

from typing import NamedTuple, Protocol


class JoinWish(NamedTuple):
    """What a joiner has proved and wishes.

    Attributes:
        token_hash: Of the token whose secret the joiner has shown to know.
        node_id: Of the key that it has shown to hold.
        weight: 0: the token's.
    """

    token_hash: str
    node_id: str
    public_key: str
    name: str = ""
    zone: str = ""
    weight: int = 0


class JoinRequests(Protocol):
    """What this node does for a joiner; the transport has verified the proofs in the wish."""

    async def admit(self, wish: JoinWish) -> bytes:
        """Admit the node by the log and give what it needs to be one of the vault. May be called again.

        Returns:
            The grant. It holds the root secret: whoever carries it seals it.

        Raises:
            AccessDenied: The token is unknown, spent, revoked or expired, or the node was removed.
            GoVaultError: The log cannot be reached.
        """
