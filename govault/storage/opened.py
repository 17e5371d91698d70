"""Contents of bundles that were read a moment ago."""

from collections import OrderedDict
from threading import Lock

from govault.storage.disk import Buffer


class OpenedBundles:
    """Contents of the bundles that were read last, a bounded number of bytes: who reads one of a bundle's chunks
    often reads the next. Threads share it; what it gives is still to be held against the chunk's id.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._contents: OrderedDict[tuple[int, int], Buffer] = OrderedDict()
        self._lock = Lock()

    def get(self, place: tuple[int, int]) -> Buffer | None:
        """The content of the bundle at a place (pack, offset). A place never gets another content."""
        with self._lock:
            content = self._contents.get(place)
            if content is not None:
                self._contents.move_to_end(place)
            return content

    def put(self, place: tuple[int, int], content: Buffer) -> None:
        """Keep a content; the ones that were not used for longest make room."""
        with self._lock:
            if place in self._contents:
                return
            self._contents[place] = content
            self._bytes += len(content)
            while self._bytes > self._bytes_max:
                self._bytes -= len(self._contents.popitem(last=False)[1])
