"""Several writes at once: their events share the log's group commits."""

import asyncio
from collections.abc import Coroutine, Iterable

from govault.errors import GoVaultError


async def together(writes: Iterable[Coroutine[object, object, None]]) -> None:
    """Run them all; the first error ends the others and is raised by itself.

    Raises:
        GoVaultError: The first of theirs.
        BaseExceptionGroup: One of them failed otherwise: a fault of the program.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for write in writes:
                tasks.create_task(write)
    except BaseExceptionGroup as group:
        # Not ``except*``: what that raises comes in a group again on Python 3.11.2, which is Debian 12's.
        ours, others = group.split(GoVaultError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from group


def _first(errors: BaseExceptionGroup[GoVaultError]) -> GoVaultError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
