"""Several writes at once: which error is told, and what becomes of the others."""

import asyncio

import pytest

from govault.errors import Conflict, NotFound
from govault.services.log.together import together


async def fail(error: Exception) -> None:
    raise error


async def test_of_several_that_fail_at_once_the_first_error_is_told_by_itself() -> None:
    with pytest.raises(Conflict, match="one"):
        await together([fail(Conflict("one")), fail(NotFound("two")), fail(Conflict("three"))])


async def test_the_error_of_one_ends_those_that_still_wait() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(Conflict, match="one"):
        await together([wait(), fail(Conflict("one"))])
    assert ended.is_set()


async def test_a_fault_of_the_program_is_not_hidden_behind_a_refusal() -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        await together([fail(Conflict("one")), fail(ZeroDivisionError())])
    assert raised.group_contains(ZeroDivisionError)
