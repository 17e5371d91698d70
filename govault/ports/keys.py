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

    def rotate(self) -> int:
        """Open a new sealing epoch, durably; what was sealed before stays readable."""

    def recovery_key(self) -> str:
        """The root secret as text to copy down."""

    def mark_exported(self) -> None:
        """Remember, durably, that the recovery key was taken."""
