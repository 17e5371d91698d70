"""Remote content that is read again and again, kept for a while."""

from collections import OrderedDict

from schemas.ids import ChunkId

_SEEN_MAX = 16_384


class RemoteCache:
    """Plaintexts of chunks that are not on this node, a bounded number of bytes. For one event loop's tasks.

    A chunk gets in when it is read a second time: what is read once, as in a download of everything, pushes nothing
    out.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._plains: OrderedDict[ChunkId, bytes] = OrderedDict()
        self._seen: OrderedDict[ChunkId, None] = OrderedDict()

    def get(self, chunk_id: ChunkId) -> bytes | None:
        """The plaintext, if it is at hand."""
        plain = self._plains.get(chunk_id)
        if plain is not None:
            self._plains.move_to_end(chunk_id)
        return plain

    def offer(self, chunk_id: ChunkId, plain: bytes) -> None:
        """A plaintext that was fetched and checked."""
        if chunk_id not in self._seen:
            self._seen[chunk_id] = None
            if len(self._seen) > _SEEN_MAX:
                self._seen.popitem(last=False)
            return
        self._seen.move_to_end(chunk_id)
        if chunk_id in self._plains or len(plain) > self._bytes_max:
            return
        self._plains[chunk_id] = plain
        self._bytes += len(plain)
        while self._bytes > self._bytes_max:
            self._bytes -= len(self._plains.popitem(last=False)[1])
