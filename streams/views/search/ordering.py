"""The orders that results come in, and the cursors that say where a page ended."""

import base64
import binascii
from typing import Any, NamedTuple

import orjson

from govault.errors import InvalidRequest
from streams.views.search.document import Document

CURSOR_CHARACTERS_MAX = 4_096
SORTS = ("path", "name", "size", "modified", "created")


class Place(NamedTuple):
    """Where a file stands in an order, ascending; both are turned round where the order is reversed."""

    value: Any
    number: int


class Backwards:
    """Text that sorts the other way round."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "Backwards") -> bool:
        return other.text.encode() < self.text.encode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backwards) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


class Forwards(Backwards):
    """Text that sorts by its UTF-8 bytes."""

    __slots__ = ()

    def __lt__(self, other: Backwards) -> bool:
        return self.text.encode() < other.text.encode()


class Order(NamedTuple):
    """One of the orders; ``by`` is empty for the order in which files were made."""

    by: str
    reverse: bool

    @classmethod
    def of(cls, sort: str) -> "Order":
        """The order that ``sort`` names.

        Raises:
            InvalidRequest: There is none of that name.
        """
        by = sort.removeprefix("-")
        if by and by not in SORTS:
            raise InvalidRequest(
                f"cannot sort by {by!r}; one of {', '.join(SORTS)}, '-' in front reverses", rule="sort"
            )
        return cls(by, sort.startswith("-"))

    def place(self, document: Document, path: str = "") -> Place:
        """Where a document stands. Paths of different spaces stand apart, by space."""
        match self.by:
            case "path":
                value: Any = self.text(f"{document.space_id}/{path}")
            case "name":
                value = self.text(document.name)
            case "size":
                value = self.integer(document.size_bytes)
            case "modified":
                value = self.integer(document.modified_ms)
            case "created":
                value = self.integer(document.created_ms)
            case _:
                value = 0
        return Place(value, self.integer(document.number))

    def integer(self, value: int) -> int:
        """A number as it sorts here."""
        return -value if self.reverse else value

    def text(self, value: str) -> Backwards:
        """A text as it sorts here."""
        return Backwards(value) if self.reverse else Forwards(value)

    def cursor(self, place: Place) -> str:
        """The place as opaque text."""
        value = place.value.text if isinstance(place.value, Backwards) else place.value
        return base64.urlsafe_b64encode(orjson.dumps((self.by, self.reverse, value, place.number))).decode().rstrip("=")

    def after(self, cursor: str) -> Place | None:
        """The place that a cursor names; None for the first page.

        Raises:
            InvalidRequest: It is not a cursor of this order.
        """
        if not cursor:
            return None
        try:
            if len(cursor) > CURSOR_CHARACTERS_MAX:
                raise ValueError("too long")
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            by, reverse, value, number = orjson.loads(raw)
            if by != self.by or reverse is not self.reverse or not isinstance(number, int):
                raise ValueError("of another order")
            if isinstance(value, str) != (by in ("path", "name")) or not isinstance(value, str | int):
                raise ValueError("of another kind")
        except (ValueError, TypeError, binascii.Error) as error:
            raise InvalidRequest(f"the cursor is not one of this query: {error}", rule="cursor") from error
        return Place(self.text(value) if isinstance(value, str) else value, number)
