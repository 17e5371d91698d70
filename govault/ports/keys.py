"""The vault's secrets, as upkeep sees them."""

from typing import Protocol


class KeyCustody(Protocol):
    """The vault's secrets, as upkeep sees them. Its methods block for a file's fsync: call them off the loop."""

    @property
    def sealing_epoch(self) -> int:
        """The sealing epoch of new chunks."""

    @property
    def sealing_epochs(self) -> list[int]:
        """All that can be opened, ascending."""

    @property
    def exported(self) -> bool:
        """Whether the recovery key was ever taken."""

    @property
    def roots_may_be_missing(self) -> bool:
        """Whether the keyring lost its later roots: none may be opened before they are learned again."""

    def fresh_root(self, epoch: int) -> bytes:
        """A new sealing root for an epoch, wrapped under the root secret. The keyring does not have it yet."""

    def wrapped_root(self, epoch: int) -> bytes | None:
        """The sealing root of an epoch, wrapped; None for the derived first one, and where it is not known."""

    def adopt_root(self, epoch: int, wrapped: bytes) -> bool:
        """Learn a root, durably; False where it is not of this vault, or not the one that the epoch has here."""

    def recovery_key(self) -> str:
        """The root secret as text to copy down."""

    def mark_exported(self) -> None:
        """Remember, durably, that the recovery key was taken."""
