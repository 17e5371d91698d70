"""The work on a content's bytes, on threads: hash, cut, name, look up, compress, seal, append."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from hashlib import sha256

from govault.domain.manifest import ChunkRef, PartCutter, pack_one
from govault.errors import GoVaultError, Storage
from govault.limits import KIB
from govault.storage.chunker import Chunker
from govault.storage.index import shares_of
from govault.storage.ledger import Ledger
from govault.storage.pack import NewRecord, PackWriter
from govault.storage.record import BUNDLE_CHUNKS_MAX
from govault.storage.sealing import Sealer
from govault.storage.segment import Claimant, Content, Cut, Segment, SmallContent

HEAD_BYTES = 4 * KIB
BUNDLE_BYTES_MAX = 768 * KIB
"""Plain bytes sealed together. To read one chunk all of them are opened, so larger bundles save less than they cost."""
_BUNDLED_BYTES_MAX = 192 * KIB
"""Larger chunks compress well alone, and are read without a detour."""


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

    def store(self, owner: Claimant, cuts: Sequence[Cut], *, again: bool = False) -> None:
        """Bring chunks into a pack, or wait for those who do. Once all is durable: ``owner.finish``."""
        mine: list[Cut] = []
        try:
            mine = self._ledger.claim(owner, cuts, again=again)
            if not owner.unresolved:
                owner.finish()
                return
            self._append([(owner, mine)])
        except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
            self.give_up(owner, mine, as_storage_error(error))
        else:
            self._request_commit()

    def name(self, small: SmallContent) -> None:
        """Hash and cut a small content, and name its chunks."""
        plain = small.plain
        small.sha256 = sha256(plain).hexdigest()
        lengths = self._chunker.cut(plain, last=True)
        small.chunks = len(lengths)
        if len(lengths) == 1:
            chunk_id = self._sealer.chunk_id(plain)
            small.packed = pack_one(chunk_id, len(plain))
            small.cuts = (Cut(chunk_id, plain),)
            return
        cutter, view, start = PartCutter(), memoryview(plain), 0
        cuts: dict[bytes, Cut] = {}
        for length in lengths:
            piece = view[start : start + length]
            start += length
            chunk_id = self._sealer.chunk_id(piece)
            cuts.setdefault(chunk_id, Cut(chunk_id, piece))
            part = cutter.add(ChunkRef(chunk_id, length))
            if part is not None:
                small.parts.append(part)
        small.packed = cutter.finish()
        small.cuts = tuple(cuts.values())

    def claim_at_once(self, small: SmallContent) -> bool:
        """Name and claim a small content without waiting, on the event loop; False leaves that to the committer."""
        self.name(small)
        small.claimed = self._ledger.claim_at_once(small, small.cuts)
        return small.claimed is not None

    def store_small(self, contents: Sequence[SmallContent]) -> None:
        """Store many small contents with one append. The committer calls this and commits afterwards."""
        try:
            for small in contents:
                if not small.sha256:
                    self.name(small)
                if small.claimed is None:
                    small.claimed = self._ledger.claim(small, small.cuts)
                    if not small.unresolved:
                        small.finish()
            self._append([(small, small.claimed or ()) for small in contents])
        except Exception as error:  # noqa: BLE001 (the border between a worker and its caller)
            mine = [(small, small.claimed) for small in contents if small.claimed]
            self._fail(contents, mine, as_storage_error(error))

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

    def give_up(self, owner: Claimant, claimed: Sequence[Cut], error: GoVaultError) -> None:
        """An owner failed that had claimed these chunks: those who wait for them store them themselves."""
        self._fail([owner], [(owner, claimed)], error)

    def _append(self, mine: Iterable[tuple[Claimant, Sequence[Cut]]]) -> None:
        """Seal claimed chunks and append them."""
        records = [self._seal(bundle) for bundle in _bundles(mine)]
        if records:
            self._writer.append(records)

    def _seal(self, bundle: Sequence[tuple[Claimant, Cut]]) -> NewRecord:
        chunks = [ChunkRef(cut.chunk_id, len(cut.plain)) for _, cut in bundle]
        sealed = self._sealer.seal_bundle(chunks, [cut.plain for _, cut in bundle])
        for (owner, cut), share in zip(bundle, shares_of(len(sealed.raw), chunks), strict=True):
            owner.new_bytes += len(cut.plain)
            owner.stored_bytes += share
        return NewRecord(chunks, sealed.raw, sealed.sealing_epoch, self._ledger.epoch)

    def _fail(
        self,
        owners: Sequence[Claimant],
        mine: Sequence[tuple[Claimant, Sequence[Cut]]],
        error: GoVaultError,
    ) -> None:
        failed = set(owners)
        orphans = [waiter for _, cuts in mine for waiter in self._ledger.give_up(cuts)]
        for owner in failed:
            owner.finish(error)
        for waiter, cut in orphans:
            if waiter not in failed:
                self._store_orphan(waiter, cut)

    def _store_orphan(self, waiter: Claimant, cut: Cut) -> None:
        try:
            self._threads.submit(self.store, waiter, [cut], again=True)
        except RuntimeError:
            # The store closes, and the threads take no more: nobody may wait for ever.
            waiter.finish(Storage("the chunk store is closed", code="storage.closed"))


def _bundles(works: Iterable[tuple[Claimant, Sequence[Cut]]]) -> Iterator[list[tuple[Claimant, Cut]]]:
    """Chunks that came together, in runs that are sealed together; large ones alone."""
    bundle: list[tuple[Claimant, Cut]] = []
    size_bytes = 0
    for owner, cuts in works:
        for cut in cuts:
            if len(cut.plain) > _BUNDLED_BYTES_MAX:
                yield [(owner, cut)]
                continue
            size_bytes += len(cut.plain)
            if bundle and (size_bytes > BUNDLE_BYTES_MAX or len(bundle) == BUNDLE_CHUNKS_MAX):
                yield bundle
                bundle, size_bytes = [], len(cut.plain)
            bundle.append((owner, cut))
    if bundle:
        yield bundle


def as_storage_error(error: Exception) -> GoVaultError:
    """The error of our families that a worker's failure becomes."""
    if isinstance(error, GoVaultError):
        return error
    failure = Storage(f"the chunk store failed at its work: {error!r}", code="storage.worker-failed")
    failure.__cause__ = error
    return failure
