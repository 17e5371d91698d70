"""What people say about a file (tags, description) inside ``apply``: bounds, and one order for a set of tags."""

from govault.domain.outcomes import Refusal
from govault.domain.paths import CONTROL
from govault.domain.reasons import Reason
from govault.limits import DESCRIPTION_BYTES_MAX, TAG_BYTES_MAX, TAGS_PER_FILE_MAX


def checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags, each once, ascending.

    Raises:
        Refusal: One is empty, too long or has control characters, or there are too many.
    """
    if not tags:
        return ()
    for tag in tags:
        if not tag or CONTROL.search(tag) or size_of(tag) > TAG_BYTES_MAX:
            raise Refusal(Reason.EVENT_INVALID, detail="not a tag")
    distinct = tuple(sorted(set(tags)))
    if len(distinct) > TAGS_PER_FILE_MAX:
        raise Refusal(Reason.TOO_MANY_TAGS, most=TAGS_PER_FILE_MAX)
    return distinct


def checked_description(description: str) -> str:
    """The description.

    Raises:
        Refusal: It is too long.
    """
    if size_of(description) > DESCRIPTION_BYTES_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="the description is too long")
    return description


def size_of(text: str) -> int:
    """Its length as UTF-8, bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
