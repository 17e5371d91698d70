"""The vault's secrets: one root secret in a file, and every key that is derived from it.

Keys are derived with BLAKE3's key derivation, one context string a purpose, so that no key says anything about
another. The fingerprint key never changes, or the same content would get another chunk id. Sealing roots do:
epoch 1 is derived from the root secret; each later one is 32 random bytes, kept wrapped (sealed under a derived
key) in ``keyring.json`` and in every pack that uses it, so that the root secret and the packs suffice to read.
"""

import json
import os
import secrets
from pathlib import Path
from threading import Lock

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.errors import Config, GoVaultError
from govault.storage import recovery_key
from govault.storage.disk import RealDisk, replace_file

FIRST_SEALING_EPOCH = 1
WRAPPED_ROOT_BYTES = 12 + 32 + 16
_STATE_NAME = "keyring.json"
_FORMAT = 1


class Keyring:
    """Derived keys. Threads may share it; one process owns its files."""

    def __init__(self, root_secret: bytes, state_path: Path | None = None, *, fresh: bool = True) -> None:
        """A keyring of a given secret.

        Args:
            root_secret: 32 bytes.
            state_path: Where sealing roots and the export mark are kept; None keeps them in memory (tests).
            fresh: Whether the secret was made just now: nothing can have been sealed with it.
        """
        if len(root_secret) != recovery_key.SECRET_BYTES:
            raise Config(f"a root secret has {recovery_key.SECRET_BYTES} bytes, not {len(root_secret)}")
        self._root = root_secret
        self._state_path = state_path
        self._lock = Lock()
        self._wrap_key = self.derive("sealing root wrap")
        self._sealing_roots = {FIRST_SEALING_EPOCH: self.derive("sealing root 1")}
        self._exported = False
        self._complete = fresh
        self.fingerprint_key = self.derive("chunk fingerprint")
        """Keys the BLAKE3 that names chunks. Never changes."""
        self.event_mac_key = self.derive("event mac")
        """Keys the MAC of every event on the log."""
        self.digest_key = self.derive("view digest")
        """Keys the history and view digests."""
        self.cutting_seed = int.from_bytes(self.derive("chunk cutting")[:8], "big") >> 1
        """Seeds the chunker, so that chunk sizes alone do not give a known content away."""
        if state_path is not None:
            self._load(state_path)

    @classmethod
    def open(cls, folder: Path, root_key: Path | None = None) -> "Keyring":
        """The keyring of a data folder; makes a fresh root secret (mode 0600, durable) where there is none.

        Args:
            folder: ``<root>/keys``.
            root_key: Another file that holds the root secret; it must exist.

        Raises:
            Config: A key file is unreadable, malformed, or not the one that made this folder.
        """
        path = root_key or folder / "root.key"
        try:
            RealDisk(folder)
            if not path.exists():
                if root_key is not None:
                    raise Config(f"the key file {path} does not exist; `encryption_key: auto` makes one")
                if (folder / _STATE_NAME).exists():
                    raise Config(f"{path} is gone: put it back, or restore it from the recovery key")
                _write_private(path, secrets.token_bytes(recovery_key.SECRET_BYTES).hex().encode() + b"\n")
                return cls(_parse_secret(path.read_bytes(), path), folder / _STATE_NAME)
            return cls(_parse_secret(path.read_bytes(), path), folder / _STATE_NAME, fresh=False)
        except OSError as error:
            raise Config(f"cannot use the key folder {folder}: {error}") from error

    @classmethod
    def restore(cls, folder: Path, recovery_text: str) -> "Keyring":
        """Write the root secret of a recovery key into a data folder that has none, and open it.

        Raises:
            InvalidRequest: The text is not a recovery key.
            Config: There is a root secret already, and another one.
        """
        secret = recovery_key.decode(recovery_text)
        path = folder / "root.key"
        if path.exists():
            if _parse_secret(path.read_bytes(), path) != secret:
                raise Config(f"{path} holds another root secret; move it away first")
        else:
            RealDisk(folder)
            _write_private(path, secret.hex().encode() + b"\n")
        return cls.open(folder)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for a purpose; the same for the same root secret."""
        digest: bytes = blake3(self._root, derive_key_context=f"govault 2026 v1 {purpose}").digest()
        return digest

    # --- sealing epochs --------------------------------------------------------------------------------------

    @property
    def sealing_epoch(self) -> int:
        """The epoch that new records are sealed in."""
        return max(self._sealing_roots)

    @property
    def sealing_epochs(self) -> list[int]:
        """All epochs this keyring can open, ascending."""
        return sorted(self._sealing_roots)

    def sealing_root(self, epoch: int) -> bytes | None:
        """The sealing root of an epoch; None where this keyring does not have it."""
        return self._sealing_roots.get(epoch)

    def rotate(self) -> int:
        """Open a new sealing epoch in this keyring alone, durably; what was sealed before stays readable.

        A vault opens its epochs on the log (``services.cluster.sealing_roots``): this is for stores without one.

        Returns:
            Its number.

        Raises:
            Config: Its number may be taken: roots are missing.
        """
        with self._lock:
            if self.roots_may_be_missing:
                raise Config("the keyring lost its sealing roots; start the node once, it learns them from the packs")
            epoch = self.sealing_epoch + 1
            roots = {**self._sealing_roots, epoch: secrets.token_bytes(32)}
            self._save(roots=roots)
            self._sealing_roots = roots
            return epoch

    def fresh_root(self, epoch: int) -> bytes:
        """A new sealing root for an epoch, wrapped under the root secret; ``adopt_root`` takes it into the keyring."""
        return self._wrap(epoch, secrets.token_bytes(32))

    @property
    def roots_may_be_missing(self) -> bool:
        """Whether the state file was gone: later sealing roots must be learned from the packs before a new one."""
        return not self._complete

    def roots_learned(self) -> None:
        """Every root that the packs carry was adopted; remember that, durably."""
        with self._lock:
            self._save(complete=True)
            self._complete = True

    def wrapped_root(self, epoch: int) -> bytes | None:
        """The sealing root of an epoch, sealed under the root secret; None for the derived first one."""
        root = self._sealing_roots.get(epoch)
        if epoch == FIRST_SEALING_EPOCH or root is None:
            return None
        return self._wrap(epoch, root)

    def adopt_root(self, epoch: int, wrapped: bytes) -> bool:
        """Learn a sealing root that a pack or the log carries, durably.

        Returns:
            False where it is not of this vault, or not the one that the epoch has here.
        """
        try:
            root = AESGCM(self._wrap_key).decrypt(wrapped[:12], wrapped[12:], _wrap_context(epoch))
        except (InvalidTag, ValueError):
            return False
        with self._lock:
            if epoch not in self._sealing_roots:
                roots = {**self._sealing_roots, epoch: root}
                self._save(roots=roots)
                self._sealing_roots = roots
            return self._sealing_roots[epoch] == root

    # --- recovery --------------------------------------------------------------------------------------------

    @property
    def root_secret(self) -> bytes:
        """The root secret itself, for a node that joins; sealed on its way."""
        return self._root

    def recovery_key(self) -> str:
        """The root secret as text to copy down. With the packs and the log it recovers the vault."""
        return recovery_key.encode(self._root)

    @property
    def exported(self) -> bool:
        """Whether somebody took the recovery key; ``doctor`` nags until then."""
        return self._exported

    def mark_exported(self) -> None:
        """Remember, durably, that the recovery key was taken."""
        with self._lock:
            self._save(exported=True)
            self._exported = True

    # --- the state file --------------------------------------------------------------------------------------

    def _load(self, path: Path) -> None:
        if not path.exists():
            self._save()
            return
        try:
            state = json.loads(path.read_bytes())
            if state["format"] > _FORMAT:
                raise Config(f"{path} has format {state['format']}; this program knows {_FORMAT}: use a newer one")
            if state["check"] != self._check():
                raise Config(f"the root secret is not the one that {path} was made with")
            wrapped = {int(epoch): bytes.fromhex(text) for epoch, text in state["sealing_roots"].items()}
            self._exported = bool(state["exported"])
            self._complete = bool(state.get("complete", True))
            for epoch, blob in wrapped.items():
                self._sealing_roots[epoch] = AESGCM(self._wrap_key).decrypt(blob[:12], blob[12:], _wrap_context(epoch))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidTag) as error:
            raise Config(f"{path} is damaged ({error!r}); restore it from a backup or remove it") from error

    def _save(
        self, *, roots: dict[int, bytes] | None = None, exported: bool | None = None, complete: bool | None = None
    ) -> None:
        """Write the state with these changes; nothing in memory changes, so that a failure leaves both as they were."""
        if self._state_path is None:
            return
        later = {epoch: root for epoch, root in (roots or self._sealing_roots).items() if epoch != FIRST_SEALING_EPOCH}
        state = {
            "format": _FORMAT,
            "check": self._check(),
            "sealing_roots": {str(epoch): self._wrap(epoch, root).hex() for epoch, root in later.items()},
            "exported": self._exported if exported is None else exported,
            "complete": self._complete if complete is None else complete,
        }
        disk = RealDisk(self._state_path.parent)
        replace_file(disk, self._state_path.name, json.dumps(state, indent=1).encode() + b"\n")

    def _wrap(self, epoch: int, root: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self._wrap_key).encrypt(nonce, root, _wrap_context(epoch))

    def _check(self) -> str:
        return self.derive("root secret check")[:8].hex()


def _wrap_context(epoch: int) -> bytes:
    return b"govault sealing root" + epoch.to_bytes(4, "big")


def _write_private(path: Path, content: bytes) -> None:
    """Create a secret file atomically: a crash leaves none or the whole one."""
    replace_file(RealDisk(path.parent), path.name, content)


def _parse_secret(raw: bytes, path: Path) -> bytes:
    """A root secret as raw bytes, as hexadecimal digits, or as a recovery key."""
    if len(raw) == recovery_key.SECRET_BYTES:
        return raw
    try:
        text = raw.decode("ascii").strip()
        if len(text) == 2 * recovery_key.SECRET_BYTES:
            return bytes.fromhex(text)
        return recovery_key.decode(text)
    except (ValueError, GoVaultError) as error:
        raise Config(f"{path} holds no root secret: 32 raw bytes, 64 hexadecimal digits or a recovery key") from error


def file_mode_is_private(path: Path) -> bool:
    """Whether only the owner may read a key file (``doctor`` asks)."""
    return os.stat(path).st_mode & 0o077 == 0  # noqa: PTH116
