"""A bounded number of workers on a bounded queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")


async def work_off(source: AsyncIterator[Item], work: Callable[[Item], Awaitable[None]], workers: int) -> None:
    """Give every item of the source to ``work``, at most ``workers`` at a time; the source runs a little ahead.

    The first exception of source or work ends all of it and is raised here.
    """
    queue: asyncio.Queue[Item | None] = asyncio.Queue(workers * 2)

    async def worker() -> None:
        while (item := await queue.get()) is not None:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
            async for item in source:
                await queue.put(item)
            for _ in range(workers):
                await queue.put(None)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
