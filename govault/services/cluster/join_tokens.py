"""Join tokens: made and withdrawn by people, spent by new nodes, once and in time by the log's order."""

import hashlib
from dataclasses import dataclass

from govault.domain.actor import Actor, system
from govault.domain.join_token import TOKEN_ID_BYTES, Introducer, JoinToken, hash_of, secret_of
from govault.domain.rows import JoinTokenRow, NodeState
from govault.errors import AccessDenied, Conflict, InvalidRequest, NotFound
from govault.limits import JOIN_TOKEN_VALID_S_MAX
from govault.ports import Clock, ClusterMap, Randomness, Views
from govault.services.log.submit import Submitter
from schemas.events.peers import JoinTokenIssued, JoinTokenRevoked, NodeAdmitted, NodeRemoved

_PARTITION = 0
_INTRODUCERS_MAX = 3
_ACTOR = system("join")


@dataclass(frozen=True, slots=True)
class Admission:
    """Who asks to be let in. ``public_key`` is raw Ed25519, 32 bytes."""

    token_id: bytes
    public_key: bytes
    name: str
    zone: str
    weight: int

    @property
    def node_id(self) -> str:
        """The node's id."""
        return hashlib.sha256(self.public_key).hexdigest()


@dataclass(frozen=True, slots=True)
class JoinTokens:
    """Attributes:
    key: The vault's key for join tokens, 32 bytes.
    vault_id: The vault that they open.
    """

    views: Views
    submitter: Submitter
    map: ClusterMap
    clock: Clock
    randomness: Randomness
    key: bytes
    vault_id: str

    async def issue(self, actor: Actor, valid_s: float, name: str = "", zone: str = "", weight: int = 1) -> str:
        """A token for one more node, as text. It is told once: nobody can read it again.

        Raises:
            InvalidRequest: It would be valid too long, or not at all.
            Conflict: No node of the vault has an address for peers.
        """
        if not 1 <= valid_s <= JOIN_TOKEN_VALID_S_MAX:
            raise InvalidRequest(
                f"a token is valid between 1 second and {JOIN_TOKEN_VALID_S_MAX:.0f}, not {valid_s:g}", rule="expires"
            )
        introducers = self._introducers()
        if not introducers:
            raise Conflict(
                "this node takes no peers: its log is embedded (`govault log migrate` moves a vault to Apache Kafka)",
                code="conflict.alone",
            )
        token_id = self._token_id(actor)
        token = JoinToken(token_id, secret_of(token_id, self.key), introducers, self.vault_id)
        expires_ms = self.clock.time_ms() + int(valid_s * 1000)
        issued = JoinTokenIssued(
            token_hash=token.token_hash, expires_ms=expires_ms, name=name, zone=zone, weight=weight
        )
        await self.submitter.submit(actor, issued, _PARTITION, subject=token.token_hash)
        return token.text()

    def listed(self) -> list[JoinTokenRow]:
        """All tokens that were ever issued, the newest first."""
        return sorted(self.views.peers().join_tokens(), key=lambda row: -row.issued_ms)

    async def revoke(self, actor: Actor, token_hash: str) -> None:
        """Withdraw a token by its hash or the beginning of it.

        Raises:
            NotFound: None, or several, begin so.
            AccessDenied: It is spent.
        """
        found = [row.token_hash for row in self.listed() if row.token_hash.startswith(token_hash)]
        if len(found) != 1 or not token_hash:
            raise NotFound(f"{len(found)} join tokens begin with {token_hash!r}; see `govault cluster tokens`")
        revoked = JoinTokenRevoked(token_hash=found[0])
        await self.submitter.submit(actor, revoked, _PARTITION, subject=found[0])

    def secret(self, token_id: bytes, node_id: str) -> bytes:
        """The secret of a token that may let this node in.

        Raises:
            AccessDenied: It may not; the words do not tell strangers more than that.
        """
        secret = secret_of(token_id, self.key)
        row = self.views.peers().join_token(hash_of(secret))
        if row is None or row.spent_by not in ("", node_id):
            raise AccessDenied("the join token is unknown, spent or revoked; ask for a new one", code="join.refused")
        if not row.spent_by and self.clock.time_ms() > row.expires_ms:
            raise AccessDenied("the join token has expired; ask for a new one", code="join.refused")
        return secret

    async def admit(self, asked: Admission) -> None:
        """Let a node in that has proved to know the token's secret. A repeat by the same node changes nothing.

        Raises:
            AccessDenied: The log decided otherwise: the token is spent or expired, or the node was removed.
        """
        token_hash = hash_of(secret_of(asked.token_id, self.key))
        admitted = NodeAdmitted(
            node_id=asked.node_id,
            public_key=asked.public_key.hex(),
            name=asked.name,
            zone=asked.zone,
            weight=asked.weight,
            token_hash=token_hash,
        )
        await self.submitter.submit(_ACTOR, admitted, _PARTITION, subject=asked.node_id)
        token = self.views.peers().join_token(token_hash)
        if token is not None and not token.spent_by:
            # The node belonged to the vault before, so that its admission spent nothing; a token opens once anyway.
            await self.submitter.submit(_ACTOR, JoinTokenRevoked(token_hash=token_hash), _PARTITION, subject=token_hash)

    async def admit_keyholder(self, public_key: bytes, name: str, zone: str, weight: int) -> None:
        """Let in a node that has the vault's keys already: a data folder that came back from a backup without its own.

        It knows every secret, and so asks nobody; but the log admits no further node without a token. In a vault that
        never had a layout it takes the place of the one node that there was; the nodes of a layout may come back, once
        the log is on Apache Kafka again.

        Raises:
            AccessDenied: The node was removed.
        """
        former = [row.node_id for row in self.views.peers().nodes() if row.state != NodeState.REMOVED]
        token_id = self.randomness.token(TOKEN_ID_BYTES)
        token_hash = hash_of(secret_of(token_id, self.key))
        expires_ms = self.clock.time_ms() + int(JOIN_TOKEN_VALID_S_MAX * 1000)
        issued = JoinTokenIssued(token_hash=token_hash, expires_ms=expires_ms)
        await self.submitter.submit(_ACTOR, issued, _PARTITION, subject=token_hash)
        await self.admit(Admission(token_id, public_key, name, zone, weight))
        for node_id in former if not self.views.peers().layouts() else ():
            await self.submitter.submit(_ACTOR, NodeRemoved(node_id=node_id), _PARTITION, subject=node_id)

    def _token_id(self, actor: Actor) -> bytes:
        """A fresh id; for a request that is repeated under its key, the same again."""
        if actor.idempotency_key is None:
            return self.randomness.token(TOKEN_ID_BYTES)
        asked = f"{actor.name}\0{actor.idempotency_key}".encode()
        return hashlib.blake2b(asked, digest_size=TOKEN_ID_BYTES, key=self.key, person=b"join-token").digest()

    def _introducers(self) -> tuple[Introducer, ...]:
        """This node first, then others that are up."""
        rows = [row for row in self.map.members() if row.peer_addresses and row.state == NodeState.UP]
        rows.sort(key=lambda row: (row.node_id != self.map.node_id, not self.map.is_up(row.node_id)))
        return tuple(Introducer(row.node_id, row.peer_addresses) for row in rows[:_INTRODUCERS_MAX])
