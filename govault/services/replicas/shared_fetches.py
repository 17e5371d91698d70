"""One transfer of a chunk for all who want it at the same time: readers of a popular file cost its peers one read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from govault.domain.manifest import ChunkRef
from govault.services.replicas.candidates import Candidates
from govault.services.replicas.fetching import Fetch, Fetched, Fetching
from schemas.ids import ChunkId


@dataclass(slots=True, eq=False)
class _Transfer:
    """A fetch under way.

    Attributes:
        awaited: What comes of each of its chunks: as soon as it is found, or None when the fetch ends without it.
        readers: How many wait for some of it. Without any it is given up.
    """

    task: asyncio.Task[Fetch]
    awaited: dict[ChunkId, asyncio.Future[Fetched | None]]
    readers: int = 0


class SharedFetches:
    """``Fetching`` for readers that come and go. Bounded as that is: who joins a transfer takes no bytes of its own."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._transfers: dict[ChunkId, _Transfer] = {}

    @property
    def candidates(self) -> Candidates:
        """Who may have a chunk."""
        return self._fetching.candidates

    async def fetch(self, wanted: Sequence[ChunkRef]) -> Fetch:
        """See ``Fetching.fetch``. Cancelled, it leaves those who wait for the same chunks their transfer.

        A chunk that is found is given at once, whatever its transfer still waits for.
        """
        begun = [chunk for chunk in wanted if chunk.chunk_id not in self._transfers]
        if begun:
            self._begin(begun)
        transfers = {chunk.chunk_id: self._transfers[chunk.chunk_id] for chunk in wanted}
        joined = list(dict.fromkeys(transfers.values()))
        for transfer in joined:
            transfer.readers += 1
        try:
            await asyncio.wait([transfer.awaited[chunk_id] for chunk_id, transfer in transfers.items()])
        finally:
            await self._leave(joined)
        found: dict[ChunkId, Fetched] = {}
        silent: dict[str, str] = {}
        for chunk_id, transfer in transfers.items():
            fetched = transfer.awaited[chunk_id].result()
            if fetched is not None:
                found[chunk_id] = fetched
            else:
                silent |= transfer.task.result().silent
        return Fetch(found, silent)

    def _begin(self, chunks: Sequence[ChunkRef]) -> None:
        loop = asyncio.get_running_loop()
        awaited: dict[ChunkId, asyncio.Future[Fetched | None]] = {c.chunk_id: loop.create_future() for c in chunks}

        def found(fetched: Fetched) -> None:
            awaited[fetched.sealed.chunk_id].set_result(fetched)

        transfer = _Transfer(asyncio.create_task(self._fetching.fetch(chunks, found)), awaited)
        self._transfers.update(dict.fromkeys(awaited, transfer))
        transfer.task.add_done_callback(lambda _: self._end(transfer))

    def _end(self, transfer: _Transfer) -> None:
        """The fetch is over, one way or the other: nobody waits for it any more."""
        self._close(transfer)
        for future in transfer.awaited.values():
            if not future.done():
                future.set_result(None)
        if not transfer.task.cancelled():
            # Whoever misses a chunk raises it; where all had theirs already, nobody does.
            transfer.task.exception()

    async def _leave(self, transfers: Sequence[_Transfer]) -> None:
        deserted: list[asyncio.Task[Fetch]] = []
        for transfer in transfers:
            transfer.readers -= 1
            if transfer.readers == 0 and not transfer.task.done():
                self._close(transfer)
                transfer.task.cancel()
                deserted.append(transfer.task)
        if deserted:
            await asyncio.wait(deserted)

    def _close(self, transfer: _Transfer) -> None:
        """Who wants its chunks from now on begins anew."""
        for chunk_id in transfer.awaited:
            if self._transfers.get(chunk_id) is transfer:
                del self._transfers[chunk_id]
