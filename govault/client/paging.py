"""Lists page by page, as one stream."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from govault.client.problems import ProtocolError
from govault.client.transport import Answer, Transport
from govault.limits import PAGE_MAX

Model = TypeVar("Model", bound=BaseModel)
Query = Mapping[str, str | int | None]


def read_as(model: type[Model], answer: Answer) -> Model:
    """The answer's document as a model.

    Raises:
        ProtocolError: It is another document.
    """
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(
            f"the node's answer is not the {model.__name__} that was expected: {place}: {first['msg']}"
        ) from error


async def items(
    transport: Transport, route: str, model: type[Model], query: Query | None = None, *, limit: int | None = None
) -> AsyncIterator[Any]:
    """The ``items`` of every page of a list whose pages are ``model``; at most ``limit``."""
    taken = 0
    async for page in pages(transport, route, model, query, page_size=PAGE_MAX if limit is None else limit):
        for item in page.items:  # type: ignore[attr-defined]
            yield item
            taken += 1
            if limit is not None and taken >= limit:
                return


async def pages(
    transport: Transport, route: str, model: type[Model], query: Query | None = None, *, page_size: int = PAGE_MAX
) -> AsyncIterator[Model]:
    """Every page of a list."""
    cursor: str | None = None
    while True:
        asked = {**(query or {}), "limit": min(page_size, PAGE_MAX), "cursor": cursor}
        page = read_as(model, await transport.request("GET", route, query=asked))
        yield page
        cursor = getattr(page, "next_cursor", None)
        if not cursor:
            return
