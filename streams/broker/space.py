"""Refusing writes while there is still room to stop in order."""

from __future__ import annotations

from streams.broker.disk import Disk
from streams.broker.limits import FREE_BYTES_MIN, FREE_CHECK_BYTES


class FreeSpace:
    """Whether the disk has room for what producers send.

    A write that fails for want of space ends the broker, and it could not start again before
    space was made; so producers are refused earlier, one by one, while reads and commits of
    offsets go on.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._unchecked = 0
        self.is_short = False
        self.look()

    def look(self) -> None:
        """Look at the disk now."""
        self._unchecked = 0
        self.is_short = self._disk.free_bytes() < FREE_BYTES_MIN

    def take(self, size: int) -> bool:
        """Whether `size` more bytes may be accepted."""
        self._unchecked += size
        if self._unchecked > FREE_CHECK_BYTES:
            self.look()
        return not self.is_short

    def leaves_room(self, size: int) -> bool:
        """Whether `size` bytes beside what producers send would leave them their room. Looks at the disk."""
        return self._disk.free_bytes() - size >= FREE_BYTES_MIN
