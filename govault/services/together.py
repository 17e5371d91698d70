"""Several writes at once: their events share the log's group commits."""

import asyncio
from collections.abc import Coroutine, Iterable

from govault.errors import GoVaultError


async def together(writes: Iterable[Coroutine[object, object, None]]) -> None:
    """Run them all; the first error ends the others and is raised by itself.

    Raises:
        GoVaultError: The first of theirs.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for write in writes:
                group.create_task(write)
    except* GoVaultError as errors:
        raise _first(errors) from errors


def _first(errors: BaseExceptionGroup[GoVaultError]) -> GoVaultError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
