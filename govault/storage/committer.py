"""Group commit: one thread, one fsync for all that was appended meanwhile.

Small contents are also cut, sealed and appended by this thread, many at a time: a hop less for each, one write for
all. The order of writes is the store's promise: pack bytes and folder fsynced, then the index, then whoever waits.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

from govault.errors import GoVaultError, Storage, StorageFull
from govault.limits import PACK_BYTES_MAX
from govault.storage.disk import Disk
from govault.storage.ledger import Ledger
from govault.storage.pack import PACKS_FOLDER, PackWriter, Unsynced
from govault.storage.segment import SmallContent

_SMALL_PER_ROUND_MAX = 256
_ROUNDS_PER_COMMIT_MAX = 4
_TAIL_BYTES_MAX = PACK_BYTES_MAX

StoreSmall = Callable[[Sequence[SmallContent]], None]
Done = Callable[[GoVaultError | None], None]


class _Stop:
    """Asks the thread to end after a last commit."""


_Item = SmallContent | Done | _Stop | None
_Queued = list[SmallContent] | Done | _Stop | None


class Committer:
    """The thread. Requests come from any thread; the queue is bounded by the uploads that wait for an answer."""

    def __init__(self, disk: Disk, writer: PackWriter, ledger: Ledger) -> None:
        self._disk = disk
        self._writer = writer
        self._ledger = ledger
        self._store_small: StoreSmall | None = None
        self._queue: SimpleQueue[_Queued] = SimpleQueue()
        self._ended = False
        self._unsynced_index_bytes = 0
        self._ends: dict[int, int] = {}
        self._frames: dict[int, int] = {}
        """Of commits that the index had no space for; the next one covers them."""
        self._thread = Thread(target=self._run, name="govault-commit", daemon=True)

    def start(self, store_small: StoreSmall) -> None:
        """Begin to serve.

        Args:
            store_small: Cuts, seals and appends small contents.
        """
        self._store_small = store_small
        self._thread.start()

    def request(self) -> None:
        """Commit soon what was appended before this call."""
        self._queue.put(None)

    def request_done(self, done: Done) -> None:
        """The same, and call ``done`` on the committer's thread afterwards, with the error if it failed."""
        self._put(done)

    def submit(self, small: list[SmallContent]) -> None:
        """Store small contents and commit them."""
        self._put(small)

    def _put(self, item: list[SmallContent] | Done) -> None:
        self._queue.put(item)
        if self._ended:
            # The thread may have looked into the queue for the last time before this came.
            self._refuse_rest()

    def stop(self) -> None:
        """Commit what there is and end. Blocks until the thread has ended."""
        self._queue.put(_Stop())
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            items: list[_Item] = []
            try:
                self._gather(items)
                failure = self._commit()
            except Exception as error:  # noqa: BLE001 (the worker loop: nobody may wait for ever)
                failure = self._stop_store(f"the committer failed ({error!r}): restart", error)
                for item in items:
                    if isinstance(item, SmallContent):
                        item.finish(failure)
            for item in items:
                stopping = stopping or isinstance(item, _Stop)
                if item is not None and not isinstance(item, SmallContent | _Stop):
                    item(failure)
        self._ended = True
        self._refuse_rest()

    def _gather(self, items: list[_Item]) -> None:
        """Take what waits, and store the small contents; what came meanwhile joins the same commit, a few times."""
        _add(items, self._queue.get())
        begin = 0
        for _ in range(_ROUNDS_PER_COMMIT_MAX):
            with suppress(Empty):
                while len(items) - begin < _SMALL_PER_ROUND_MAX:
                    _add(items, self._queue.get_nowait())
            if begin == len(items):
                return
            small = [item for item in items[begin:] if isinstance(item, SmallContent)]
            begin = len(items)
            if not small or self._store_small is None:
                return
            self._store_small(small)

    def _refuse_rest(self) -> None:
        failure = Storage("the chunk store is closed", code="storage.closed")
        try:
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, list):
                    for small in item:
                        small.finish(failure)
                elif callable(item):
                    item(failure)
        except Empty:
            pass

    def _commit(self) -> GoVaultError | None:
        unsynced = self._writer.take_unsynced()
        if self._ledger.failure is not None:
            return self._ledger.failure
        if not unsynced.files and not self._ends:
            return None
        try:
            self._sync(unsynced)
        except OSError as error:
            # After a failed fsync nobody knows what the disk has, and a second one would lie (fsyncgate): stop.
            return self._stop_store(f"a pack could not be made durable ({error}): check the disk and restart", error)
        return self._index(unsynced)

    def _index(self, unsynced: Unsynced) -> GoVaultError | None:
        self._ends.update(unsynced.ends)
        for number, frame_bytes in unsynced.frames.items():
            self._frames[number] = self._frames.get(number, 0) + frame_bytes
        try:
            finished = self._ledger.commit(unsynced.chunks, self._ends, self._frames)
        except StorageFull as error:
            for segment in self._ledger.drop(unsynced.chunks):
                segment.finish(error)
            return error
        except Storage as error:
            return self._stop_store(f"{error}; check the disk and restart", error)
        self._ends, self._frames = {}, {}
        for segment in finished:
            segment.finish()
        self._bound_tail(sum(chunk.entry.record_bytes for chunk in unsynced.chunks))
        return None

    def _bound_tail(self, committed_bytes: int) -> None:
        """Sync the index now and then: what it loses at a power loss, the next start must read from the packs."""
        self._unsynced_index_bytes += committed_bytes
        if self._unsynced_index_bytes >= _TAIL_BYTES_MAX:
            with suppress(StorageFull):
                self._ledger.index.sync()
                self._unsynced_index_bytes = 0

    def _sync(self, unsynced: Unsynced) -> None:
        for file in unsynced.files.values():
            file.sync()
        if unsynced.folder_changed:
            self._disk.sync_dir(PACKS_FOLDER)
        for number, file in unsynced.files.items():
            self._writer.retire(number, file)

    def _stop_store(self, message: str, cause: Exception) -> Storage:
        failure = Storage(message, code="storage.stopped")
        failure.__cause__ = cause
        for segment in self._ledger.stop(failure):
            segment.finish(failure)
        return failure


def _add(items: list[_Item], queued: _Queued) -> None:
    if isinstance(queued, list):
        items += queued
    else:
        items.append(queued)
