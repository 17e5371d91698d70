"""What came of writes whose outcome was not known in time."""

import re
from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.domain.rows import OutcomeRow
from govault.errors import NotFound
from govault.ports import Views
from schemas.ids import EVENT_ID_PATTERN

_EVENT_ID = re.compile(EVENT_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Reads kept outcomes."""

    views: Views

    def find(self, actor: Actor, event_id: str) -> OutcomeRow:
        """The kept outcome of an event.

        Raises:
            NotFound: None is kept: not decided yet, forgotten since, or never asked for.
        """
        row = self.views.find_outcome(event_id) if _EVENT_ID.match(event_id) else None
        if row is None:
            raise NotFound(
                "no outcome is kept under this id: it is not decided yet (ask again), or too long ago",
                code="not-found.outcome",
                event_id=event_id[:64],
            )
        return row
