"""A process that fills a shard goes on folding while a search segment is written, but not for ever."""

import asyncio
from typing import cast

from streams.views.shard import Shard
from streams.views.shard_process import Filling


class Search:
    """Segments that are done when the test says so."""

    def __init__(self) -> None:
        self.waiting = 0
        self.asked: list[int] = []
        self.begun = asyncio.Event()
        self.done = asyncio.Event()

    async def maintain(self, pending_max: int, logged: bool) -> None:
        self.asked.append(pending_max)
        self.begun.set()
        await self.done.wait()
        self.waiting = 0


class OneShard:
    def __init__(self) -> None:
        self.search = Search()
        self.finished: list[Search] = []

    def finish_filling(self) -> None:
        self.finished.append(self.search)


def filling_of(shard: OneShard) -> Filling:
    return Filling(cast(Shard, shard), tells=False)


async def test_folding_goes_on_while_a_segment_is_written_until_the_next_is_full() -> None:
    shard = OneShard()
    filling, search = filling_of(shard), shard.search
    for search.waiting in (9, 10, 15, 19):
        await filling.index(10, logged=False)
    await asyncio.wait_for(search.begun.wait(), 5)
    assert search.asked == [10]

    search.waiting = 20
    full = asyncio.create_task(filling.index(10, logged=False))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not full.done()
    search.done.set()
    await full


async def test_it_ends_with_nothing_waiting_for_a_segment() -> None:
    shard = OneShard()
    filling, search = filling_of(shard), shard.search
    search.waiting = 10
    await filling.index(10, logged=False)
    ending = asyncio.create_task(filling.finish())
    await asyncio.wait_for(search.begun.wait(), 5)
    assert not shard.finished
    search.done.set()
    await ending
    assert search.asked == [10, 1]
    assert shard.finished == [search]
