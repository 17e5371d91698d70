"""Memory that is used again and again, so that the kernel need not clear pages anew for every chunk."""

import threading

from govault.limits import MIB

_KEPT_BYTES_MAX = 4 * MIB


class Rooms(threading.local):
    """One room a thread: what lies in it is gone when the same thread asks again."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def room(self, size_bytes: int) -> memoryview:
        """A room of exactly that size, with whatever lay there before. Rare large ones are not kept."""
        if size_bytes > _KEPT_BYTES_MAX:
            return memoryview(bytearray(size_bytes))
        if len(self._kept) < size_bytes:
            self._kept = bytearray(size_bytes)
        return memoryview(self._kept)[:size_bytes]
