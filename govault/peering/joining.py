"""How a new node joins: it proves to know a token's secret, and gets the vault's own, sealed.

Over TLS that is pinned to the introducer's id by the token, or to the id found at an address that people named. The
proof is an HMAC under the secret over both ends' keys and a fresh number, so that it is worth nothing elsewhere or
again. The answer is sealed under a key from an X25519 exchange and the token's secret: it stays closed even to one who
could read the connection.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govault.domain.join_token import JoinToken
from govault.errors import AccessDenied, Cluster, InvalidRequest
from govault.peering.frames import Frame, Kind
from govault.peering.wire import Wire
from govault.ports import Randomness

_NONCE_BYTES = 32
_NAME_BYTES_MAX = 200
_WEIGHT_MAX = 2**31 - 1


class Candidate(NamedTuple):
    """Who wants to join."""

    public_key: bytes
    name: str
    zone: str
    weight: int


class Gate(Protocol):
    """Who decides on candidates."""

    def secret(self, token_id: bytes, node_id: str) -> bytes:
        """See ``JoinTokens.secret``."""

    async def admit(self, token_id: bytes, candidate: Candidate) -> dict[str, Any]:
        """Admit a candidate that has proved itself; what to hand over (JSON-able)."""


class Introduction:
    """One candidate's conversation with an introducer: a hello, then the proof."""

    def __init__(self, node_id: str, gate: Gate, randomness: Randomness) -> None:
        self._node_id = node_id
        self._gate = gate
        self._nonce = randomness.token(_NONCE_BYTES)
        self._key = X25519PrivateKey.from_private_bytes(randomness.token(32))

    async def answer(self, request: Frame) -> dict[str, Any]:
        """Answer a stranger.

        Raises:
            GoVaultError: Refused.
        """
        method = request.header.get("method")
        if method == "hello":
            return {"nonce": self._nonce.hex(), "key": _raw(self._key.public_key()).hex()}
        if method == "join":
            return await self._join(request.header)
        raise AccessDenied("a stranger may only join", code="join.refused")

    async def _join(self, header: dict[str, Any]) -> dict[str, Any]:
        token_id, public_key, theirs, proof, signature = (
            _bytes(header, name, size)
            for name, size in (("token", 16), ("public_key", 32), ("key", 32), ("proof", 32), ("signature", 64))
        )
        candidate = Candidate(public_key, _text(header, "name"), _text(header, "zone"), _weight(header))
        secret = self._gate.secret(token_id, hashlib.sha256(public_key).hexdigest())
        said = _transcript(self._node_id, self._nonce, _raw(self._key.public_key()), theirs, candidate)
        if not hmac.compare_digest(_proof(secret, said), proof):
            raise AccessDenied("the join token's secret is not the right one", code="join.refused")
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, said)
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(theirs))
        except (InvalidSignature, ValueError):
            raise AccessDenied("the node does not own the key that it shows", code="join.refused") from None
        handed = await self._gate.admit(token_id, candidate)
        sealed = AESGCM(_seal_key(shared, secret, said)).encrypt(bytes(12), orjson.dumps(handed), said)
        return {"sealed": base64.b64encode(sealed).decode()}


async def ask_to_join(
    wire: Wire,
    introducer_id: str,
    token: JoinToken,
    node_key: Ed25519PrivateKey,
    wish: Candidate,
    randomness: Randomness,
) -> dict[str, Any]:
    """Join over a connection to an introducer; what it hands over.

    The proof names the introducer, so that it is worth nothing to it elsewhere. Where the connection was not pinned to
    it beforehand, its answer still tells whether it is of the vault: only who knows the token's secret can seal it.

    Raises:
        AccessDenied: The introducer refuses; the message says why.
        Cluster: It answers nonsense.
        OSError: The connection is gone.
    """
    await wire.send(Kind.REQUEST, {"method": "hello"})
    hello = _accepted(await wire.answer())
    key = X25519PrivateKey.from_private_bytes(randomness.token(32))
    try:
        nonce, theirs = bytes.fromhex(hello["nonce"]), bytes.fromhex(hello["key"])
        shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
    except (KeyError, ValueError, TypeError) as error:
        raise Cluster("the introducer's hello cannot be read; is it a newer GoVault?") from error
    said = _transcript(introducer_id, nonce, theirs, _raw(key.public_key()), wish)
    request = {
        "method": "join",
        "token": token.token_id.hex(),
        "public_key": wish.public_key.hex(),
        "key": _raw(key.public_key()).hex(),
        "proof": _proof(token.secret, said).hex(),
        "signature": node_key.sign(said).hex(),
        "name": wish.name,
        "zone": wish.zone,
        "weight": wish.weight,
    }
    await wire.send(Kind.REQUEST, request)
    answer = _accepted(await wire.answer())
    try:
        sealed = base64.b64decode(answer["sealed"], validate=True)
        opened = AESGCM(_seal_key(shared, token.secret, said)).decrypt(bytes(12), sealed, said)
        handed: dict[str, Any] = orjson.loads(opened)
    except (KeyError, ValueError, TypeError, InvalidTag) as error:
        raise Cluster("what the introducer handed over cannot be opened; try another token") from error
    return handed


def new_introductions(
    node_id: str, gate: Gate, randomness: Randomness
) -> Callable[[], Callable[[Frame], Awaitable[Any]]]:
    """One conversation a connection, for ``PeerServer``."""
    return lambda: Introduction(node_id, gate, randomness).answer


def _accepted(answer: Frame) -> dict[str, Any]:
    if answer.kind is Kind.REFUSAL:
        raise AccessDenied(str(answer.header.get("message", "the introducer refuses"))[:2000], code="join.refused")
    return answer.header


def _transcript(introducer_id: str, nonce: bytes, theirs: bytes, ours: bytes, who: Candidate) -> bytes:
    said = [introducer_id, nonce.hex(), theirs.hex(), ours.hex(), who.public_key.hex(), who.name, who.zone, who.weight]
    return hashlib.sha256(b"govault join v1\0" + orjson.dumps(said)).digest()


def _proof(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, b"proof" + said, "sha256")


def _seal_key(shared: bytes, secret: bytes, said: bytes) -> bytes:
    """A key for one message only, so that its nonce may be fixed."""
    return HKDF(SHA256(), 32, salt=secret, info=b"govault join seal" + said).derive(shared)


def _raw(key: X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _bytes(header: dict[str, Any], name: str, size: int) -> bytes:
    try:
        raw = bytes.fromhex(header[name])
    except (KeyError, ValueError, TypeError):
        raw = b""
    if len(raw) != size:
        raise InvalidRequest(f"{name} in a request to join is not {size} bytes of hex", rule=name)
    return raw


def _text(header: dict[str, Any], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str) or len(value.encode("utf-8", "replace")) > _NAME_BYTES_MAX or not value.isprintable():
        raise InvalidRequest(f"{name} in a request to join is no name", rule=name)
    return value


def _weight(header: dict[str, Any]) -> int:
    value = header.get("weight")
    if type(value) is not int or not 0 <= value <= _WEIGHT_MAX:
        raise InvalidRequest("weight in a request to join is no weight", rule="weight")
    return value
