"""Blocking work on a descriptor, in a thread that nobody leaves alone with it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Callable[..., T], *given: Any, undo: Callable[[T], None] | None = None) -> T:
    """Do blocking work in a thread, and return no sooner than it has ended, also where this is cancelled meanwhile.

    A thread cannot be stopped: were the descriptor that it writes to closed under it, its number could become another
    file's, and the bytes go there.

    Args:
        undo: Gives back what came of the work where nobody is left to take it.
    """
    running = asyncio.get_running_loop().run_in_executor(None, partial(work, *given))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                continue
        if not running.cancelled() and running.exception() is None and undo is not None:
            undo(running.result())
        raise
