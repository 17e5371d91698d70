"""The work on a content's bytes, on threads: hash, cut, name, look up, compress, seal, append."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from govault.domain.manifest import ChunkRef
from govault.errors import GoVaultError, Storage
from govault.limits import KIB
from govault.storage.chunker import Chunker
from govault.storage.ledger import Ledger
from govault.storage.pack import NewRecord, PackWriter
from govault.storage.sealing import Sealer
from govault.storage.segment import Content, Cut, Segment, SmallContent

HEAD_BYTES = 4 * KIB


class Pipeline:
    """The steps from bytes to appended records. Threads share it."""

    def __init__(
        self,
        chunker: Chunker,
        sealer: Sealer,
        ledger: Ledger,
        writer: PackWriter,
        threads: Executor,
        request_commit: Callable[[], None],
    ) -> None:
        self._chunker = chunker
        self._sealer = sealer
        self._ledger = ledger
        self._writer = writer
        self._threads = threads
        self._request_commit = request_commit

    def cut(self, content: Content, segment: Segment) -> list[Cut]:
        """Hash and cut a segment: its distinct chunks, named. Completed parts go to the segment."""
        for piece in segment.pieces:
            content.sha256.update(piece)
        content.size_bytes += segment.size_bytes
        pieces = [content.tail, *segment.pieces] if content.tail else segment.pieces
        buffer = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        segment.pieces = []
        if not content.head:
            content.head = bytes(buffer[:HEAD_BYTES])
        cuts: dict[bytes, Cut] = {}
        start = 0
        for length in self._chunker.cut(buffer, last=segment.last):
            plain = buffer[start : start + length]
            chunk_id = self._sealer.chunk_id(plain)
            cuts.setdefault(chunk_id, Cut(chunk_id, plain))
            chunk = ChunkRef(chunk_id, length)
            if content.watched:
                segment.chunks.append(chunk)
            part = content.cutter.add(chunk)
            if part is not None:
                segment.parts.append(part)
            content.chunks += 1
            start += length
        content.tail = buffer[start:]
        return list(cuts.values())

    def store(self, segment: Segment, cuts: Sequence[Cut], *, again: bool = False) -> None:
        """Bring a segment's chunks into a pack, or wait for those who do. Once all is durable: ``segment.finish``."""
        if self._store_all([(segment, cuts)], again=again):
            self._request_commit()

    def store_small(self, works: Sequence[SmallContent]) -> None:
        """Cut and store many small contents with one append. The committer calls this and commits afterwards."""
        batch = []
        for content, segment in works:
            try:
                batch.append((segment, self.cut(content, segment)))
            except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
                segment.finish(as_storage_error(error))
        self._store_all(batch, again=False)

    def cut_then_store(self, content: Content, segment: Segment) -> None:
        """Cut a segment here; its chunks are stored by another job, so that the next segment can be cut meanwhile."""
        try:
            cuts = self.cut(content, segment)
            if segment.last:
                self.store(segment, cuts)
            else:
                self._threads.submit(self.store, segment, cuts)
        except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
            segment.finish(as_storage_error(error))

    def give_up(self, segment: Segment, claimed: list[Cut], error: GoVaultError) -> None:
        """A segment failed that had claimed these chunks: those who wait for them store them themselves."""
        self._fail([(segment, claimed)], [(segment, claimed)], error)

    def _store_all(self, works: Sequence[tuple[Segment, Sequence[Cut]]], *, again: bool) -> bool:
        """Claim, seal and append; returns whether anything is left for a commit."""
        mine: list[tuple[Segment, list[Cut]]] = []
        waiting = False
        try:
            records: list[NewRecord] = []
            for segment, cuts in works:
                claimed = self._ledger.claim(segment, cuts, again=again)
                mine.append((segment, claimed))
                for cut in claimed:
                    records.append(self._seal(cut))
                    segment.new_bytes += len(cut.plain)
                    segment.stored_bytes += len(records[-1].raw)
                if segment.unresolved:
                    waiting = True
                else:
                    segment.finish()
            if records:
                self._writer.append(records)
        except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
            self._fail(works, mine, as_storage_error(error))
        return waiting

    def _seal(self, cut: Cut) -> NewRecord:
        sealed = self._sealer.seal(cut.chunk_id, cut.plain)
        return NewRecord(cut.chunk_id, len(cut.plain), sealed.raw, sealed.sealing_epoch, self._ledger.epoch)

    def _fail(
        self,
        works: Sequence[tuple[Segment, Sequence[Cut]]],
        mine: list[tuple[Segment, list[Cut]]],
        error: GoVaultError,
    ) -> None:
        failed = {segment for segment, _ in works}
        orphans = [waiter for _, cuts in mine for waiter in self._ledger.give_up(cuts)]
        for segment in failed:
            segment.finish(error)
        for segment, cut in orphans:
            if segment not in failed:
                self._threads.submit(self.store, segment, [cut], again=True)


def as_storage_error(error: Exception) -> GoVaultError:
    """The error of our families that a worker's failure becomes."""
    if isinstance(error, GoVaultError):
        return error
    failure = Storage(f"the chunk store failed at its work: {error!r}", code="storage.worker-failed")
    failure.__cause__ = error
    return failure
