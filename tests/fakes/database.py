"""The database under an index or a queue, in memory."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from govault.storage.database import Change


class MemoryDatabase:
    """``Database`` as sorted keys and a dict."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """See the port."""
        return self.rows.get(key)

    def scan(self, family: bytes, after: bytes = b"", stop: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """See the port; the state of when the scan began, read as far as it is asked for."""
        at = bisect_left(self._keys, family + after)
        keys = self._keys[at : at + 4096]
        while keys:
            for key in keys:
                if not key.startswith(family) or (stop and key >= family + stop):
                    return
                if key in self.rows and not (after and key == family + after):
                    yield key[len(family) :], self.rows[key]
            at = bisect_left(self._keys, keys[-1] + b"\0")
            keys = self._keys[at : at + 4096]

    def write(self, changes: Sequence[Change]) -> None:
        """See the port."""
        for key, value in changes:
            if value is None:
                if self.rows.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self.rows:
                    insort(self._keys, key)
                self.rows[key] = value

    def sync(self) -> None:
        """See the port."""

    def close(self) -> None:
        """See the port."""
