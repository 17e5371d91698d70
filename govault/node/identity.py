"""Who this is: the vault's id and fixed settings (``vault.json``), and the node's Ed25519 key (``keys/node.key``)."""

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from govault.errors import Config
from govault.node.folder import DataFolder, write_durably
from schemas.ids import NodeId


@dataclass(frozen=True)
class VaultIdentity:
    """What was fixed when the vault was made.

    Attributes:
        log_kind: ``embedded`` or ``kafka``: changing it needs a migration, not an edit.
        partitions: Of ``.files``.
    """

    vault_id: str
    log_kind: str
    topic_prefix: str
    partitions: int


@dataclass(frozen=True)
class NodeIdentity:
    """The node's key; its id is the SHA-256 of the raw public key, hex."""

    key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """Raw public key, hex."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @property
    def node_id(self) -> NodeId:
        """Names the node for ever."""
        return NodeId(hashlib.sha256(bytes.fromhex(self.public_key)).hexdigest())

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        return self.key.sign(message)


def load_vault(folder: DataFolder, log_kind: str, topic_prefix: str, partitions: int) -> VaultIdentity:
    """The vault of a data folder; made with these settings where there is none yet.

    Raises:
        Config: The folder's vault was made with other settings, or its file is damaged.
    """
    if not folder.vault_file.exists():
        made = VaultIdentity(str(uuid.uuid4()), log_kind, topic_prefix, partitions)
        write_durably(folder.vault_file, json.dumps(asdict(made), indent=2) + "\n")
        return made
    try:
        vault = VaultIdentity(**json.loads(folder.vault_file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Config(f"{folder.vault_file} is damaged ({error}); take it from a backup") from error
    for name, wanted, has in (
        ("log.kind", log_kind, vault.log_kind),
        ("log.topic_prefix", topic_prefix, vault.topic_prefix),
    ):
        if wanted != has:
            way = ", or move the vault there with `govault log migrate`" if wanted == "kafka" else ""
            raise Config(
                f"this vault was made with {name}: {has}, and the configuration says {wanted}. Set it back{way}"
            )
    return vault


def load_node(folder: DataFolder) -> NodeIdentity:
    """The node's key, made at first start.

    Raises:
        Config: The key file is damaged.
    """
    path = folder.keys / "node.key"
    folder.keys.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_durably(path, pem.decode(), mode=0o600)
        return NodeIdentity(key)
    try:
        loaded = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Config(f"{path} is damaged ({error}); take it from a backup") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise Config(f"{path} is not an Ed25519 key; take it from a backup")
    return NodeIdentity(loaded)
